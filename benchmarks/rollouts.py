"""One case from one state over one span of model time, with any solver: what is kept of it."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tellus.config import Config, dump
from tellus.coupling.runs.progress import RunProgress
from tellus.coupling.runs.provenance import git_hash
from tellus.coupling.simulation.loop import Simulation, Snapshot
from tellus.errors import InputError, RunFailedError
from tellus.io.arrays import read_npz
from tellus.io.busy import Watch
from tellus.io.whole_file import write_atomically
from tellus.solver import initial
from tellus.solver.grid import Array, Grid

from .fields import cache_directory

log = logging.getLogger(__name__)

# Part of every key: raise it when what an older version recorded should not be used.
RECIPE = 2


@dataclass(frozen=True)
class Plan:
    """A configuration that is run to `start` once, and from there to its end, again and again.

    Fields are kept at `outputs` evenly spaced times. Every rollout cuts its steps to meet them.
    """

    config: Config
    start: float
    outputs: int = 20

    def __post_init__(self) -> None:
        end = self.config.time.end
        if not 0.0 < self.start < end:
            raise InputError(
                f"--start must lie between 0 and time.end = {end:g}, not at {self.start:g}."
            )

    @property
    def times(self) -> list[float]:
        """When fields are kept."""
        found: list[float] = np.linspace(self.start, self.config.time.end, self.outputs + 1)[
            1:
        ].tolist()
        return found

    def with_solver(self, name: str) -> Config:
        """The configuration with another solver."""
        stokes = self.config.stokes.model_copy(update={"solver": name})
        return self.config.model_copy(update={"stokes": stokes})

    def key(self, **more: Any) -> str:
        """A digest of everything that decides what a rollout does."""
        said = [RECIPE, dump(self.with_solver("direct")), self.start, self.outputs, more]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Variation:
    """How a rollout differs from the others: its solver, or what shows how exact "exact" is."""

    solver: str
    perturbation: float = 0.0
    dt_factor: float = 1.0

    @property
    def label(self) -> str:
        """What results call it."""
        if self.perturbation:
            return f"{self.solver} (start perturbed by {self.perturbation:g})"
        if self.dt_factor != 1.0:
            return f"{self.solver} (dt times {self.dt_factor:g})"
        return self.solver

    @property
    def file_name(self) -> str:
        """A name for its files, different for different labels."""
        digest = hashlib.sha256(self.label.encode()).hexdigest()[:6]
        return f"{re.sub(r'[^A-Za-z0-9=.+-]+', '_', self.label)}-{digest}"


@dataclass
class Rollout:
    """What one rollout did.

    Attributes
    ----------
    info : dict
        Plain JSON: label, key, seconds, steps and so on; ``failed`` is a sentence or None.
    arrays : dict
        ``time``, ``mean_temperature`` per step, the start included; ``nusselt_time``,
        ``nusselt_top``, ``nusselt_bottom`` at the middle of each step, whose mean they are;
        ``temperature``, shape (outputs, ny, nx).
    """

    info: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, stem: Path, key: str) -> Self | None:
        """One that was saved, if it is whole and of the same plan."""
        try:
            info = json.loads(stem.with_name(stem.name + ".json").read_text())
            if info["key"] != key:
                return None
            if info["failed"] is not None:
                return cls(info)
            return cls(info, read_npz(stem.with_name(stem.name + ".npz")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as error:
            log.warning("%s is damaged (%s): run again", stem, error)
            return None

    def save(self, stem: Path) -> None:
        """Arrays first: where the JSON lies, all of it does."""
        stem.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(stem.with_name(stem.name + ".npz"), self.arrays)
        content = json.dumps(self.info, indent=1, allow_nan=False)
        write_atomically(stem.with_name(stem.name + ".json"), content.encode() + b"\n")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An .npz file, written whole or not at all."""
    content = BytesIO()
    np.savez(content, allow_pickle=False, **dict(arrays))
    write_atomically(path, content.getvalue())


