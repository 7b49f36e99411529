"""A U-net that steps in time, fed with its own answers, beside the simulation it should follow."""

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from tellus.errors import InputError
from tellus.solver.stokes import QUIET_VRMS
from tellus.surrogate.data import Dataset

from .data import History, Numbers, longest_chain
from .model import State, TimeStepper

STEPS = 16
"""After as many the best U-net of Agarwal et al. (2025) had diverged (section III.3)."""

STARTS = ("early", "late")

MARGIN = 0.5
"""T may leave 0..1, or the range the simulation itself takes, by this before a rollout is lost."""


@dataclass
class Course:
    """What became of one rollout, a number for every step; `held` is if nothing ever changed.

    Velocity errors are None where the reference is quiet, as in evaluation.
    """

    temperature_error: list[float] = field(default_factory=list)
    velocity_error: list[float | None] = field(default_factory=list)
    mean_temperature: list[float] = field(default_factory=list)
    reference_mean_temperature: list[float] = field(default_factory=list)
    held_temperature_error: list[float] = field(default_factory=list)
    held_velocity_error: list[float | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    diverged_at: int | None = None


def time_rollout(
    model_dir: Path | str,
    data: Path,
    split: str = "test",
    steps: int = STEPS,
    start: str = "early",
) -> dict[str, Any]:
    """Roll out a U-net over every simulation of a split.

    It follows the longest chain of snapshots `interval` steps apart: from its first
    on, or ("late") so far before its end that there is room for `steps`, where
    convection has developed. T and velocities are fed back; viscosity is computed anew
    from T, and the length of each step is that of the simulation. A rollout is lost, and
    ends, when T or a velocity is not finite, or T leaves -0.5 .. max(1, largest T of the
    simulation) + 0.5.

    Returns
    -------
    dict
        "steps": by number of steps, how many rollouts are lost by then ("lost"), how many go
        on beside their reference ("alive"), and over these the medians of the relative errors
        of T and velocity and of the error of <T>; "held": the medians if nothing changed
        since the start; "lost": how many ended early, "lost_at": after how many steps each;
        "per_simulation": the courses; "seconds": median per step.

    Raises
    ------
    InputError
        Model or data are missing, damaged or on different grids, or no two snapshots
        are `interval` steps apart.
    """
    if start not in STARTS:
        raise InputError(f'a rollout starts "early" or "late", not "{start}".')
    dataset = Dataset.open(data)
    stepper = matching_stepper(model_dir, dataset)
    history = History.load(dataset, split)
    interval = int(stepper.card["training"]["interval"])
    rows, courses = [], []
    for number in range(len(history.names)):
        inside = np.flatnonzero(history.simulation == number)
        chain = inside[longest_chain(history.step[inside], interval)]
        chain = chain[: steps + 1] if start == "early" else chain[-steps - 1 :]
        courses.append(_roll_out(stepper, history, chain))
        rows.append(_row(history, chain, courses[-1]))
    if not any(course.temperature_error or course.diverged_at for course in courses):
        raise InputError(
            f"{data}: no two snapshots of split {split!r} are {interval} steps apart, as the U-net "
            "steps: evaluate it on a data set with dataset.snapshot_every to match."
        )
    lost = sorted(course.diverged_at for course in courses if course.diverged_at is not None)
    return {
        "kind": "time-rollout",
        "split": split,
        "start": start,
        "grid": str(dataset.grid),
        "interval": interval,
        "steps": [_after(courses, n) for n in range(1, max(r["planned_steps"] for r in rows) + 1)],
        "lost": len(lost),
        "lost_at": lost,
        "seconds": float(np.median(np.concatenate([course.seconds for course in courses]))),
        "per_simulation": rows,
        "weights_sha256": stepper.sha256,
    }


def matching_stepper(model_dir: Path | str, dataset: Dataset) -> TimeStepper:
    """The U-net in `model_dir`; InputError unless its grid and walls are those of the data set."""
    stepper = TimeStepper.load(model_dir)
    theirs = dataset.grid, dataset.card["boundaries"]
    ours = stepper.grid, stepper.card["boundaries"]
    if theirs != ours:
        raise InputError(
            f"{model_dir} steps in time on {ours[0]} with {ours[1]} walls, and {dataset.path} has "
            f"{theirs[0]} and {theirs[1]}: name a data set like the one it was trained on."
        )
    return stepper


def _roll_out(stepper: TimeStepper, history: History, chain: Numbers) -> Course:
    """The course over the snapshots numbered `chain`."""
    part = history.select(chain)
    dtype = stepper.dtype
    temperature, psi, parameters = part.states(stepper.scale)
    truth = State.of(temperature.to(dtype), psi.to(dtype), stepper.grid)
    ceiling = max(1.0, float(temperature.max())) + MARGIN
    dt = torch.from_numpy(np.diff(part.time)).to(dtype)
    first = parameters.select(torch.tensor([0])).to(dtype)
    start = state = _moment(truth, 0)
    course = Course()
    for n in range(1, len(chain)):
        clock = perf_counter()
        state = stepper.step(state, first, dt[n - 1 : n])
        course.seconds.append(perf_counter() - clock)
        if not _is_usable(state, -MARGIN, ceiling):
            course.diverged_at = n
            break
        _note(course, state, start, _moment(truth, n), float(part.vrms[n]))
    return course


def _moment(truth: State, n: int) -> State:
    return State(*(values[n : n + 1] for values in (truth.temperature, truth.u, truth.v)))


def _is_usable(state: State, low: float, high: float) -> bool:
    finite = all(bool(torch.isfinite(f).all()) for f in (state.temperature, state.u, state.v))
    return (
        finite and low <= float(state.temperature.min()) <= float(state.temperature.max()) <= high
    )


def _note(course: Course, state: State, start: State, reference: State, vrms: float) -> None:
    moves = vrms >= QUIET_VRMS
    course.temperature_error.append(float(state.temperature_error(reference)))
    course.held_temperature_error.append(float(start.temperature_error(reference)))
    course.velocity_error.append(float(state.velocity_error(reference)) if moves else None)
    course.held_velocity_error.append(float(start.velocity_error(reference)) if moves else None)
    course.mean_temperature.append(float(state.temperature.mean()))
    course.reference_mean_temperature.append(float(reference.temperature.mean()))


def _row(history: History, chain: Numbers, course: Course) -> dict[str, Any]:
    first = chain[0]
    return {
        "name": history.names[history.simulation[first]],
        "gamma_T": float(history.gamma_T[first]),
        "gamma_p": float(history.gamma_p[first]),
        "heating": float(history.heating[first]),
        "start_step": int(history.step[first]),
        "start_time": float(history.time[first]),
        "planned_steps": len(chain) - 1,
        "diverged_at": course.diverged_at,
        "temperature_error": course.temperature_error,
        "velocity_error": course.velocity_error,
        "mean_temperature": course.mean_temperature,
        "reference_mean_temperature": course.reference_mean_temperature,
    }


def _after(courses: list[Course], n: int) -> dict[str, Any]:
    """Medians after n steps over the rollouts that got so far."""
    alive = [course for course in courses if len(course.temperature_error) >= n]
    lost = sum(course.diverged_at is not None and course.diverged_at <= n for course in courses)

    def median(name: str) -> float | None:
        values = [getattr(course, name)[n - 1] for course in alive]
        values = [value for value in values if value is not None]
        return float(np.median(values)) if values else None

    drift = [abs(c.mean_temperature[n - 1] - c.reference_mean_temperature[n - 1]) for c in alive]
    return {
        "steps": n,
        "alive": len(alive),
        "lost": lost,
        "temperature_error": median("temperature_error"),
        "velocity_error": median("velocity_error"),
        "mean_temperature_error": float(np.median(drift)) if drift else None,
        "held": {
            "temperature_error": median("held_temperature_error"),
            "velocity_error": median("held_velocity_error"),
        },
    }
