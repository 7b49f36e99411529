"""The files of a run that is under way, and the only place that writes them."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from tellus.config import Config, dump
from tellus.coupling.runs.checkpoint import FOLDER, Arrays, drop_checkpoints_after, write_checkpoint
from tellus.coupling.runs.directory import CONFIG, CONTENTS, SUMMARY
from tellus.coupling.runs.fields import FieldWriter
from tellus.coupling.runs.ledger import Ledger
from tellus.coupling.runs.timeseries import NAME as SERIES
from tellus.coupling.runs.timeseries import TimeSeries, rows_until
from tellus.coupling.simulation.ranks import Ranks
from tellus.io.whole_file import clear_partials, write_atomically
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem


class RunFiles:
    """Configuration, time series, fields, checkpoints and summary of one run."""

    _series: TimeSeries
    _fields: FieldWriter

    def __init__(self, out: Path, config: Config, run_id: str | None, ranks: Ranks) -> None:
        self.out, self._config, self.run_id, self._ranks = out, config, run_id, ranks

    def create(self, grid: Grid) -> None:
        """Begin a new run directory."""
        self._clear()
        self._write_config()
        self._fields = FieldWriter.create(self.out, grid, self._config.output.derived, self.run_id)
        self._series = TimeSeries(self.out)

    def reopen(self, grid: Grid, steps: int, ledger: Ledger, outputs: int) -> str:
        """Cut what was written after a checkpoint; the rows of the time series that stay.

        Parameters
        ----------
        grid : Grid
        steps : int
            Taken at the checkpoint.
        ledger : Ledger
            Of the checkpoint.
        outputs : int
            How many of those before it stay.

        Raises
        ------
        InputError
            Something is missing or damaged; then nothing has been changed.
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

    def discard(self) -> None:
        """Remove what `create` began."""
        for name in CONTENTS:
            shutil.rmtree(self.out / name, ignore_errors=True)
            with suppress(OSError):
                (self.out / name).unlink()

    def add_row(self, *values: float) -> None:
        """One row of the time series."""
        self._series.append(*values)

    def add_output(self, problem: StokesProblem, step: int, viscosity: Array, flow: Flow) -> None:
        """One output of the fields."""
        self._fields.append(problem, step, viscosity, flow)

    @property
    def series_digest(self) -> str:
        """SHA-256 of the time series so far."""
        return self._series.digest

    def write_checkpoint(self, step: int, arrays: Arrays) -> None:
        """A checkpoint, once all that came before it is on disk."""
        self._series.sync()
        self._fields.sync()
        write_checkpoint(self.out, step, arrays, self._config.output.keep_checkpoints)

    def write_summary(self, summary: dict[str, Any]) -> None:
        """run.json, replaced in one piece."""
        write_atomically(self.out / SUMMARY, json.dumps(summary, indent=1).encode())

    def close(self) -> None:
        """Close what grows."""
        self._series.close()

    def _clear(self) -> None:
        """Remove what a kill left half written."""
        clear_partials(self.out, CONFIG, SUMMARY, SERIES)
        clear_partials(self.out / FOLDER, "step-*.npz")

    def _write_config(self) -> None:
        write_atomically(self.out / CONFIG, dump(self._config).encode())


class NoFiles(RunFiles):
    """What the other processes of an mpirun write: nothing."""

    series_digest = ""

    def create(self, grid: Grid) -> None:
        """Nothing to begin."""

    def discard(self) -> None:
        """Nothing to remove."""

    def add_row(self, *values: float) -> None:
        """No row."""

    def add_output(self, problem: StokesProblem, step: int, viscosity: Array, flow: Flow) -> None:
        """No output."""

    def write_checkpoint(self, step: int, arrays: Arrays) -> None:
        """No checkpoint."""

    def write_summary(self, summary: dict[str, Any]) -> None:
        """No run.json."""

    def close(self) -> None:
        """Nothing to close."""
