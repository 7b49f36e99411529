"""Checkpoints: written whole or not at all, and known to be whole when read.

A checkpoint is one .npz file whose name carries the number of the step and the
first 16 hex digits of the SHA-256 of its content. It is written under a
temporary name, synced and renamed; no pickle is ever read.
"""

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from math import inf
from operator import itemgetter
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tellus.errors import InputError
from tellus.io.arrays import npz_bytes, read_npz
from tellus.io.whole_file import clear_partials, own_folder, write_atomically

FOLDER = "checkpoints"
NAME = re.compile(r"step-(\d{9,})-([0-9a-f]{16})\.npz")

Arrays = Mapping[str, NDArray[Any]]


def write_checkpoint(run: Path, step: int, arrays: Arrays, keep: int) -> Path:
    """Write `arrays` as the checkpoint of `step` and delete all but the newest `keep`.

    Any other checkpoint of this step or a later one goes too: it is damaged, and a run
    that went back behind it has come past it again.
    """
    folder = own_folder(run / FOLDER)
    content = npz_bytes(arrays)
    final = folder / f"step-{step:09d}-{_digest(content)}.npz"
    write_atomically(final, content)
    found = _newest_first(run)
    kept = [final, *(path for number, path in found if number < step)][:keep]
    for _, path in found:
        if path not in kept:
            path.unlink()
    clear_partials(folder, "step-*.npz")
    return final


def drop_checkpoints_after(run: Path, step: int) -> None:
    """Delete those of later steps, before what they need is cut."""
    for number, path in _newest_first(run):
        if number > step:
            path.unlink()


def has_checkpoint(run: Path) -> bool:
    """Whether there is any, whole or damaged."""
    return bool(_newest_first(run))


def read_checkpoint(
    run: Path, warn: Callable[[str], None], before: float = inf
) -> dict[str, NDArray[Any]]:
    """The newest checkpoint that is whole; damaged ones are passed over with a warning.

    With `before`, the newest of an earlier step than that. Raises InputError if there is none.
    """
    for _, path in (found for found in _newest_first(run) if found[0] < before):
        try:
            content = path.read_bytes()
            if not path.stem.endswith(_digest(content)):
                raise ValueError("its content does not match the checksum in its name")
            return read_npz(io.BytesIO(content))
        except (OSError, ValueError) as error:
            warn(f"checkpoint {path} is damaged ({error}); using the one before it")
    raise InputError(f"{run / FOLDER} holds no whole checkpoint: start the run anew.")


def _newest_first(run: Path) -> list[tuple[int, Path]]:
    """Steps and files of all checkpoints."""
    named = ((NAME.fullmatch(path.name), path) for path in (run / FOLDER).glob("step-*.npz"))
    found = [(int(match[1]), path) for match, path in named if match]
    return sorted(found, key=itemgetter(0), reverse=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
