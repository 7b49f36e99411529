"""The files of a run: whether it may begin or go on in a directory, and what writes them."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from tellus.config import Config, check_resumable, dump, load_stored_config
from tellus.coupling.directory.checkpoint import (
    FOLDER,
    CheckpointArrays,
    Ledger,
    drop_checkpoints_after,
    has_checkpoint,
    write_checkpoint,
)
from tellus.coupling.directory.fields import STORE, FieldWriter
from tellus.coupling.directory.timeseries import NAME as SERIES
from tellus.coupling.directory.timeseries import TimeSeries, rows_until
from tellus.coupling.ranks import Ranks
from tellus.errors import InputError
from tellus.io.json_file import parse_json
from tellus.io.places import refuse_blocked, refuse_occupied
from tellus.io.recognised import RUN, expect, lost
from tellus.io.whole_file import clear_partials, refuse_link, write_atomically
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem

CONFIG, SUMMARY = "config.toml", "run.json"
CONTENTS = (CONFIG, SUMMARY, SERIES, STORE, FOLDER)


def check_free(out: Path, overwrite: bool = False) -> None:
    """Refuse a directory that holds a run, or what is left of one (InputError).

    With `overwrite` a run there may be replaced; nothing of it is touched yet.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: choose another directory.")
    refuse_blocked(out / CONFIG)
    refuse_foreign(out)
    if (out / CONFIG).exists():
        if overwrite:
            return
        raise InputError(
            f"{out} already holds a run: resume it (--resume, resume=True), replace it (--force, "
            "overwrite=True), or choose another directory."
        )
    if left := [name for name in CONTENTS if os.path.lexists(out / name)]:
        raise InputError(
            f"{out} holds what is left of a run ({left[0]}): choose another directory, or "
            "move that away."
        )
    if overwrite:
        refuse_occupied(out, False, "holds no run to replace")


def refuse_foreign(out: Path) -> None:
    """Raise InputError where config.toml is a user's own, which a run would replace.

    A run that was killed at its very beginning has left nothing else; its file is as written here.
    """
    file = out / CONFIG
    if not file.is_file() or any(
        os.path.lexists(out / name) for name in CONTENTS if name != CONFIG
    ):
        return
    try:
        written_here = file.read_bytes() == dump(load_stored_config(Config, file)).encode()
    except InputError:
        written_here = False
    if not written_here:
        raise InputError(
            f"{file} is no run's, and a run would replace it: choose another directory, or rename "
            "the file."
        )


def check_same_physics(config: Config, out: Path) -> None:
    """Refuse what is no run, began with other physics, or leads elsewhere (InputError)."""
    stored = out / CONFIG
    if not stored.is_file():
        expect(out, RUN)
        raise lost(stored)
    refuse_foreign(out)
    check_resumable(load_stored_config(Config, stored), config)
    for name in (FOLDER, STORE):
        refuse_link(out / name)


def check_same_run(out: Path, run_id: str | None) -> None:
    """Refuse a checkpoint of another run than the one that run.json tells of (InputError)."""
    try:
        stored = parse_json((out / SUMMARY).read_bytes())["run_id"]
    except (OSError, ValueError, LookupError):
        # Written anew by every call, so that no run depends on it; earlier versions had no id.
        return
    if stored != run_id:
        raise InputError(
            f"{out / FOLDER}: the checkpoint is of another run than {SUMMARY}: copy both from one "
            "run, or start the run anew."
        )


def began(out: Path) -> bool:
    """Whether there is anything to go on from; if not, a kill came before the first checkpoint."""
    return has_checkpoint(out) or (out / SUMMARY).exists()


P = ParamSpec("P")


def by_the_first(
    write: Callable[Concatenate["RunFiles", P], None],
) -> Callable[Concatenate["RunFiles", P], None]:
    """What the first process of an mpirun writes; of the others' calls nothing comes."""

    @wraps(write)
    def written(self: "RunFiles", /, *args: P.args, **kwargs: P.kwargs) -> None:
        if self._ranks.first:
            write(self, *args, **kwargs)

    return written


class RunFiles:
    """Configuration, time series, fields, checkpoints and summary of one run."""

    _series: TimeSeries
    _fields: FieldWriter

    def __init__(self, out: Path, config: Config, run_id: str | None, ranks: Ranks) -> None:
        self.out, self._config, self.run_id, self._ranks = out, config, run_id, ranks

    @by_the_first
    def create(self, grid: Grid) -> None:
        """Begin a new run directory."""
        self._clear()
        self._write_config()
        self._fields = FieldWriter.create(self.out, grid, self._config.output.derived, self.run_id)
        self._series = TimeSeries(self.out)

    def reopen(self, grid: Grid, steps: int, ledger: Ledger, outputs: int) -> str:
        """Cut what was written after a checkpoint; the rows of the time series that stay.

        `steps` were taken at the checkpoint, and as many `outputs` of those before it stay. Raises
        InputError where something is missing or damaged; then nothing has been changed.
        """
        rows = rows_until(self.out, steps, ledger.series_sha256)
        derived = self._config.output.derived
        self._fields = FieldWriter.open(self.out, grid, outputs, derived, self.run_id)
        self._ranks.meet()  # others read it too
        if not self._ranks.first:
            return rows
        drop_checkpoints_after(self.out, steps)
        self._clear()
        self._fields.cut(outputs)
        self._series = TimeSeries(self.out, rows)
        self._write_config()
        return rows

    @by_the_first
    def discard(self) -> None:
        """Remove a run; its config.toml, which says that there is one, last.

        Nothing is removed where nothing could be written in its place (InputError).
        """
        if (config := self.out / CONFIG).is_file():
            write_atomically(config, config.read_bytes())
        for name in reversed(CONTENTS):
            shutil.rmtree(self.out / name, ignore_errors=True)
            with suppress(OSError):
                (self.out / name).unlink()

    @by_the_first
    def add_row(self, *values: float) -> None:
        self._series.append(*values)

    @by_the_first
    def add_output(self, problem: StokesProblem, step: int, viscosity: Array, flow: Flow) -> None:
        self._fields.append(problem, step, viscosity, flow)

    @property
    def series_digest(self) -> str:
        """SHA-256 of the time series so far."""
        return self._series.digest if self._ranks.first else ""

    @by_the_first
    def write_checkpoint(self, step: int, arrays: CheckpointArrays) -> None:
        """A checkpoint, once all that came before it is on disk."""
        self._series.sync()
        self._fields.sync()
        write_checkpoint(self.out, step, arrays, self._config.output.keep_checkpoints)

    @by_the_first
    def write_summary(self, summary: dict[str, Any]) -> None:
        """run.json, replaced in one piece."""
        write_atomically(self.out / SUMMARY, json.dumps(summary, indent=1).encode())

    @by_the_first
    def close(self) -> None:
        self._series.close()

    def _clear(self) -> None:
        """Remove what a kill left half written."""
        clear_partials(self.out, CONFIG, SUMMARY, SERIES)
        clear_partials(self.out / FOLDER, "step-*.npz")

    def _write_config(self) -> None:
        write_atomically(self.out / CONFIG, dump(self._config).encode())
