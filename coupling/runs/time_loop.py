"""The time loop of a run: a simulation, and the observers that write down what it does."""

import logging
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from time import perf_counter
from typing import Any

from tellus.config import Config
from tellus.coupling import estimate
from tellus.coupling.build import check_grid
from tellus.coupling.directory.checkpoint import KEY, Ledger, RunClock
from tellus.coupling.directory.files import RunFiles
from tellus.coupling.directory.recorded import DONE, FAILED, RUNNING, STOPPED, RecordedRun
from tellus.coupling.directory.timeseries import columns
from tellus.coupling.own import OwnParts, recorded, said
from tellus.coupling.planet import disagreements, units_of, viscosity_note
from tellus.coupling.ranks import Ranks, processes
from tellus.coupling.runs.progress import RunProgress
from tellus.coupling.runs.provenance import provenance
from tellus.coupling.simulation.arguments import simulation_arguments
from tellus.coupling.simulation.loop import Observer, Simulation, StepRecord
from tellus.coupling.simulation.statistics import RunStatistics
from tellus.coupling.simulation.steady import WATCHED, SteadyWatch
from tellus.coupling.simulation.stepping import Schedule
from tellus.coupling.starts.initial import initial_state
from tellus.coupling.starts.start import Start
from tellus.errors import InputError, InterruptedRunError, RunFailedError, TellusError
from tellus.io.signals import Asked
from tellus.solver.diagnostics import cells_across_thinnest
from tellus.solver.strain import effective_viscosity

log = logging.getLogger("tellus")


