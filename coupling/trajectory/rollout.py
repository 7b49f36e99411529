"""One rollout: a case with one solver, from its start or a given state, to its end or failure."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from time import perf_counter

import numpy as np

from tellus.config import Config
from tellus.coupling.build import boundaries_of, grid_of
from tellus.coupling.runs.progress import RunProgress
from tellus.coupling.runs.provenance import git_hash, machine
from tellus.coupling.simulation.loop import Simulation, StepRecord
from tellus.coupling.simulation.snapshot import Snapshot
from tellus.coupling.simulation.statistics import RunStatistics
from tellus.coupling.simulation.stepping import CollapsedError, NotFiniteError, OutOfBoundsError
from tellus.errors import InputError, RunFailedError
from tellus.io.arrays import read_npz, write_npz
from tellus.io.busy import Watch
from tellus.io.json_file import parse_json
from tellus.solver import initial
from tellus.solver.composite import joined, state_of
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.regridding import regridded

from .cases import RolloutCase
from .record import FINISHED, Account, Recorder, Trajectory, unfinished

OUT_OF_BOUNDS = "temperature out of bounds"
NOT_FINITE = "not finite"
COLLAPSED = "dt collapsed"
SOLVER_FAILED = "solver failed"
ENDINGS: dict[type[Exception], str] = {
    OutOfBoundsError: OUT_OF_BOUNDS,
    NotFiniteError: NOT_FINITE,
    CollapsedError: COLLAPSED,
}

MOST_STEPS = 3
"""A rollout that needs more times the reference's steps over its model time has collapsed."""

SAVE_EVERY = 300.0
"""Seconds between two times at which a rollout keeps all that it would need to go on."""

SAMPLES = 500
"""About how many moments are kept of a rollout that is sampled."""

PERTURBATION, HALF_STEP = 1e-6, 0.5
"""What twins of an exact rollout change: T at the start by this much, or every step by this factor.

How far that leads elsewhere is what the exact rollout itself is worth.
"""

PATTERN_SEED = 12345
"""Seed of the pattern of perturbed starts, which is not that of any run's start."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """A rollout to be done, or done before.

    Attributes
    ----------
    case : RolloutCase
    solver, label : str
        Name of the solver, with absolute paths, as workers may have another working directory;
        what results call it.
    key : str
        Of everything that decides what the rollout does.
    stem : Path
        Where its trajectory is kept.
    until : float, optional
        Model time where it ends; by default the case's end, or its most steps if they come first.
    reference_steps : int, optional
        Steps of the reference to `until`: a multiple of them is too many.
    field_times : tuple of float
        When T is kept; steps are cut to meet them, and every step is sampled.
    sample_steps : int, optional
        Steps between samples, in place of what follows from these two.
    perturbation : float
        Largest value of a smooth noise that is added to T at the start.
    dt_factor : float
        Scales every time step.
    """

    case: RolloutCase
    solver: str
    label: str
    key: str
    stem: Path
    until: float | None = None
    reference_steps: int | None = None
    field_times: tuple[float, ...] = ()
    sample_steps: int | None = None
    perturbation: float = 0.0
    dt_factor: float = 1.0

    @property
    def end(self) -> float:
        """Model time where it ends, unless the case's most steps come first."""
        return self.case.config.time.end if self.until is None else self.until

    @property
    def most_steps(self) -> int | None:
        """Steps after which the rollout is given up, or, where it has no `until`, done."""
        if self.until is None:
            return self.case.config.time.max_steps
        if self.reference_steps is None:
            return None
        return ceil(MOST_STEPS * self.reference_steps / self.dt_factor)

    @property
    def sample_every(self) -> int:
        """Steps between samples."""
        if self.sample_steps is not None:
            return self.sample_steps
        expected = self.reference_steps or self.case.config.time.max_steps or 0
        return 1 if self.field_times else max(1, expected // SAMPLES)

    def kept(self) -> Trajectory | None:
        """The trajectory of an earlier rollout with the same key, None where there is none."""
        found = Trajectory.load(self.stem)
        return found if found is not None and found.account.key == self.key else None


def file_name(label: str) -> str:
    """A name for a rollout's files, different for different labels."""
    digest = hashlib.sha256(label.encode()).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9=.+-]+', '_', label)[-60:]}-{digest}"


