"""How the rollouts of a suite ended, how many of them are good, and what each solver makes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.drift import errors
from tellus.coupling.trajectory.record import FINISHED, Trajectory
from tellus.coupling.trajectory.rollout import COLLAPSED, NOT_FINITE, OUT_OF_BOUNDS, SOLVER_FAILED

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

REFERENCE, BASELINE = "direct", "skip:100"

LEAST_SHARE = 0.9
"""Of its wall time a rollout computes at least this much, on a processor of its own."""

UNTOLD = ("key", "machine", "setup_seconds", "others_percent", "pace_seconds")
"""What a row does not repeat of an account."""

PACES = ("seconds_per_step", "cpu_seconds_per_step", "speedup", "cpu_speedup")

TO_THE_END = ("relative_steps", "cpu_speedup_to_end")

SUMMARISED = (
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


def twin_row(reference: Trajectory, twin: Trajectory) -> Row:
    """What half the time step changes, and what it took."""
    told = ("case", "ended", "message", "steps", "time", "seconds", "cpu_seconds")
    return {key: getattr(twin.account, key) for key in told} | errors(reference, twin)


def row(
    case: RolloutCase, reference: Trajectory, rollout: Trajectory, twin: Row | None = None
) -> Row:
    """One line of the result, plain JSON: what a rollout did, and its errors.

    Errors are over the model time that it has in common with the reference, None where that is
    nothing; see docs/evaluation.md.
    """
    found, most, account = errors(reference, rollout), limits(twin), rollout.account
    return {
        **{key: value for key, value in asdict(account).items() if key not in UNTOLD},
        "parameters": case.parameters,
        "survived": account.time / reference.end if reference.end > 0 else None,
        "seconds_per_step": _pace(account.seconds, account.steps),
        "cpu_seconds_per_step": _pace(account.cpu_seconds, account.steps),
        "relative_steps": relative_steps(reference, rollout),
        **found,
        "outcome": outcome(account.ended, found, most),
        "limits": most,
        "departed_in": exceeded(found, most),
    }


def relative_steps(reference: Trajectory, rollout: Trajectory) -> float | None:
    """Steps per model time over those of the reference."""
    steps, theirs = rollout.account.steps, reference.account.steps
    if not (reference.end > 0 and rollout.end > 0 and theirs):
        return None
    return (steps / rollout.end) / (theirs / reference.end)


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
        **{name: _median([r[name] for r in whole]) for name in (*SUMMARISED, *TO_THE_END)},
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


def _pace(seconds: float, steps: int) -> float | None:
    return seconds / steps if steps else None


def disturbed(rows: Sequence[Row]) -> int:
    """How many rollouts had to share their processor, so that their seconds are too many."""
    return sum(r["cpu_seconds"] < LEAST_SHARE * r["seconds"] for r in rows)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
