"""One rollout: a case with one solver, to its end or its failure, and what is kept of it."""

import hashlib
import io
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tellus.coupling.runs.provenance import git_hash, machine
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.stepping import CollapsedError, NotFiniteError, OutOfBoundsError
from tellus.errors import RunFailedError
from tellus.io.arrays import read_npz
from tellus.io.json_file import parse_json, small_file
from tellus.io.whole_file import write_atomically
from tellus.solver.diagnostics import temperature_profile
from tellus.solver.grid import Array
from tellus.solver.threads import limit

from .cases import RolloutCase

log = logging.getLogger("tellus")

FINISHED = "finished"
OUT_OF_BOUNDS = "temperature out of bounds"
NOT_FINITE = "not finite"
COLLAPSED = "dt collapsed"
SOLVER_FAILED = "solver failed"
ENDINGS = {OutOfBoundsError: OUT_OF_BOUNDS, NotFiniteError: NOT_FINITE, CollapsedError: COLLAPSED}

MOST_STEPS = 3
"""A rollout that needs more times the reference's steps over its model time has collapsed."""

SAMPLES = 500
"""About as many moments are kept of a reference."""


@dataclass(frozen=True)
class Task:
    """One rollout to be done.

    `until` is the model time where it ends, None for a reference; `solver` is the name
    with absolute paths, `label` the one that was typed. `dt_factor` scales every time step.
    """

    case: RolloutCase
    solver: str
    label: str
    key: str
    stem: Path
    until: float | None = None
    reference_steps: int | None = None
    dt_factor: float = 1.0

    @property
    def most_steps(self) -> int | None:
        """After which it is given up, or, of a reference, done."""
        if self.reference_steps is None:
            return self.case.config.time.max_steps
        return ceil(MOST_STEPS * self.reference_steps / self.dt_factor)


@dataclass
class Rollout:
    """What is kept of a rollout.

    Attributes
    ----------
    info : dict
        Plain JSON; ``ended`` is "finished" or why it did not, ``message`` says it in a sentence.
    arrays : dict
        At sampled steps: ``time`` and ``mean_temperature``, shape (n,), and the integrals since
        the start ``nusselt_top``, ``nusselt_bottom``, ``vrms`` and ``profile``, the last of shape
        (n, ny), whose differences over time are exact averages; ``temperature`` at the end.
    """

    info: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, stem: Path) -> Self | None:
        """One that was saved; None where there is none, or a damaged one, to be done again."""
        try:
            info = parse_json(small_file(_file(stem, ".json")))
            content = _file(stem, ".npz").read_bytes()
            if info["arrays_sha256"] != hashlib.sha256(content).hexdigest():
                raise ValueError("its arrays are not those that it was saved with")
            return cls(info, read_npz(io.BytesIO(content)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as error:
            log.warning("%s is damaged (%s): it is rolled out again", _file(stem, ".json"), error)
            return None

    def save(self, stem: Path) -> None:
        """Arrays first: where the JSON lies, all of it does."""
        stem.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self.arrays)
        content = buffer.getvalue()
        self.info["arrays_sha256"] = hashlib.sha256(content).hexdigest()
        write_atomically(_file(stem, ".npz"), content)
        text = json.dumps(self.info, indent=1, allow_nan=False)
        write_atomically(_file(stem, ".json"), text.encode() + b"\n")

    @property
    def end(self) -> float:
        """Model time that it reached."""
        return float(self.arrays["time"][-1])


def file_name(solver: str) -> str:
    """A name for a solver's files, different for different solvers."""
    digest = hashlib.sha256(solver.encode()).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9=.+-]+', '_', solver)[-60:]}-{digest}"