def roll_out(
    rollout: Rollout, start: Snapshot | None = None, *, progress: bool = False
) -> Trajectory:
    """Do one rollout; one that fails is a trajectory that says so.

    One that takes minutes is kept beside its `stem` now and then, so that one that was stopped
    goes on from there, bitwise as it would have; `Trajectory.save` clears that away.

    Raises
    ------
    InputError, ImportError
        The solver cannot be used on this case.
    """
    begun, warnings = perf_counter(), list[str]()
    config = rollout.case.with_solver(rollout.solver)
    simulation = Simulation.from_config(config, warn=warnings.append)
    _prepare(simulation, rollout, start)
    with Watch() as watch, RunProgress(simulation.time, rollout.end, enabled=progress) as shown:
        saver = _Saver(rollout, shown.update)
        recorder = Recorder(simulation, rollout.sample_every, saver)
        saver.go_on(recorder)
        ended, message = _run(rollout, recorder)
    statistics, first = simulation.statistics, recorder.first_step_at
    closure = simulation.closure
    account = Account(
        case=rollout.case.name,
        solver=rollout.label,
        key=rollout.key,
        ended=ended,
        message=message,
        steps=recorder.steps,
        time=simulation.time,
        seconds=recorder.seconds,
        cpu_seconds=recorder.cpu_seconds,
        seconds_by_phase={**statistics.stokes, "energy": statistics.energy},
        statuses=dict(statistics.statuses),
        iterations=statistics.iterations,
        rejected=statistics.rejected,
        warnings=warnings,
        weights_sha256=simulation.solver.weights_sha256,
        closure_sha256=None if closure is None else closure.weights_sha256,
        velocity_errors=statistics.velocity_errors,
        git=git_hash(),
        machine=machine(),
        setup_seconds=None if first is None else first - begun,
        others_percent=watch.others_percent,
    )
    return recorder.trajectory(account)


def beginning(config: Config, temperature: Array, time: float) -> Snapshot:
    """A snapshot of a run that begins with means over cells of any grid at a model time.

    What is to be warned of is kept of the rollout itself.
    """
    grid, (ny, nx) = grid_of(config), temperature.shape
    means = regridded(temperature, Grid(nx, ny, grid.aspect), grid, boundaries_of(config))
    start = np.ascontiguousarray(means)
    simulation = Simulation.from_config(config, temperature=start, warn=lambda sentence: None)
    simulation.time = time
    return simulation.snapshot()


class _Saver:
    """Sees every step, and keeps what a rollout needs to go on when some minutes have passed."""

    def __init__(self, rollout: Rollout, notify: Callable[[StepRecord], None]) -> None:
        self._file, self._key, self._notify = unfinished(rollout.stem), rollout.key, notify
        self._saved = perf_counter()
        self._recorder: Recorder | None = None

    def go_on(self, recorder: Recorder) -> None:
        """Bring a recorder and its simulation to where they were kept, if they were."""
        self._recorder = recorder
        try:
            arrays = read_npz(self._file)
            if str(arrays["key"]) != self._key:
                return
            simulation = recorder.simulation
            simulation.restore(state_of("simulation", arrays))
            simulation.statistics = RunStatistics.from_json(parse_json(str(arrays["statistics"])))
            recorder.restore(state_of("recorder", arrays))
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self._file} is damaged ({error}): remove it, and the rollout starts anew."
            ) from error

    def __call__(self, record: StepRecord) -> None:
        self._notify(record)
        if self._recorder is None or perf_counter() - self._saved < SAVE_EVERY:
            return
        simulation = self._recorder.simulation
        statistics = json.dumps(simulation.statistics.to_json())
        arrays = {"key": np.array(self._key), "statistics": np.array(statistics)}
        states = {"simulation": simulation.snapshot(), "recorder": self._recorder.state()}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_npz(self._file, arrays | joined(states))
        self._saved = perf_counter()


def _prepare(simulation: Simulation, rollout: Rollout, start: Snapshot | None) -> None:
    """Take over the state to start from and what is varied about it."""
    if start is not None:
        simulation.restore(start)
    if rollout.perturbation:
        noise = initial.random_perturbation(simulation.grid, PATTERN_SEED)
        temperature = simulation.temperature + rollout.perturbation * noise
        simulation.state = replace(simulation.state, temperature=temperature)
    simulation.stepping = replace(simulation.stepping, factor=rollout.dt_factor)


def _run(rollout: Rollout, recorder: Recorder) -> tuple[str, str]:
    """How it ended, and the sentence about it."""
    try:
        with np.errstate(all="ignore"):
            recorder.simulation.warm_up()
            for time in rollout.field_times[recorder.fields_kept :]:
                recorder.run(time)
                recorder.keep_field()
            recorder.run(rollout.end, rollout.most_steps)
    except (RunFailedError, MemoryError) as error:
        return ENDINGS.get(type(error), SOLVER_FAILED), str(error) or "out of memory"
    time = recorder.simulation.time
    if time < rollout.end and rollout.until is not None:
        return COLLAPSED, (
            f"t = {time:.6g}: {recorder.steps} steps, {MOST_STEPS / rollout.dt_factor:g} times as "
            f"many as the reference took to t = {rollout.end:.6g}."
        )
    return FINISHED, ""