def start_state(plan: Plan) -> Snapshot:
    """The snapshot at `plan.start`, run with the direct solver once and then cached."""
    path = cache_directory() / f"start-{plan.key()}.npz"
    try:
        return read_npz(path)
    except FileNotFoundError:
        log.info("running to t = %g with the direct solver (once, then cached)", plan.start)
    except (OSError, ValueError) as error:
        log.warning("%s is damaged (%s): made again", path, error)
    simulation = Simulation.from_config(plan.with_solver("direct"))
    with RunProgress(0.0, plan.start) as progress:
        simulation.run(plan.start, [lambda _, record: progress.update(record)])
    found = simulation.snapshot()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, found)
    except OSError as error:
        log.warning("the start state could not be cached: %s", error)
    return found


def roll_out(plan: Plan, variation: Variation, start: Snapshot, key: str) -> Rollout:
    """Run the span with one solver; a run that fails is a rollout that says so.

    Raises
    ------
    InputError, ImportError
        The solver cannot be used here.
    """
    before = perf_counter()
    simulation = Simulation.from_config(plan.with_solver(variation.solver))
    warnings = simulation.solver.check(simulation.problem)
    _put_at(simulation, start, variation)
    info: dict[str, Any] = {"label": variation.label, "solver": variation.solver, "key": key}
    info |= {"git": git_hash(), "warnings": warnings, "failed": None}
    recorder = Recorder(simulation)
    try:
        simulation.warm_up()
        info["setup_seconds"] = perf_counter() - before
        with Watch() as watch, RunProgress(plan.start, plan.config.time.end) as progress:
            for time in plan.times:
                recorder.run_until(time, progress)
    except (RunFailedError, MemoryError) as error:
        return Rollout(info | {"failed": str(error) or "out of memory"})
    info["others_percent"] = watch.others_percent
    return Rollout(info | recorder.info(), recorder.arrays())


def _put_at(simulation: Simulation, start: Snapshot, variation: Variation) -> None:
    """Take over the start state and what is varied about it."""
    simulation.restore(start)
    grid, state = simulation.grid, simulation.state
    if variation.perturbation:
        temperature = state.temperature + variation.perturbation * _pattern(grid)
        simulation.state = replace(state, temperature=temperature)
    simulation.stepping = replace(simulation.stepping, factor=variation.dt_factor)


def _pattern(grid: Grid) -> Array:
    """Noise of size one, smooth, and not that which runs start from."""
    return initial.random_perturbation(grid, seed=12345)


class Recorder:
    """Takes the steps of a simulation and keeps what they said and cost."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._clock = [(simulation.time, float(np.mean(simulation.temperature)))]
        self._heat: list[tuple[float, float, float]] = []
        self._fields: list[Array] = []
        self._seconds: list[float] = []

    def run_until(self, time: float, progress: RunProgress) -> None:
        """Step to `time` and keep the field there; only the steps themselves are timed."""
        simulation = self.simulation
        while simulation.time < time:
            begun = simulation.time
            start = perf_counter()
            record = simulation.step(until=time)
            self._seconds.append(perf_counter() - start)
            measured = record.diagnostics
            self._clock.append((record.time, measured.mean_temperature))
            middle = 0.5 * (begun + record.time)
            self._heat.append((middle, measured.nusselt_top, measured.nusselt_bottom))
            progress.update(record)
        self._fields.append(simulation.temperature.copy())

    def info(self) -> dict[str, Any]:
        """Seconds and counts of all steps."""
        statistics = self.simulation.statistics
        return {
            # The sum: a median over steps would forget the dear ones, of which approximate
            # solvers have few.
            "seconds": float(np.sum(self._seconds)),
            "steps": len(self._seconds),
            "stokes_seconds": sum(statistics.stokes.values()),
            "energy_seconds": statistics.energy,
            "phases": dict(statistics.stokes),
            "statuses": dict(statistics.statuses),
            "iterations": statistics.iterations,
            "rejected": statistics.rejected,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Series and fields, see `Rollout`."""
        time, mean = np.array(self._clock).T
        middle, top, bottom = np.array(self._heat).T
        return {
            "time": time,
            "mean_temperature": mean,
            "nusselt_time": middle,
            "nusselt_top": top,
            "nusselt_bottom": bottom,
            "temperature": np.array(self._fields),
        }
