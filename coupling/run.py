"""A run and its directory: outputs, checkpoints, resume, signals, provenance."""

import json
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from tellus.solver.diagnostics import cells_across_thinnest
from tellus.solver.errors import InputError, InterruptedRunError, RunFailedError
from tellus.solver.stokes import StokesSolver

from . import estimate
from .checkpoint import read_checkpoint, write_atomically, write_checkpoint
from .fields import FieldWriter, open_fields
from .progress import RunProgress
from .provenance import provenance
from .simulation import Simulation, Snapshot, Tally
from .timeseries import TimeSeries

if TYPE_CHECKING:
    from tellus.config import Config

log = logging.getLogger("tellus")


def run_directory(
    config: "Config",
    out: Path | str,
    resume: bool = False,
    progress: bool = True,
    solver: StokesSolver | None = None,
) -> dict[str, Any]:
    """Run a configuration to its end and leave a run directory.

    Parameters
    ----------
    config : Config
    out : path
        Directory to make; with `resume` the directory to go on with.
    resume : bool
        Go on from the newest whole checkpoint in `out`, bitwise as if never stopped.
    progress : bool
        Show progress on stderr.
    solver : StokesSolver, optional
        One of your own, instead of the one that `stokes.solver` names.

    Returns
    -------
    dict
        The content of run.json.

    Raises
    ------
    InputError, RunFailedError, InterruptedRunError
        Exit status 2, 1 and 3 of the command line.
    """
    out = Path(out)
    if not resume and (out / "config.toml").exists():
        raise InputError(f"{out} already holds a run: choose another directory, or resume it.")
    if resume and not (out / "config.toml").is_file():
        raise InputError(f"{out} holds no run to resume: it has no config.toml.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: choose another directory.")
    simulation = Simulation.from_config(config, solver)
    warnings = simulation.solver.check(simulation.problem)
    simulation.warm_up()
    run = _Run(config, out, simulation)
    for warning in warnings:
        run.warn(warning)
    if resume:
        run.reopen()
    else:
        run.create()
    return run.go(progress)


def open_run(path: Path | str) -> xr.Dataset:
    """The outputs of a run as a lazily read xarray dataset; InputError if there are none."""
    return open_fields(Path(path))


