"""A run and its directory: outputs, checkpoints, resume, provenance."""

import csv
import json
import logging
from contextlib import nullcontext, suppress
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from tellus.config import Config, check_resumable
from tellus.coupling.build import simulation_arguments
from tellus.coupling.runs import estimate
from tellus.coupling.runs.checkpoint import FOLDER
from tellus.coupling.runs.directory import (
    NoFiles,
    RunFiles,
    began,
    check_free,
    check_same_physics,
    check_same_run,
)
from tellus.coupling.runs.fields import open_fields
from tellus.coupling.runs.progress import RunProgress
from tellus.coupling.runs.provenance import provenance
from tellus.coupling.runs.reopening import check_solver, checkpoint_for, differences
from tellus.coupling.setup import check_grid, initial_state, replaced, resolved
from tellus.coupling.simulation.loop import Simulation, Snapshot, StepRecord
from tellus.coupling.simulation.ranks import Ranks, processes, ranks_of
from tellus.coupling.simulation.statistics import RunStatistics
from tellus.coupling.simulation.steady import WATCHED, SteadyWatch
from tellus.coupling.simulation.stepping import Schedule
from tellus.coupling.solvers.names import own_name
from tellus.coupling.starts.start import Start
from tellus.errors import InputError, InterruptedRunError, RunFailedError
from tellus.io.busy import Watch
from tellus.io.lock import sole_user
from tellus.io.signals import Asked, remembered
from tellus.solver.diagnostics import cells_across_thinnest
from tellus.solver.stokes import StokesSolver
from tellus.solver.strain import effective_viscosity
from tellus.solver.threads import one_blas_thread

log = logging.getLogger("tellus")


