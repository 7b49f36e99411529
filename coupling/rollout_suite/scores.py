"""How far rollouts drift from the reference, how they ended, and how many of them are good."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from tellus.solver.grid import Array

from .cases import RolloutCase
from .rollout import (
    COLLAPSED,
    FINISHED,
    NOT_FINITE,
    OUT_OF_BOUNDS,
    SOLVER_FAILED,
    Rollout,
    averages,
    plain_info,
)

Row = dict[str, Any]

GOOD, DEPARTED = "good", "departed"
OUTCOMES = (GOOD, DEPARTED, OUT_OF_BOUNDS, NOT_FINITE, COLLAPSED, SOLVER_FAILED)

THRESHOLDS = {
    "mean_temperature_mae": 0.02,
    "mean_temperature_relative": 0.2,
    "profile_mae": 0.04,
}
"""A rollout that got to the end has departed where any of its errors is larger."""

FLOORS = {"nusselt_relative": 0.05, "vrms_relative": 0.05}
TIMES_TWIN = 3.0
"""Or where one of these is larger than its floor, and than so many times that of the twin: the
reference once more with half of every time step. Where the flow is chaotic, averages over a finite
time differ however exact the solver is."""

QUIET = 1.0
"""An rms velocity below this moves no heat to speak of: relative to it nothing is judged."""

SAMPLES = 1001
"""Common times at which two series are compared."""

REFERENCE, BASELINE = "direct", "skip:100"

LEAST_SHARE = 0.9
"""Of its wall time a rollout computes at least this much, on a processor of its own."""

PACES = ("seconds_per_step", "cpu_seconds_per_step", "speedup", "cpu_speedup")

TO_THE_END = ("relative_steps", "cpu_speedup_to_end")

ERRORS = (
    "mean_temperature_mae",
    "mean_temperature_relative",
    "profile_mae",
    "nusselt_relative",
    "vrms_relative",
    "heat_made",
)


def limits(twin: Row | None) -> dict[str, float]:
    """The largest errors of a good rollout of a case; the floors where its twin got nowhere."""
    if twin is None or twin["ended"] != FINISHED:
        return THRESHOLDS | FLOORS
    apart = {name: TIMES_TWIN * (twin[name] or 0.0) for name in FLOORS}
    return THRESHOLDS | {name: max(floor, apart[name]) for name, floor in FLOORS.items()}


def twin_row(reference: Rollout, twin: Rollout) -> Row:
    """What half the time step changes, and what it took."""
    told = ("case", "ended", "message", "steps", "time", "seconds", "cpu_seconds")
    return {key: twin.info[key] for key in told} | errors(reference, twin)


def row(case: RolloutCase, reference: Rollout, rollout: Rollout, twin: Row | None = None) -> Row:
    """One line of the result, plain JSON: what a rollout did, and its errors.

    Errors are over the model time that it has in common with the reference, None where that is
    nothing; see docs/evaluation.md.
    """
    found, most = errors(reference, rollout), limits(twin)
    return {
        **plain_info(rollout),
        "parameters": case.parameters,
        "survived": rollout.info["time"] / reference.end if reference.end > 0 else None,
        "seconds_per_step": _pace(rollout, "seconds"),
        "cpu_seconds_per_step": _pace(rollout, "cpu_seconds"),
        "relative_steps": relative_steps(reference, rollout),
        **found,
        "outcome": outcome(rollout.info["ended"], found, most),
        "limits": most,
        "departed_in": exceeded(found, most),
    }


def errors(reference: Rollout, rollout: Rollout) -> dict[str, float | None]:
    """Errors of <T>(t), of averaged profile, heat flow and velocity, and heat from nowhere."""
    end = min(reference.end, rollout.end)
    if not end > 0:
        return dict.fromkeys((*ERRORS, "nusselt_error", "vrms_error"))
    times = np.linspace(0.0, end, SAMPLES)
    theirs, ours = (
        np.interp(times, r.arrays["time"], r.arrays["mean_temperature"])
        for r in (reference, rollout)
    )
    drift, change = float(np.mean(np.abs(ours - theirs))), float(np.ptp(theirs))
    last_third = 2.0 / 3.0 * end, end
    profiles = [averages(r, "profile", *last_third) for r in (reference, rollout)]
    flows = [
        np.array([averages(r, name, *last_third) for name in ("nusselt_top", "nusselt_bottom")])
        for r in (reference, rollout)
    ]
    heat, scale = float(np.mean(np.abs(flows[1] - flows[0]))), float(np.mean(np.abs(flows[0])))
    speeds = [float(averages(r, "vrms", *last_third)) for r in (reference, rollout)]
    given = [np.interp(times, r.arrays["time"], heat_given(r)) for r in (reference, rollout)]
    return {
        "mean_temperature_mae": drift,
        "mean_temperature_relative": drift / change if change > 0 else None,
        "profile_mae": float(np.mean(np.abs(profiles[1] - profiles[0]))),
        "nusselt_error": heat,
        "nusselt_relative": heat / scale if scale > 0 else None,
        "vrms_error": abs(speeds[1] - speeds[0]),
        "vrms_relative": abs(speeds[1] - speeds[0]) / max(speeds[0], QUIET),
        "heat_made": float(np.max(np.abs(given[1] - given[0]))),
    }


def heat_given(rollout: Rollout) -> Array:
    """By how much all sources raised <T> since the start, at every sample, shape (n,).

    What <T> gained, less what came in through the bottom and did not leave through the top: the
    heating H, and what a velocity with a divergence makes or takes.
    """
    mean, bottom, top = (
        rollout.arrays[name] for name in ("mean_temperature", "nusselt_bottom", "nusselt_top")
    )
    gained: Array = mean - mean[0] - (bottom - top)
    return gained


def relative_steps(reference: Rollout, rollout: Rollout) -> float | None:
    """Steps per model time over those of the reference."""
    if not (reference.end > 0 and rollout.end > 0 and reference.info["steps"]):
        return None
    density = rollout.info["steps"] / rollout.end
    return float(density / (reference.info["steps"] / reference.end))


def outcome(ended: str, found: Mapping[str, float | None], most: Mapping[str, float]) -> str:
    """One of OUTCOMES."""
    if ended != FINISHED:
        return ended
    return DEPARTED if exceeded(found, most) else GOOD


def exceeded(found: Mapping[str, float | None], most: Mapping[str, float]) -> list[str]:
    """The errors that are larger than those of a good rollout."""
    return [name for name, limit in most.items() if (found[name] or 0.0) > limit]


def add_speedups(rows: Sequence[Row]) -> None:
    """Seconds per step of the reference of the same case over a rollout's own, by both clocks.

    ``cpu_speedup_to_end`` is per model time: a flow that limits dt more costs more steps.
    """
    for speedup, pace in (("speedup", "seconds_per_step"), ("cpu_speedup", "cpu_seconds_per_step")):
        theirs = {r["case"]: r[pace] for r in rows if r["solver"] == REFERENCE}
        for entry in rows:
            own, other = entry[pace], theirs[entry["case"]]
            entry[speedup] = other / own if own and other else None
    for entry in rows:
        pace, steps = entry["cpu_speedup"], entry["relative_steps"]
        entry["cpu_speedup_to_end"] = pace / steps if pace and steps else None


def summary(rows: Sequence[Row], label: str) -> Row:
    """Counts and medians of one solver; medians are over the rollouts that got to the end."""
    mine = [r for r in rows if r["solver"] == label]
    whole = [r for r in mine if r["ended"] == FINISHED]
    survived = [r["survived"] for r in mine if r["survived"] is not None]
    return {
        "solver": label,
        "rollouts": len(mine),
        "completed": len(whole),
        "completed_without_rejected_steps": sum(r["rejected"] == 0 for r in whole),
        "outcomes": {name: sum(r["outcome"] == name for r in mine) for name in OUTCOMES},
        "departed_in": {
            name: sum(name in r["departed_in"] for r in whole) for name in (*THRESHOLDS, *FLOORS)
        },
        **{name: _median([r[name] for r in whole]) for name in (*ERRORS, *TO_THE_END)},
        **{name: _median([r[name] for r in mine]) for name in PACES},
        "least_survived": min(survived, default=None),
        "steps": sum(r["steps"] for r in mine),
        "most_steps": max(r["steps"] for r in mine),
        "against_baseline": against(rows, label),
    }


def against(rows: Sequence[Row], label: str, baseline: str = BASELINE) -> Row | None:
    """How often a solver errs less than the baseline, a rollout that failed erring more."""
    theirs = {r["case"]: r for r in rows if r["solver"] == baseline}
    pairs = [(r, theirs[r["case"]]) for r in rows if r["solver"] == label and r["case"] in theirs]
    if label in (REFERENCE, baseline) or not pairs:
        return None
    counts = {
        name: sum(_error(mine, name) < _error(other, name) for mine, other in pairs)
        for name in ("mean_temperature_mae", "profile_mae")
    }
    return {"baseline": baseline, "cases": len(pairs), "smaller": counts}


def _error(entry: Row, name: str) -> float:
    value = entry[name] if entry["ended"] == FINISHED else None
    return float("inf") if value is None else float(value)


def _pace(rollout: Rollout, clock: str) -> float | None:
    steps = rollout.info["steps"]
    return rollout.info[clock] / steps if steps else None


def disturbed(rows: Sequence[Row]) -> int:
    """How many rollouts had to share their processor, so that their seconds are too many."""
    return sum(r["cpu_seconds"] < LEAST_SHARE * r["seconds"] for r in rows)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
