"""Which outputs of a run are whole, and one sentence about what is still good."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tellus.io.arrays import evenly_spaced
from tellus.io.json_file import brief
from tellus.io.stores import open_store, stored_array
from tellus.io.whole_file import refuse_link

MOST_READ, MOST_BYTES = 100, 2**28
"""How many outputs, and bytes of them, are read when a run goes on, in some two seconds. The others
are only looked for; their checksums tell of damage when they are read."""

BEGUN = re.compile(r".*\.[0-9a-f]{32}\.partial")
"""What zarr calls a file that it has begun."""

ZarrArrays = dict[str, zarr.Array[Any]]


class DamagedOutputError(Exception):
    """The output of this number cannot be read."""

    def __init__(self, output: int, reason: str) -> None:
        super().__init__(f"output {output}: {reason}")
        self.output = output


def files_of(store: Path) -> set[str]:
    """Paths of all files, from the store on; InputError for a link anywhere in it."""
    found: set[str] = set()
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(store / folder) as listing:
            for entry in listing:
                path = f"{folder}{entry.name}"
                if entry.is_symlink():
                    refuse_link(store / path)
                elif entry.is_dir():
                    folders.append(f"{path}/")
                else:
                    found.add(path)
    return found


def clear_begun(store: Path, files: Iterable[str]) -> None:
    """Remove what a killed process began, of the files of a store."""
    for file in files:
        if BEGUN.fullmatch(file):
            (store / file).unlink(missing_ok=True)


def check_present(arrays: ZarrArrays, files: set[str], outputs: int) -> None:
    """Raise DamagedOutputError for the first output of which a file is missing."""
    for output in range(outputs):
        for name, array in arrays.items():
            chunk = "/".join([name, "c", str(output), *("0" for _ in array.shape[1:])])
            if chunk not in files:
                raise DamagedOutputError(output, f"{name} is missing")


def check_readable(arrays: ZarrArrays, outputs: Sequence[int]) -> None:
    """Raise DamagedOutputError for the first of these outputs that is damaged."""
    for output in outputs:
        for name, array in arrays.items():
            try:
                whole = np.isfinite(np.asarray(array[output])).all()
            except PermissionError:
                raise
            except Exception as error:  # up to zarr and its codecs
                raise DamagedOutputError(output, f"{name}, {brief(error)}") from error
            if not whole:
                raise DamagedOutputError(output, f"{name} is incomplete or not finite")


def spread(arrays: ZarrArrays, outputs: int) -> list[int]:
    """Numbers of the outputs to read, evenly spaced, the first and the newest among them."""
    each = sum(array.nbytes for array in arrays.values()) // max(outputs, 1)
    most = min(MOST_READ, max(2, MOST_BYTES // max(each, 1)))
    return evenly_spaced(outputs, most)


def remedy(store: Path, damaged: int) -> str:
    """What to do, and which outputs before the damaged one are whole, all of them read for it."""
    try:
        check_readable(fields_of(open_store(store)), range(damaged))
        whole = damaged
    except DamagedOutputError as error:
        whole = error.output
    except Exception:  # up to zarr
        whole = 0
    if whole == 0:
        return "run it anew"
    which = "output 0 is" if whole == 1 else f"outputs 0 to {whole - 1} are"
    return f'{which} whole, from which initial.kind = "file" starts a new run; or run it anew'


def fields_of(store: zarr.Group) -> ZarrArrays:
    """The arrays with a chunk for each output."""
    arrays = {name: stored_array(store, name) for name in store.array_keys()}
    return {name: a for name, a in arrays.items() if a.ndim > 1 and a.chunks[0] == 1}
