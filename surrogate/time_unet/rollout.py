"""A U-net that steps in time, fed with its own answers, beside the simulation it should follow."""

from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch

from tellus.errors import InputError
from tellus.solver.defaults import QUIET_VRMS
from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.data import Dataset, Numbers
from tellus.surrogate.multi_scale.features import ScaledSnapshots

from .data import TimedSnapshots, longest_chain
from .model import CellState, TimeStepper

STEPS = 16
"""Steps of a rollout: the best U-net of Agarwal et al. (2025) diverged within them (III.3)."""

STARTS = ("early", "late")

MARGIN = 0.5
"""T may leave 0..1, or the range the simulation itself takes, by this before a rollout is lost."""


RECORDED = (
    "temperature_error",
    "velocity_error",
    "mean_temperature",
    "reference_mean_temperature",
)
"""What is told of every step of a simulation's rollout."""


class Course(NamedTuple):
    """What became of one rollout: numbers and seconds of each step, and where it was lost.

    Those of "held" are if nothing ever changed. Velocity errors are None where the reference is
    quiet, as in evaluation.
    """

    steps: list[dict[str, float | None]]
    seconds: list[float]
    diverged_at: int | None


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

    Parameters
    ----------
    model_dir : Path or str
        A directory made by training.
    data : Path
        A data set made by `tellus dataset`.
    split : str
    steps : int
        The most steps of a rollout.
    start : str
        "early" or "late".

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
    history = TimedSnapshots.load(dataset, split)
    interval = int(stepper.card["training"]["interval"])
    rows, courses = [], []
    for number in range(len(history.names)):
        inside = np.flatnonzero(history.simulation == number)
        chain = inside[longest_chain(history.step[inside], interval)]
        chain = chain[: steps + 1] if start == "early" else chain[-steps - 1 :]
        courses.append(_roll_out(stepper, history, chain))
        rows.append(_row(history, chain, courses[-1]))
    if not any(course.steps or course.diverged_at for course in courses):
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


def _roll_out(stepper: TimeStepper, history: TimedSnapshots, chain: Numbers) -> Course:
    """The course over the snapshots numbered `chain`."""
    part = history.select(chain)
    dtype = stepper.dtype
    found = ScaledSnapshots.of(part, stepper.scale.each(part)).to(dtype)
    truth = CellState.of(found.temperature, found.psi, stepper.grid)
    ceiling = max(1.0, float(found.temperature.max())) + MARGIN
    dt = torch.from_numpy(np.diff(part.time)).to(dtype)
    first = found.parameters.select(slice(1))
    start = state = truth.select(slice(1))
    steps: list[dict[str, float | None]] = []
    seconds: list[float] = []
    for n in range(1, len(chain)):
        clock = perf_counter()
        state = stepper.step(state, first, dt[n - 1 : n])
        seconds.append(perf_counter() - clock)
        if not _is_usable(state, -MARGIN, ceiling):
            return Course(steps, seconds, n)
        moves = float(part.vrms[n]) >= QUIET_VRMS
        steps.append(_step(state, start, truth.select(slice(n, n + 1)), moves))
    return Course(steps, seconds, None)


def _is_usable(state: CellState, low: float, high: float) -> bool:
    finite = all(bool(torch.isfinite(f).all()) for f in (state.temperature, state.u, state.v))
    return (
        finite and low <= float(state.temperature.min()) <= float(state.temperature.max()) <= high
    )


def _step(
    state: CellState, start: CellState, reference: CellState, moves: bool
) -> dict[str, float | None]:
    mean, true = float(state.temperature.mean()), float(reference.temperature.mean())
    velocity, held = (float(s.error(reference, "u", "v")) for s in (state, start))
    return {
        "temperature_error": float(state.error(reference, "temperature")),
        "velocity_error": velocity if moves else None,
        "held_temperature_error": float(start.error(reference, "temperature")),
        "held_velocity_error": held if moves else None,
        "mean_temperature": mean,
        "reference_mean_temperature": true,
        "mean_temperature_error": abs(mean - true),
    }


def _row(history: TimedSnapshots, chain: Numbers, course: Course) -> dict[str, Any]:
    first = chain[0]
    return {
        "name": history.names[history.simulation[first]],
        **{name: float(getattr(history, name)[first]) for name in PARAMETERS[:3]},
        "start_step": int(history.step[first]),
        "start_time": float(history.time[first]),
        "planned_steps": len(chain) - 1,
        "diverged_at": course.diverged_at,
        **{name: [step[name] for step in course.steps] for name in RECORDED},
    }


def _after(courses: list[Course], n: int) -> dict[str, Any]:
    """Medians after n steps over the rollouts that got so far."""
    alive = [course.steps[n - 1] for course in courses if len(course.steps) >= n]
    lost = sum(course.diverged_at is not None and course.diverged_at <= n for course in courses)

    def medians(*names: str, of: str = "") -> dict[str, float | None]:
        values = {name: [step[of + name] for step in alive] for name in names}
        known = {name: [v for v in found if v is not None] for name, found in values.items()}
        return {name: float(np.median(v)) if v else None for name, v in known.items()}

    errors = ("temperature_error", "velocity_error")
    return {
        "steps": n,
        "alive": len(alive),
        "lost": lost,
        **medians(*errors, "mean_temperature_error"),
        "held": medians(*errors, of="held_"),
    }
