"""What a run did: its course in samples and integrals, how it ended, what it cost."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time
from typing import Self

import numpy as np

from tellus.coupling.simulation.loop import Simulation, StepRecord
from tellus.io.arrays import Arrays, npz_bytes, read_npz
from tellus.io.json_file import parse_json, small_file, write_json
from tellus.io.whole_file import write_atomically
from tellus.solver.diagnostics import temperature_profile
from tellus.solver.grid import Array

log = logging.getLogger("tellus")

FINISHED = "finished"

DIGEST = "arrays_sha256"

RATES = ("nusselt_top", "nusselt_bottom", "vrms", "surface_velocity")
"""Diagnostics whose integrals over model time are kept."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """How a run ended and what it cost, plain JSON.

    Attributes
    ----------
    case, solver : str
        What was run, and with what, as results call them.
    key : str
        Of everything that decides what the run does.
    ended, message : str
        "finished" or why it did not, and the sentence about it.
    steps, time
        Time steps taken, and the model time that they led to.
    seconds, cpu_seconds : float
        Of the time steps alone, by the wall's clock and the processor's.
    weights_sha256, closure_sha256 : str, optional
        Digests of the weights that the solver and the closure have, if they have some.
    velocity_errors : dict
        As `RunStatistics.velocity_errors` has them; what earlier versions kept has none.
    setup_seconds, others_percent, pace_seconds : float, optional
        Seconds before the first step; how much of the machine other work had; seconds of one and
        the same solve just before, where a benchmark took them.
    """

    case: str
    solver: str
    key: str
    ended: str
    message: str
    steps: int
    time: float
    seconds: float
    cpu_seconds: float
    seconds_by_phase: dict[str, float]
    statuses: dict[str, int]
    iterations: int
    rejected: int
    warnings: list[str]
    weights_sha256: str | None
    git: str | None
    machine: dict[str, str | float | None]
    closure_sha256: str | None = None
    velocity_errors: dict[str, float] = field(default_factory=dict)
    setup_seconds: float | None = None
    others_percent: float | None = None
    pace_seconds: float | None = None

    @property
    def finished(self) -> bool:
        return self.ended == FINISHED


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """The course of a run.

    Attributes
    ----------
    account : Account
    time, mean_temperature : array, shape (n,)
        At sampled steps, the start and the last step included.
    nusselt_top, nusselt_bottom, vrms, surface_velocity : array, shape (n,)
        Integrals over model time since the start, whose differences are exact averages.
    profile : array, shape (n, ny)
        The same of the horizontal mean of T.
    temperature : array, shape (ny, nx)
        At the end, in single precision.
    fields : array, shape (outputs, ny, nx)
        T at the times that were asked for.

    What earlier versions kept has no surface velocity.
    """

    account: Account
    time: Array
    mean_temperature: Array
    nusselt_top: Array
    nusselt_bottom: Array
    vrms: Array
    profile: Array
    temperature: Array
    fields: Array = field(default_factory=lambda: np.empty((0, 0, 0)))
    surface_velocity: Array = field(default_factory=lambda: np.empty(0))

    @property
    def end(self) -> float:
        return float(self.time[-1])

    def average(self, name: str, start: float, end: float) -> Array:
        """Time average over [start, end] of what `name` is the integral of; shape () or (ny,)."""
        integral: Array = getattr(self, name)
        columns = np.reshape(integral, (len(self.time), -1)).T
        ends = np.array([np.interp([start, end], self.time, column) for column in columns])
        mean: Array = (ends[:, 1] - ends[:, 0]) / (end - start)
        return mean.reshape(integral.shape[1:])

    def rate(self, name: str) -> tuple[Array, Array]:
        """The times in the middle between samples, and there what `name` is the integral of."""
        change = np.diff(getattr(self, name)) / np.diff(self.time)
        return 0.5 * (self.time[1:] + self.time[:-1]), change

    def heat_given(self) -> Array:
        """How much all sources raised <T> since the start, at every sample, shape (n,).

        What <T> gained, less what came in through the bottom and did not leave through the top:
        the heating H, and what a velocity with a divergence makes or takes.
        """
        inflow = self.nusselt_bottom - self.nusselt_top
        gained: Array = self.mean_temperature - self.mean_temperature[0] - inflow
        return gained

    def save(self, stem: Path) -> None:
        """Into STEM.npz and STEM.json, arrays first: where the JSON lies, all of it does."""
        stem.parent.mkdir(parents=True, exist_ok=True)
        names = [each.name for each in fields(self) if each.name != "account"]
        content = npz_bytes({name: getattr(self, name) for name in names})
        write_atomically(_file(stem, ".npz"), content)
        info = {**asdict(self.account), DIGEST: hashlib.sha256(content).hexdigest()}
        write_json(_file(stem, ".json"), info)
        unfinished(stem).unlink(missing_ok=True)

    @classmethod
    def load(cls, stem: Path) -> Self | None:
        """One that was saved; None where there is none, or a damaged one, to be done again."""
        try:
            info = parse_json(small_file(_file(stem, ".json")))
            if "ended" not in info:
                return None  # as `tellus bench pareto` kept its rollouts once
            content = _file(stem, ".npz").read_bytes()
            if info.pop(DIGEST) != hashlib.sha256(content).hexdigest():
                raise ValueError("its arrays are not those that it was saved with")
            return cls(account=Account(**info), **read_npz(BytesIO(content)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is damaged (%s): it is rolled out again", _file(stem, ".json"), error)
            return None


class Recorder:
    """An observer that keeps samples of a simulation's course and times its steps.

    Parameters
    ----------
    simulation : Simulation
    sample_every : int
        Steps between samples.
    notify : callable, optional
        Sees every step too, in time that is not counted.
    """

    def __init__(
        self,
        simulation: Simulation,
        sample_every: int = 1,
        notify: Callable[[StepRecord], None] = lambda record: None,
    ) -> None:
        self.simulation = simulation
        self.seconds = self.cpu_seconds = 0.0
        self.first_step_at: float | None = None
        self._every, self._notify, self._first = sample_every, notify, simulation.steps
        self._profile = temperature_profile(simulation.temperature)
        # Since the start: the integrals of the profile, and of what `RATES` names.
        self._integrals = np.zeros(self._profile.size + len(RATES))
        self._steps: list[int] = []
        # At these steps: time, <T> and the integrals.
        self._samples: list[Array] = []
        self._fields: list[Array] = []
        self._sample()

    @property
    def steps(self) -> int:
        return self.simulation.steps - self._first

    def run(self, until: float, steps: int | None = None) -> None:
        """Step to model time `until`, or through so many steps; errors as `Simulation.run`."""
        self._start_clocks()
        if self.first_step_at is None:
            self.first_step_at = self._clock
        self.simulation.run(until, [self], steps)

    def __call__(self, simulation: Simulation, record: StepRecord) -> None:
        self.seconds += perf_counter() - self._clock
        self.cpu_seconds += process_time() - self._cpu_clock
        profile = temperature_profile(simulation.temperature)
        rates = [getattr(record.diagnostics, name) for name in RATES]
        means = np.array([*(0.5 * (self._profile + profile)), *rates])
        self._integrals = self._integrals + record.dt * means
        self._profile = profile
        if record.step % self._every == 0:
            self._sample()
        self._notify(record)
        self._start_clocks()

    def state(self) -> Arrays:
        """All that it knows, as arrays, to go on from with the simulation as it is now."""
        return {
            "since": np.array([self._first]),
            "spent": np.array([self.seconds, self.cpu_seconds]),
            "profile": self._profile,
            "integrals": self._integrals,
            "steps": np.array(self._steps),
            "samples": np.array(self._samples),
            "fields": self._kept(),
        }

    def restore(self, arrays: Arrays) -> None:
        """Take back what `state` handed out; ValueError where its parts do not fit."""
        rows, columns = len(arrays["steps"]), self._integrals.size
        if arrays["samples"].shape != (rows, 2 + columns) or len(arrays["integrals"]) != columns:
            raise ValueError("its samples are not those of its steps")
        self._first = int(arrays["since"][0])
        self.seconds, self.cpu_seconds = arrays["spent"].tolist()
        self._profile = arrays["profile"]
        self._integrals = arrays["integrals"]
        self._steps, self._samples = arrays["steps"].tolist(), list(arrays["samples"])
        self._fields = list(arrays["fields"])

    @property
    def fields_kept(self) -> int:
        """How often `keep_field` was called."""
        return len(self._fields)

    def keep_field(self) -> None:
        """Keep the present T among the trajectory's `fields`."""
        self._fields.append(self.simulation.temperature.copy())

    def trajectory(self, account: Account) -> Trajectory:
        """The course so far, the present state included."""
        if self._steps[-1] != self.simulation.steps:
            self._sample()
        columns, rates = np.array(self._samples).T, -len(RATES)
        return Trajectory(
            account=account,
            time=columns[0],
            mean_temperature=columns[1],
            **dict(zip(RATES, columns[rates:], strict=True)),
            profile=columns[2:rates].T,
            temperature=self.simulation.temperature.astype(np.float32),
            fields=self._kept(),
        )

    def _start_clocks(self) -> None:
        self._clock, self._cpu_clock = perf_counter(), process_time()

    def _sample(self) -> None:
        now = (self.simulation.time, np.mean(self._profile))
        self._steps.append(self.simulation.steps)
        self._samples.append(np.array([*now, *self._integrals]))

    def _kept(self) -> Array:
        return np.array(self._fields).reshape(-1, *self.simulation.grid.cells)


def unfinished(stem: Path) -> Path:
    """The file from which a rollout that was stopped goes on."""
    return _file(stem, ".unfinished.npz")


def _file(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)