class RunLoop:
    """A simulation that writes outputs, checkpoints and a summary, and can be gone on with.

    Parameters
    ----------
    config : Config
    out : Path
        The run directory.
    own : OwnParts
        Parts of one's own, instead of what `config` describes.
    ranks : Ranks
        The processes that run it together.
    start : Start, optional
        What the run started from [default: what `config` describes].
    run_id : str, optional
        Of a run of an earlier version there is none.
    """

    def __init__(
        self,
        config: Config,
        out: Path,
        own: OwnParts,
        ranks: Ranks,
        start: Start | None = None,
        run_id: str | None = None,
    ) -> None:
        self.config, self.ranks = config, ranks
        self.files = RunFiles(out, config, run_id, ranks)
        self.warnings: list[str] = []
        self.classes = recorded(config)
        for sentence in check_grid(config, own):
            self.warn(sentence)
        self._is_new = start is None
        self.start = initial_state(config, own.rheology) if start is None else start
        self.simulation = Simulation(**simulation_arguments(config, self.start, own))
        self.solver_name = config.stokes.solver if own.solver is None else own.solver.name
        self.schedule = Schedule(config.output.every, config.time.end)
        tolerance, window = config.time.steady_tolerance, config.time.steady_window
        self._watch = None if tolerance is None else SteadyWatch(tolerance, window)
        self.outputs, self.last_output_step, self.checkpoint_step = 0, -1, -1
        self._slowed, self._said = 0, False
        self.provenance = provenance()
        self.clock = RunClock(processes())

    def prepare(self) -> None:
        """Let the solver object, and compile what needs compiling."""
        simulation = self.simulation
        for warning in (*self.start.warnings, *simulation.check(), *disagreements(self.config)):
            self.warn(warning)
        if note := viscosity_note(self.config):
            log.info(f"[planet]: {note}")
        if self._is_new:
            grid, solver = simulation.grid, self.config.stokes.solver
            need = estimate.memory_gib(grid, solver)
            log.info(f"{grid} cells, --stokes {solver}: about {need:.2g} GiB of memory")
        simulation.warm_up()

    def create(self) -> None:
        """Lay out a new run directory; with its first checkpoint it can be resumed."""
        self._say_what_to_expect()
        try:
            self.files.create(self.simulation.grid)
            self._checkpoint()
        except BaseException:
            self.files.discard()
            raise

    def _say_what_to_expect(self) -> None:
        simulation, clock = self.simulation, self.config.time
        if self.start.path is not None:
            log.info(f"starts from {self.start.path} at t = {self.start.time:.6g}")
        begun = perf_counter()
        simulation.flow()
        seconds = perf_counter() - begun
        steps = estimate.fewest_steps(clock, simulation.time, simulation.energy.diffusive_dt)
        name = self.solver_name
        log.info(estimate.cost_sentence(simulation.grid, name, seconds, *steps))
        cells = estimate.expected_layer_cells(
            simulation.grid, simulation.rheology, simulation.rayleigh
        )
        self._warn_if_few(cells, "a hot boundary layer, by scaling,", estimate.BY_SCALING)

    def _warn_if_few(self, cells: float, where: str, part: float = 1.0) -> None:
        enough = part * estimate.ENOUGH_CELLS[self.config.energy.advection]
        if sentence := estimate.resolution_warning(cells, where, enough):
            self.warn(sentence)

    def restore(self, ledger: Ledger) -> None:
        """Take up what a checkpoint says, beside the simulation's own state."""
        self.outputs, self.last_output_step = ledger.outputs, ledger.last_output_step
        self.clock.go_on_from(ledger)
        self.simulation.statistics = RunStatistics.from_json(ledger.tally)
        self.warnings += [w for w in ledger.warnings if w not in self.warnings]

    def reopen(self, ledger: Ledger) -> None:
        """Cut what was written after the checkpoint.

        Raises InputError, with nothing changed, where something is missing or damaged.
        """
        time, steps = self.simulation.time, self.simulation.steps
        extra = self.last_output_step == steps and not self.schedule.is_due(time)
        if extra and not self.finished:
            # Only an end before this one asked for it: as if the run had never ended there.
            self.outputs, self.last_output_step = self.outputs - 1, -1
        rows = self.files.reopen(self.simulation.grid, steps, ledger, self.outputs)
        if self._watch is not None:
            series = columns(rows)
            seen = (series[name].tolist() for name in ("step", "time", *WATCHED))
            for step, now, *values in zip(*seen, strict=True):
                self._watch.add(int(step), now, tuple(values))
        self.checkpoint_step = steps

    @property
    def steady(self) -> bool:
        """Whether a steady state has been reached, where one is asked for."""
        return self._watch is not None and self._watch.steady

    @property
    def finished(self) -> bool:
        """Whether the end, the last step or a steady state has been reached."""
        most = self.config.time.max_steps
        enough = most is not None and self.simulation.steps >= most
        return self.simulation.time >= self.schedule.goal or enough or self.steady

    def go(self, progress: bool, asked: Asked) -> dict[str, Any]:
        """Step until the end, a limit, a signal or a failure; the summary goes to run.json.

        Of a run that was done before, it stays as it is.
        """
        try:
            if (done := self._done_before()) is not None:
                log.info(
                    f"{self.files.out} is already done, {self._now()}: no step is left to take"
                )
                return done
            self._write_summary(RUNNING)
            shows = progress and self.ranks.first
            with self._progress(shows) as shown:
                self._advance(lambda _, record: self._after_step(record, shown, asked))
            self._checkpoint()
            return self._write_summary(DONE, f"steady at {self._now()}" if self.steady else "")
        except BaseException as error:
            ending = self._explained(error)
            status = STOPPED if isinstance(ending, InterruptedRunError) else FAILED
            with suppress(OSError):
                known = isinstance(ending, TellusError | MemoryError)
                self._write_summary(status, (known and str(ending)) or said(ending))
            if ending is error:
                raise
            raise ending from error
        finally:
            with suppress(OSError):
                self.files.close()

    def _done_before(self) -> dict[str, Any] | None:
        """run.json where it says that the run had come to this very end before."""
        if self._is_new or not self.finished:
            return None
        try:
            written = RecordedRun(self.files.out).written
        except InputError:  # nothing depends on it: it is written anew
            return None
        done = written["status"] == DONE and written["steps"] == self.simulation.steps
        return dict(written) if done else None

    def _progress(self, shows: bool) -> RunProgress:
        clock, simulation = self.config.time, self.simulation
        most = None if clock.max_steps is None else (simulation.steps, clock.max_steps)
        units = units_of(self.config)
        return RunProgress(simulation.time, clock.end, shows, most, self._watch is not None, units)

    def _advance(self, after_step: Observer) -> None:
        """Advance from output to output until the run is finished; its end is an output too."""
        simulation, schedule = self.simulation, self.schedule
        while True:
            if schedule.is_due(simulation.time):
                self._output()
            if self.finished:
                break
            self._keep_the_way_on()
            simulation.run(schedule.following(simulation.time), [after_step])
        self._output()

    def _after_step(self, record: StepRecord, shown: RunProgress, asked: Asked) -> None:
        """Write down a step, show it, and see whether there is to be another one."""
        self.files.add_row(record.step, record.time, record.dt, *astuple(record.diagnostics))
        if self._watch is not None:
            values = tuple(getattr(record.diagnostics, name) for name in WATCHED)
            self._watch.add(record.step, record.time, values)
        shown.update(record)
        if record.step % self.config.output.checkpoint_every == 0:
            self._checkpoint()
        if self.finished:
            raise StopIteration
        self._stop_if_asked(asked)
        if not self.schedule.is_due(record.time):
            self._keep_the_way_on()

    def _keep_the_way_on(self) -> None:
        """A checkpoint before a step that is cut short for the end: a later end goes on there."""
        goal = self.schedule.goal
        cut = self.schedule.end_is_extra and self.schedule.following(self.simulation.time) == goal
        if cut and self.simulation.reaches(goal):
            self._checkpoint()

    def _stop_if_asked(self, asked: Asked) -> None:
        limit, reason = self.config.time.wall_limit, ""
        if asked.by is not None:
            reason = asked.by.name
        elif limit is not None and self.clock.here >= limit:
            reason = f"time.wall_limit = {limit:g} s"
        if not self.ranks.agreed(bool(reason), self.simulation.time):
            return
        self._checkpoint()
        raise InterruptedRunError(
            f"stopped by {reason} at {self._now()}; a checkpoint was written: go on with --resume."
        )

    def _explained(self, error: BaseException) -> BaseException:
        """What ended the run, as an error that the command line knows."""
        back = f"go on from the checkpoint of step {self.checkpoint_step} with --resume"
        if isinstance(error, KeyboardInterrupt):
            return InterruptedRunError(f"stopped at once at {self._now()}: {back}.")
        if isinstance(error, OSError):
            where, what = error.filename or self.files.out, error.strerror or error
            return RunFailedError(f"{self._now()}: {where}: {what}; see to that and {back}.")
        return error

    def _now(self) -> str:
        return f"step {self.simulation.steps}, t = {self.simulation.time:.6g}"

    def _output(self) -> None:
        """Write the present state, once."""
        simulation = self.simulation
        if self.last_output_step == simulation.steps:
            return
        flow = simulation.flow()
        with self.clock.output():
            problem = simulation.problem
            viscosity = effective_viscosity(problem, flow)
            self.files.add_output(problem, simulation.steps, viscosity, flow)
            self.outputs, self.last_output_step = self.outputs + 1, simulation.steps
            # The initial state may jump; what the flow makes of it is what counts.
            if simulation.steps and not any("thinnest" in warning for warning in self.warnings):
                cells = cells_across_thinnest(simulation.temperature, simulation.boundaries)
                where = f"at t = {simulation.time:.4g} the thinnest boundary layer or plume"
                if not estimate.is_conducted(cells, simulation.grid, simulation.time):
                    self._warn_if_few(cells, where)
        self._see_what_limits()

    def _see_what_limits(self) -> None:
        """Say once where explicit diffusion, and not the flow, makes for most of the steps."""
        energy = self.simulation.energy
        if not self.simulation.steps or not energy.may_be_implicit:
            return
        factor = self.simulation.slowed_by_diffusion()
        self._slowed = self._slowed + 1 if factor >= estimate.WORTH_WHILE else 0
        if self._slowed == estimate.IN_A_ROW and not self._said:
            self._said = True
            log.info(estimate.implicit_sentence(factor))

    def _checkpoint(self) -> None:
        steps = self.simulation.steps
        if self.checkpoint_step == steps and not self.finished:
            return
        with self.clock.output():
            ledger = Ledger(
                run_id=self.files.run_id,
                series_sha256=self.files.series_digest,
                config=self.config.model_dump(),
                classes=self.classes,
                weights=self.weights,
                start=self.start.to_json(),
                outputs=self.outputs,
                last_output_step=self.last_output_step,
                seconds=self.clock.seconds,
                output_seconds=self.clock.output_seconds,
                others_percent=self.clock.others_percent,
                tally=self.simulation.statistics.to_json(),
                warnings=self.warnings,
            )
            arrays = self.simulation.snapshot() | {KEY: ledger.to_array()}
            self.files.write_checkpoint(steps, arrays)
            self.ranks.meet()
            self.checkpoint_step = steps

    @property
    def weights(self) -> dict[str, str | None]:
        """Digests of the weights of solver and closure, None where there are none."""
        parts = {"solver": self.simulation.solver, "closure": self.simulation.closure}
        return {name: None if part is None else part.weights_sha256 for name, part in parts.items()}

    def warn(self, sentence: str) -> None:
        """Log a warning, and keep it once for run.json."""
        log.warning(sentence)
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _write_summary(self, status: str, message: str = "") -> dict[str, Any]:
        simulation, statistics = self.simulation, self.simulation.statistics
        closure = simulation.closure
        summary = {
            "run_id": self.files.run_id,
            **self.provenance,
            "others_percent": self.clock.others_percent,
            "solver": self.solver_name,
            "weights_sha256": simulation.solver.weights_sha256,
            "closure": None
            if closure is None
            else {"name": closure.name, "weights_sha256": closure.weights_sha256},
            "classes": self.classes,
            "start": self.start.to_json(),
            "status": status,
            "message": message,
            "steps": simulation.steps,
            "time": simulation.time,
            "seconds": {
                "stokes": dict(statistics.stokes),
                "energy": statistics.energy,
                "output": self.clock.output_seconds,
                "total": self.clock.seconds,
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