@one_blas_thread()
def run_directory(
    config: Config,
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
    out, config = Path(out), resolved(config)
    ranks = ranks_of(config.stokes.solver, solver)
    # What overflows is found by the checks of every step, and said there in a sentence.
    with remembered() as asked, np.errstate(all="ignore"):
        if resume:
            check_same_physics(config, out)
            if began(out):
                with sole_user(out) if ranks.first else nullcontext():
                    return _Run.reopened(config, out, solver, ranks).go(progress, asked)
        else:
            check_free(out)
        run = _Run(config, out, solver, ranks, run_id=uuid4().hex)
        run.prepare()
        with sole_user(out) if ranks.first else nullcontext():
            if ranks.first and began(out):
                raise InputError(f"{out} was taken by another process: choose another directory.")
            run.create()
            return run.go(progress, asked)


def open_run(path: Path | str) -> xr.Dataset:
    """The outputs of a run as a lazily read xarray dataset; InputError if there are none."""
    return open_fields(Path(path))


class _Run:
    """The bookkeeping around a simulation: what is due, what was written, how long it took."""

    def __init__(
        self,
        config: Config,
        out: Path,
        solver: StokesSolver | None,
        ranks: Ranks,
        start: Start | None = None,
        run_id: str | None = None,
    ) -> None:
        if solver is not None:
            config = replaced(config, "stokes", solver=own_name(solver))
        self.config, self.ranks = config, ranks
        self.files = (RunFiles if ranks.first else NoFiles)(out, config, run_id, ranks)
        self.warnings: list[str] = []
        for sentence in check_grid(config, solver):
            self.warn(sentence)
        self._begins = start is None
        self.start = initial_state(config) if start is None else start
        self.simulation = Simulation(**simulation_arguments(config, self.start, solver))
        self.solver_name = config.stokes.solver if solver is None else solver.name
        self.schedule = Schedule(config.output.every, config.time.end)
        tolerance, window = config.time.steady_tolerance, config.time.steady_window
        self.steady = None if tolerance is None else SteadyWatch(tolerance, window)
        self.outputs, self.last_output_step = 0, -1
        self.seconds_before, self.output_seconds = 0.0, 0.0
        self._busy, self._busy_before = Watch(processes()), 0.0
        self.provenance = provenance()
        self._started = perf_counter()
        self._checkpointed = -1

    @classmethod
    def reopened(
        cls, config: Config, out: Path, solver: StokesSolver | None, ranks: Ranks
    ) -> "_Run":
        """Back at the newest whole checkpoint, with what was written after it cut.

        Nothing is changed before everything has been found whole.
        """
        damaged: list[str] = []
        try:
            arrays, ledger = checkpoint_for(config, out, damaged.append)
            check_solver(ledger, config, solver)
            # config.toml may have been edited since.
            check_resumable(Config.model_validate(ledger["config"]), config)
            start = Start.from_json(arrays["temperature"], ledger.get("start", {}))
            # Runs of earlier versions have no id, and get none.
            run_id = ledger.get("run_id")
            run = cls(config, out, solver, ranks, start, run_id)
            run.simulation.restore(arrays)
            run._restore(ledger)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{out / FOLDER}: the checkpoint does not fit this configuration or version "
                f"({error}); resume with those the run began with."
            ) from error
        check_same_run(out, run_id)
        for sentence in damaged + differences(ledger, config, solver):
            run.warn(sentence)
        run.prepare()
        run._forget_extra_output()
        digest = ledger.get("series_sha256")
        rows = run.files.reopen(run.simulation.grid, run.outputs, run.simulation.steps, digest)
        run._rewatch(rows)
        run._checkpointed = run.simulation.steps
        return run

    def _forget_extra_output(self) -> None:
        """One that only an end before this one asked for; as if the run had never ended there."""
        time, steps = self.simulation.time, self.simulation.steps
        extra = self.last_output_step == steps and not self.schedule.is_due(time)
        if extra and not self._finished():
            self.outputs, self.last_output_step = self.outputs - 1, -1

    def _rewatch(self, rows: str) -> None:
        """Show the steps so far to the steady-state detection, as if never stopped."""
        if self.steady is not None:
            for row in csv.DictReader(rows.splitlines()):
                values = tuple(float(row[name]) for name in WATCHED)
                self.steady.add(int(row["step"]), float(row["time"]), values)

    def prepare(self) -> None:
        """Let the solver object, and compile what needs compiling."""
        for warning in (
            *self.start.warnings,
            *self.simulation.solver.check(self.simulation.problem),
        ):
            self.warn(warning)
        if self._begins:
            grid, name = self.simulation.grid, self.config.stokes.solver
            log.info(estimate.memory_sentence(grid, name))
        self.simulation.warm_up()

    def create(self) -> None:
        """Lay out a new run directory; with its first checkpoint it can be resumed."""
        self._say_what_to_expect()
        try:
            self.files.create(self.simulation.grid)
            self._checkpoint()
        except BaseException:
            self.files.discard()
            raise

    def go(self, progress: bool, asked: Asked) -> dict[str, Any]:
        """Step until the end, a limit, a signal or a failure; the summary goes to run.json."""
        try:
            self._write_summary("running", "")
            shows = progress and self.ranks.first
            with RunProgress(self.simulation.time, self.config.time.end, shows) as shown:
                self._loop(shown, asked)
            self._checkpoint()
            steady = self.steady is not None and self.steady.steady
            return self._write_summary("done", f"steady at {self._now()}" if steady else "")
        except BaseException as error:
            ending = self._explained(error)
            status = "stopped" if isinstance(ending, InterruptedRunError) else "failed"
            with suppress(OSError):
                self._write_summary(status, str(ending) or repr(ending))
            if ending is error:
                raise
            raise ending from error
        finally:
            with suppress(OSError):
                self.files.close()

    def _loop(self, shown: RunProgress, asked: Asked) -> None:
        simulation, settings = self.simulation, self.config
        while True:
            if self.schedule.is_due(simulation.time) and self.last_output_step != simulation.steps:
                self._output()
            if self._finished():
                break
            until = self.schedule.following(simulation.time)
            if self.schedule.end_is_extra and until == self.schedule.goal:
                self._keep_the_way_on()
            record = simulation.step(until)
            self.files.add_step(record)
            self._watch(record)
            shown.update(record)
            if simulation.steps % settings.output.checkpoint_every == 0:
                self._checkpoint()
            if not self._finished():
                self._stop_if_asked(asked)
        if self.last_output_step != simulation.steps:
            self._output()

    def _keep_the_way_on(self) -> None:
        """A checkpoint before a step that is cut short for the end: a later end goes on there."""
        if self.simulation.reaches(self.schedule.goal):
            self._checkpoint()

    def _stop_if_asked(self, asked: Asked) -> None:
        limit, reason = self.config.time.wall_limit, ""
        if asked.by is not None:
            reason = asked.by.name
        elif limit is not None and perf_counter() - self._started >= limit:
            reason = f"time.wall_limit = {limit:g} s"
        if not self.ranks.agreed(bool(reason), self.simulation.time):
            return
        self._checkpoint()
        raise InterruptedRunError(
            f"stopped by {reason} at {self._now()}; a checkpoint was written: go on with --resume."
        )

    def _explained(self, error: BaseException) -> BaseException:
        """What ended the run, as an error that the command line knows."""
        back = f"go on from the checkpoint of step {self._checkpointed} with --resume"
        if isinstance(error, KeyboardInterrupt):
            return InterruptedRunError(f"stopped at once at {self._now()}: {back}.")
        if isinstance(error, OSError):
            where, what = error.filename or self.files.out, error.strerror or error
            return RunFailedError(f"{self._now()}: {where}: {what}; see to that and {back}.")
        return error

    def _now(self) -> str:
        return f"step {self.simulation.steps}, t = {self.simulation.time:.6g}"

    def _finished(self) -> bool:
        most = self.config.time.max_steps
        enough = most is not None and self.simulation.steps >= most
        steady = self.steady is not None and self.steady.steady
        return self.simulation.time >= self.schedule.goal or enough or steady

    def _watch(self, record: StepRecord) -> None:
        if self.steady is not None:
            values = tuple(getattr(record.diagnostics, name) for name in WATCHED)
            self.steady.add(record.step, record.time, values)

    def _output(self) -> None:
        flow = self.simulation.flow()
        start = perf_counter()
        problem = self.simulation.problem
        viscosity = effective_viscosity(problem, flow)
        self.files.add_output(problem, self.simulation.steps, viscosity, flow)
        self.outputs += 1
        self.last_output_step = self.simulation.steps
        self._warn_if_unresolved()
        self.output_seconds += perf_counter() - start

    def _checkpoint(self) -> None:
        if self._checkpointed == self.simulation.steps and not self._finished():
            return
        start = perf_counter()
        ledger = {
            "run_id": self.files.run_id,
            "series_sha256": self.files.series_digest,
            "config": self.config.model_dump(),
            "start": self.start.to_json(),
            "outputs": self.outputs,
            "last_output_step": self.last_output_step,
            "seconds": self._elapsed(),
            "output_seconds": self.output_seconds,
            "others_percent": self._others_percent(),
            "tally": self.simulation.statistics.to_json(),
            "warnings": self.warnings,
        }
        arrays: Snapshot = self.simulation.snapshot() | {"ledger": np.array(json.dumps(ledger))}
        self.files.add_checkpoint(self.simulation.steps, arrays)
        self.ranks.meet()
        self._checkpointed = self.simulation.steps
        self.output_seconds += perf_counter() - start

    def _restore(self, ledger: dict[str, Any]) -> None:
        self.outputs = ledger["outputs"]
        self.last_output_step = ledger["last_output_step"]
        self.seconds_before = ledger["seconds"]
        self._busy_before = ledger.get("others_percent", 0.0)  # earlier versions did not watch
        self.output_seconds = ledger["output_seconds"]
        self.simulation.statistics = RunStatistics.from_json(ledger["tally"])
        self.warnings += [w for w in ledger["warnings"] if w not in self.warnings]

    def warn(self, sentence: str) -> None:
        """Log a warning, and keep it once for run.json."""
        log.warning(sentence)
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _say_what_to_expect(self) -> None:
        simulation, config = self.simulation, self.config
        if self.start.path is not None:
            log.info(f"starts from {self.start.path} at t = {self.start.time:.6g}")
        start = perf_counter()
        simulation.flow()
        seconds = perf_counter() - start
        steps = ceil((config.time.end - simulation.time) / config.time.dt_max)
        if config.time.max_steps is not None:
            steps = min(steps, config.time.max_steps)
        name = simulation.solver.name
        log.info(estimate.cost_sentence(simulation.grid, name, seconds, steps))
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
        cells = cells_across_thinnest(self.simulation.temperature, walls)
        where = f"at t = {self.simulation.time:.4g} the thinnest boundary layer or plume"
        if sentence := estimate.resolution_warning(cells, where):
            self.warn(sentence)

    def _elapsed(self) -> float:
        return self.seconds_before + perf_counter() - self._started

    def _others_percent(self) -> float:
        """Of the machine's processors, used by other work over all the seconds of this run."""
        before, all_seconds = self.seconds_before, self._elapsed()
        now = self._busy.others_percent * (all_seconds - before)
        return min((self._busy_before * before + now) / all_seconds, 100.0)

    def _write_summary(self, status: str, message: str) -> dict[str, Any]:
        statistics = self.simulation.statistics
        summary = {
            "run_id": self.files.run_id,
            **self.provenance,
            "others_percent": self._others_percent(),
            "solver": self.solver_name,
            "weights_sha256": self.simulation.solver.weights_sha256,
            "start": self.start.to_json(),
            "status": status,
            "message": message,
            "steps": self.simulation.steps,
            "time": self.simulation.time,
            "seconds": {
                "stokes": dict(statistics.stokes),
                "energy": statistics.energy,
                "output": self.output_seconds,
                "total": self._elapsed(),
            },
            "solver_report": {
                **statistics.statuses,
                "iterations": statistics.iterations,
                "rejected": statistics.rejected,
                **statistics.velocity_errors,
            },
            "warnings": self.warnings,
        }
        self.files.write_summary(summary)
        return summary