def roll_out(task: Task) -> str:
    """Do one rollout and save it; a line about it.

    Raises
    ------
    InputError
        The solver cannot be used on this case.
    """
    with limit(1), threadpool_limits(limits=1), np.errstate(all="ignore"):
        config = task.case.with_solver(task.solver)
        warnings: list[str] = []
        simulation = Simulation.from_config(config, warn=warnings.append)
        simulation.stepping = replace(simulation.stepping, factor=task.dt_factor)
        most = task.reference_steps or config.time.max_steps
        recorder = Recorder(simulation, sample_every=max(1, (most or 0) // SAMPLES))
        ended, message = _run(task, recorder)
    statistics = simulation.statistics
    info = {
        "case": task.case.name,
        "solver": task.label,
        "key": task.key,
        "ended": ended,
        "message": message,
        "steps": simulation.steps,
        "time": simulation.time,
        "seconds": recorder.seconds,
        "cpu_seconds": recorder.cpu_seconds,
        "seconds_by_phase": {**statistics.stokes, "energy": statistics.energy},
        "statuses": dict(statistics.statuses),
        "iterations": statistics.iterations,
        "rejected": statistics.rejected,
        "warnings": warnings,
        "weights_sha256": getattr(simulation.solver, "weights_sha256", None),
        "git": git_hash(),
        "machine": machine(),
    }
    Rollout(info, recorder.arrays()).save(task.stem)
    pace = 1e3 * recorder.seconds / max(simulation.steps, 1)
    return (
        f"{task.case.name} {task.label}: {ended}, {simulation.steps} steps to "
        f"t = {simulation.time:.4g}, {pace:.3g} ms a step"
    )


def _run(task: Task, recorder: "Recorder") -> tuple[str, str]:
    """How it ended, and the sentence about it."""
    simulation, time = recorder.simulation, task.case.config.time
    until = time.end if task.until is None else task.until
    most = task.most_steps
    try:
        simulation.warm_up()
        while simulation.time < until:
            if most is not None and simulation.steps >= most:
                if task.until is None:
                    break
                return COLLAPSED, (
                    f"t = {simulation.time:.6g}: {simulation.steps} steps, "
                    f"{MOST_STEPS / task.dt_factor:g} times as many as the reference took "
                    f"to t = {until:.6g}."
                )
            recorder.step(until)
    except RunFailedError as error:
        return ENDINGS.get(type(error), SOLVER_FAILED), str(error)
    return FINISHED, ""


class Recorder:
    """Takes the steps of a simulation and keeps samples of its course."""

    def __init__(self, simulation: Simulation, sample_every: int = 1) -> None:
        self.simulation, self.seconds, self.cpu_seconds = simulation, 0.0, 0.0
        self._every = sample_every
        self._profile = temperature_profile(simulation.temperature)
        # Since the start: the integral of the profile; of Nu at the top, at the bottom, and Vrms.
        self._profiles, self._rates = np.zeros_like(self._profile), np.zeros(3)
        self._samples: list[tuple[int, float, float, Array, Array]] = []
        self._sample()

    def step(self, until: float) -> None:
        """One step; only what it takes is timed."""
        start, busy = perf_counter(), process_time()
        record = self.simulation.step(until)
        self.seconds += perf_counter() - start
        self.cpu_seconds += process_time() - busy
        profile = temperature_profile(self.simulation.temperature)
        self._profiles = self._profiles + 0.5 * record.dt * (self._profile + profile)
        measured = record.diagnostics
        rates = (measured.nusselt_top, measured.nusselt_bottom, measured.vrms)
        self._rates = self._rates + record.dt * np.array(rates)
        self._profile = profile
        if record.step % self._every == 0:
            self._sample()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Those of `Rollout`, the present state included."""
        if self._samples[-1][0] != self.simulation.steps:
            self._sample()
        _, time, mean, profiles, rates = zip(*self._samples, strict=True)
        top, bottom, vrms = np.array(rates).T
        return {
            "time": np.array(time),
            "mean_temperature": np.array(mean),
            "nusselt_top": top,
            "nusselt_bottom": bottom,
            "vrms": vrms,
            "profile": np.array(profiles),
            "temperature": self.simulation.temperature.astype(np.float32),
        }

    def _sample(self) -> None:
        simulation = self.simulation
        now = (simulation.steps, simulation.time, float(np.mean(self._profile)))
        self._samples.append((*now, self._profiles, self._rates))


def averages(rollout: Rollout, name: str, start: float, end: float) -> Array:
    """Time average of what `name` is the integral of, over [start, end]; shape () or (ny,)."""
    times, integral = rollout.arrays["time"], rollout.arrays[name]
    columns: Iterator[Array] = iter(np.reshape(integral, (len(times), -1)).T)
    ends = np.array([np.interp([start, end], times, column) for column in columns])
    mean: Array = (ends[:, 1] - ends[:, 0]) / (end - start)
    return mean.reshape(integral.shape[1:])


def course(rollout: Rollout, name: str) -> tuple[Array, Array]:
    """What `name` is the integral of, between samples, and the times in the middle of them."""
    times, integral = rollout.arrays["time"], rollout.arrays[name]
    return 0.5 * (times[1:] + times[:-1]), np.diff(integral) / np.diff(times)


def _file(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def plain_info(rollout: Rollout) -> Mapping[str, Any]:
    """What a result says of a rollout itself."""
    return {k: v for k, v in rollout.info.items() if k not in ("key", "arrays_sha256", "machine")}
