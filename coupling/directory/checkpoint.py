"""Checkpoints: written whole or not at all, and known to be whole when read.

A checkpoint is one .npz file whose name carries the number of the step and the
first 16 hex digits of the SHA-256 of its content. It is written under a
temporary name, synced and renamed; no pickle is ever read.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from math import inf
from operator import itemgetter
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError
from tellus.io.arrays import npz_bytes, read_npz
from tellus.io.busy import Watch
from tellus.io.json_file import parse_json
from tellus.io.whole_file import clear_partials, own_folder, write_atomically

FOLDER = "checkpoints"
NAME = re.compile(r"step-(\d{9,})-([0-9a-f]{16})\.npz")

CheckpointArrays = Mapping[str, NDArray[Any]]


def write_checkpoint(run: Path, step: int, arrays: CheckpointArrays, keep: int) -> Path:
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
    """Delete checkpoints after `step`, before the outputs that they need are cut."""
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


KEY = "ledger"
"""Name of the array that holds it, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The state of a run at a checkpoint, but for its fields.

    Runs of earlier versions lack what has a default.
    """

    run_id: str | None = None
    series_sha256: str | None = None  # of the rows of the time series so far
    config: Mapping[str, Any]  # as its sections
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # see `own.recorded`
    weights: Mapping[str, str | None] = field(default_factory=dict)  # digests, by part
    start: Mapping[str, Any]  # see `Start.to_json`
    outputs: int  # written so far,
    last_output_step: int  # the last one after this step
    seconds: float  # of wall time so far,
    output_seconds: float  # and what of them went into files
    others_percent: float | None = None  # of the machine's processors, used by other work
    tally: Mapping[str, Any]  # see `RunStatistics.to_json`
    warnings: list[str]

    def to_array(self) -> NDArray[np.str_]:
        """The text that a checkpoint holds."""
        return np.array(json.dumps(asdict(self)))

    @classmethod
    def of(cls, checkpoint: Mapping[str, NDArray[Any]]) -> Self:
        """The ledger in a checkpoint; ValueError, LookupError or TypeError where there is none."""
        content = {"start": {}} | parse_json(str(checkpoint[KEY]))
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})


class RunClock:
    """Starts with this part of a run; `processes` do the work, this one and others of mpirun."""

    def __init__(self, processes: int = 1) -> None:
        self.output_seconds = 0.0
        self._before, self._others_before = 0.0, 0.0
        self._watch, self._started = Watch(processes), perf_counter()

    def go_on_from(self, ledger: Ledger) -> None:
        """Count what the parts before took, too."""
        self._before, self.output_seconds = ledger.seconds, ledger.output_seconds
        self._others_before = ledger.others_percent or 0.0  # earlier versions did not watch

    @property
    def here(self) -> float:
        """Seconds of this part."""
        return perf_counter() - self._started

    @property
    def seconds(self) -> float:
        """Seconds of all parts of the run."""
        return self._before + self.here

    @property
    def others_percent(self) -> float:
        """Percent of the machine's processors that other work used during the run."""
        before, here = self._before, self.here
        busy = self._others_before * before + self._watch.others_percent * here
        return min(busy / (before + here), 100.0)

    @contextmanager
    def output(self) -> Iterator[None]:
        """What is done inside goes into files."""
        start = perf_counter()
        yield
        self.output_seconds += perf_counter() - start