class _Run:
    """The bookkeeping around a simulation: what is due, what was written, how long it took."""

    series: TimeSeries
    fields: FieldWriter

    def __init__(self, config: "Config", out: Path, simulation: Simulation) -> None:
        self.config, self.out, self.simulation = config, out, simulation
        self.outputs, self.last_output_step = 0, -1
        self.warnings: list[str] = []
        self.seconds_before, self.output_seconds = 0.0, 0.0
        self.provenance = provenance()
        self._started = perf_counter()
        self._checkpointed = -1

    def create(self) -> None:
        """Lay out a new run directory; config.toml makes it a run."""
        from tellus.config import dump

        self._say_what_to_expect()
        self.out.mkdir(parents=True, exist_ok=True)
        write_atomically(self.out / "config.toml", dump(self.config).encode())
        self.series = TimeSeries.create(self.out)
        self.fields = FieldWriter.create(self.out, self.simulation.grid)
        self._checkpoint()

    def reopen(self) -> None:
        """Go back to the newest whole checkpoint and cut what was written after it."""
        from tellus.config import dump

        arrays = read_checkpoint(self.out, self.warn)
        try:
            self._restore(arrays)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{self.out / 'checkpoints'}: the checkpoint does not fit this configuration "
                f"({error}); resume with the configuration the run began with."
            ) from error
        self.fields = FieldWriter.open(self.out)
        if self.fields.outputs < self.outputs:
            raise InputError(
                f"{self.out / 'fields.zarr'} has {self.fields.outputs} of the {self.outputs} "
                "outputs before the checkpoint: start the run anew."
            )
        self.series = TimeSeries.resume(self.out, self.simulation.steps)
        self.fields.cut(self.outputs)
        write_atomically(self.out / "config.toml", dump(self.config).encode())
        self._checkpointed = self.simulation.steps

    def go(self, progress: bool) -> dict[str, Any]:
        """Step until the end, a limit, a signal or a failure; the summary goes to run.json."""
        self._write_summary("running", "")
        shown = RunProgress(self.simulation.time, self.config.time.end, progress)
        try:
            with _signals() as caught, shown:
                self._loop(shown, caught)
        except RunFailedError as error:
            self.series.close()
            self._write_summary("failed", str(error))
            raise
        except InterruptedRunError as error:
            self._checkpoint()
            self._write_summary("stopped", str(error))
            raise
        self._checkpoint()
        return self._write_summary("done", "")

    def _loop(self, shown: RunProgress, caught: list[int]) -> None:
        simulation, settings = self.simulation, self.config
        while True:
            if self._output_is_due() and self.last_output_step != simulation.steps:
                self._output()
            if self._finished():
                break
            record = simulation.step(until=min(self._next_output(), settings.time.end))
            self.series.append(record)
            shown.update(record)
            if simulation.steps % settings.output.checkpoint_every == 0:
                self._checkpoint()
            if caught:
                self._stop(signal.Signals(caught[0]).name)
            limit = settings.time.wall_limit
            if limit is not None and perf_counter() - self._started >= limit:
                self._stop(f"time.wall_limit = {limit:g} s")
        if self.last_output_step != simulation.steps:
            self._output()

    def _finished(self) -> bool:
        most = self.config.time.max_steps
        enough = most is not None and self.simulation.steps >= most
        return self.simulation.time >= self.config.time.end or enough

    def _output_is_due(self) -> bool:
        """Steps are cut to hit output times exactly, so equality is meant."""
        time, every = self.simulation.time, self.config.output.every
        return time == round(time / every) * every or time == self.config.time.end

    def _next_output(self) -> float:
        time, every = self.simulation.time, self.config.output.every
        count = round(time / every)
        return count * every if count * every > time else (count + 1) * every

    def _output(self) -> None:
        flow = self.simulation.flow()
        start = perf_counter()
        temperature = self.simulation.temperature
        viscosity = self.simulation.problem.viscosity()
        self.fields.append(
            self.simulation.time, self.simulation.steps, temperature, viscosity, flow
        )
        self.outputs += 1
        self.last_output_step = self.simulation.steps
        self._warn_if_unresolved()
        self.output_seconds += perf_counter() - start

    def _checkpoint(self) -> None:
        if self._checkpointed == self.simulation.steps and not self._finished():
            return
        start = perf_counter()
        self.series.sync()
        ledger = {
            "outputs": self.outputs,
            "last_output_step": self.last_output_step,
            "seconds": self._elapsed(),
            "output_seconds": self.output_seconds,
            "tally": self.simulation.tally.to_json(),
            "warnings": self.warnings,
        }
        arrays: Snapshot = self.simulation.snapshot() | {"ledger": np.array(json.dumps(ledger))}
        keep = self.config.output.keep_checkpoints
        write_checkpoint(self.out, self.simulation.steps, arrays, keep)
        self._checkpointed = self.simulation.steps
        self.output_seconds += perf_counter() - start

    def _restore(self, arrays: Snapshot) -> None:
        self.simulation.restore(arrays)
        ledger = json.loads(str(arrays["ledger"]))
        self.outputs = ledger["outputs"]
        self.last_output_step = ledger["last_output_step"]
        self.seconds_before = ledger["seconds"]
        self.output_seconds = ledger["output_seconds"]
        self.simulation.tally = Tally.from_json(ledger["tally"])
        self.warnings += [w for w in ledger["warnings"] if w not in self.warnings]

    def warn(self, sentence: str) -> None:
        """Log a warning once and keep it for run.json."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)
            log.warning(sentence)

    def _stop(self, reason: str) -> None:
        raise InterruptedRunError(
            f"stopped by {reason} at step {self.simulation.steps}, t = "
            f"{self.simulation.time:.6g}; a checkpoint was written: go on with --resume."
        )

    def _say_what_to_expect(self) -> None:
        simulation, config = self.simulation, self.config
        name = simulation.solver.name
        start = perf_counter()
        simulation.flow()
        seconds = perf_counter() - start
        remaining = config.time.end - simulation.time
        log.info(
            estimate.cost_sentence(simulation.grid, name, seconds, remaining, config.time.dt_max)
        )
        cells = estimate.expected_layer_cells(
            simulation.grid, simulation.rheology, simulation.rayleigh
        )
        if sentence := estimate.resolution_warning(cells, "a hot boundary layer, by scaling,"):
            self.warn(sentence)

    def _warn_if_unresolved(self) -> None:
        """The initial state may jump; what the flow makes of it is what counts."""
        if self.simulation.steps == 0 or any("thinnest" in w for w in self.warnings):
            return
        walls = self.simulation.boundaries
        cells = cells_across_thinnest(
            self.simulation.temperature, walls.bottom_temperature, walls.top_temperature
        )
        where = f"at t = {self.simulation.time:.4g} the thinnest boundary layer or plume"
        if sentence := estimate.resolution_warning(cells, where):
            self.warn(sentence)

    def _elapsed(self) -> float:
        return self.seconds_before + perf_counter() - self._started

    def _write_summary(self, status: str, message: str) -> dict[str, Any]:
        tally = self.simulation.tally
        summary = {
            **self.provenance,
            "solver": self.config.stokes.solver,
            "weights_sha256": getattr(self.simulation.solver, "weights_sha256", None),
            "status": status,
            "message": message,
            "steps": self.simulation.steps,
            "time": self.simulation.time,
            "seconds": {
                "stokes": dict(tally.stokes),
                "energy": tally.energy,
                "output": self.output_seconds,
                "total": self._elapsed(),
            },
            "solver_report": {**tally.statuses, "iterations": tally.iterations},
            "warnings": self.warnings,
        }
        write_atomically(self.out / "run.json", json.dumps(summary, indent=1).encode())
        return summary


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them; a second one kills as usual."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    watched = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in watched}

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        for watched_number, handler in before.items():
            signal.signal(watched_number, handler)

    for number in watched:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
