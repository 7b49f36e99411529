"""How the rollouts of a suite ended, how many of them are good, what each solver makes; as text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from tellus.coupling.tables import Column, cells
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.drift import ERRORS as MEASURED
from tellus.coupling.trajectory.drift import whole_run_errors
from tellus.coupling.trajectory.record import FINISHED, Account, Trajectory
from tellus.coupling.trajectory.rollout import COLLAPSED, NOT_FINITE, OUT_OF_BOUNDS, SOLVER_FAILED
from tellus.io.text_table import aligned, digits

SuiteResult = Mapping[str, Any]
RolloutRow = dict[str, Any]
Trajectories = dict[tuple[str, str], Trajectory]
"""Rollouts by the names of case and solver."""

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
"""A rollout has departed, too, where an error of `FLOORS` is larger than its floor and than so many
times that of the twin: the reference once more with half of every time step. Where the flow is
chaotic, averages over a finite time differ however exact the solver is."""

REFERENCE, BASELINE = "direct", "skip:100"

LEAST_SHARE = 0.9
"""Least processor time over wall time of a rollout that has a processor of its own."""

UNTOLD = ("key", "machine", "setup_seconds", "others_percent", "pace_seconds")
"""What a row does not repeat of an account."""

PACES = ("seconds_per_step", "cpu_seconds_per_step", "speedup", "cpu_speedup")

TO_THE_END = ("relative_steps", "cpu_speedup_to_end")

ERRORS: tuple[Column, ...] = (
    ("|d<T>|", "mean_temperature_mae", 1.0),
    ("of change", "mean_temperature_relative", 100.0),
    ("|d profile|", "profile_mae", 1.0),
    ("|dNu|, %", "nusselt_relative", 100.0),
    ("|dVrms|, %", "vrms_relative", 100.0),
    ("heat made", "heat_made", 1.0),
    ("ms a step", "seconds_per_step", 1e3),
    ("steps x", "relative_steps", 1.0),
    ("speed-up", "cpu_speedup_to_end", 1.0),
)
TITLES = tuple(title for title, _, _ in ERRORS)

SUMMARISED = tuple(name for _, name, _ in ERRORS if name in MEASURED)


def limits(twin: RolloutRow | None) -> dict[str, float]:
    """The largest errors of a good rollout of a case; the floors where its twin got nowhere."""
    if twin is None or twin["ended"] != FINISHED:
        return THRESHOLDS | FLOORS
    apart = {name: TIMES_TWIN * (twin[name] or 0.0) for name in FLOORS}
    return THRESHOLDS | {name: max(floor, apart[name]) for name, floor in FLOORS.items()}


def twin_row(reference: Trajectory, twin: Trajectory) -> RolloutRow:
    """What half the time step changes, and what it took."""
    told = ("case", "ended", "message", "steps", "time", "seconds", "cpu_seconds")
    return {key: getattr(twin.account, key) for key in told} | whole_run_errors(reference, twin)


def row(
    case: RolloutCase, reference: Trajectory, rollout: Trajectory, twin: RolloutRow | None = None
) -> RolloutRow:
    """One line of the result, plain JSON: what a rollout did, and its errors.

    Errors are over the model time that it has in common with the reference, None where that is
    nothing; see docs/evaluation.md.
    """
    found, most, account = whole_run_errors(reference, rollout), limits(twin), rollout.account
    return {
        **{key: value for key, value in asdict(account).items() if key not in UNTOLD},
        "parameters": case.parameters,
        "survived": account.time / reference.end if reference.end > 0 else None,
        **_paces(account),
        "relative_steps": relative_steps(reference, rollout),
        **found,
        "outcome": outcome(account.ended, found, most),
        "limits": most,
        "departed_in": exceeded(found, most),
        **speedups(reference, rollout),
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
    """Names of the errors that are too large for a good rollout."""
    return [name for name, limit in most.items() if (found[name] or 0.0) > limit]


def speedups(reference: Trajectory, rollout: Trajectory) -> dict[str, float | None]:
    """Seconds per step of the reference over the rollout's own, by both clocks.

    ``cpu_speedup_to_end`` is per model time: a flow that limits dt more costs more steps.
    """
    theirs, own = (_paces(each.account).values() for each in (reference, rollout))
    wall, cpu = (a / b if a and b else None for a, b in zip(theirs, own, strict=True))
    steps = relative_steps(reference, rollout)
    to_end = cpu / steps if cpu and steps else None
    return {"speedup": wall, "cpu_speedup": cpu, "cpu_speedup_to_end": to_end}


def _paces(account: Account) -> dict[str, float | None]:
    """Seconds per step by the wall's clock and the processor's, None without a step."""
    clocks = {"seconds_per_step": account.seconds, "cpu_seconds_per_step": account.cpu_seconds}
    return {name: s / account.steps if account.steps else None for name, s in clocks.items()}


def summary(rows: Sequence[RolloutRow], label: str) -> RolloutRow:
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


def against(rows: Sequence[RolloutRow], label: str) -> RolloutRow | None:
    """How often a solver errs less than the baseline, a rollout that failed erring more."""
    theirs = {r["case"]: r for r in rows if r["solver"] == BASELINE}
    pairs = [(r, theirs[r["case"]]) for r in rows if r["solver"] == label and r["case"] in theirs]
    if label in (REFERENCE, BASELINE) or not pairs:
        return None
    counts = {
        name: sum(_error(mine, name) < _error(other, name) for mine, other in pairs)
        for name in ("mean_temperature_mae", "profile_mae")
    }
    return {"baseline": BASELINE, "cases": len(pairs), "smaller": counts}


def _error(entry: RolloutRow, name: str) -> float:
    value = entry[name] if entry["ended"] == FINISHED else None
    return float("inf") if value is None else float(value)


def disturbed(rows: Sequence[RolloutRow]) -> int:
    """How many rollouts had to share their processor, so that their seconds are too many."""
    return sum(r["cpu_seconds"] < LEAST_SHARE * r["seconds"] for r in rows)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def table(result: SuiteResult) -> str:
    """Every rollout, then every solver, then how to read them."""
    rollouts = [("simulation", "solver", "outcome", "steps", "of time", *TITLES)]
    rollouts += map(_rollout, sorted(result["results"], key=lambda row: str(row["case"])))
    solvers = [("solver", "completed", "good", "departed", "failed", *TITLES)]
    solvers += map(_solver, result["summary"])
    return "\n".join(
        [*aligned(rollouts, left=3), "", *aligned(solvers, left=1), "", *_notes(result)]
    )


def _rollout(row: RolloutRow) -> tuple[str, ...]:
    survived = "-" if row["survived"] is None else f"{100 * row['survived']:.3g} %"
    named = (row["case"], row["solver"], row["outcome"])
    return (*named, str(row["steps"]), survived, *cells(row, ERRORS))


def _solver(row: RolloutRow) -> tuple[str, ...]:
    counts = row["outcomes"]
    failed = sum(counts.values()) - counts[GOOD] - counts[DEPARTED]
    completed = f"{row['completed']} of {row['rollouts']}"
    fared = (str(count) for count in (counts[GOOD], counts[DEPARTED], failed))
    return (row["solver"], completed, *fared, *cells(row, ERRORS))


def _notes(result: SuiteResult) -> Iterator[str]:
    most = result["thresholds"]
    yield (
        "Errors are medians over rollouts that got to the end. Completed: without T leaving its "
        "bounds, without dt collapsing and without a solver failing; T is never clipped, and no "
        "other solver steps in. Heat made: most that <T> gained or lost by no source of direct's, "
        "as a velocity with a divergence makes it. Steps x: per model time, over direct's. "
        "Speed-up: CPU time of direct for the same model time over the solver's own."
    )
    yield (
        f"Departed: |d<T>| above {most['mean_temperature_mae']:g} or "
        f"{100 * most['mean_temperature_relative']:g} % of its change, or |d profile| above "
        f"{most['profile_mae']:g}, or |dNu| or |dVrms| above {most['times_twin']:g} times what "
        f"half the time step changes and above {100 * most['nusselt_relative']:g} %."
    )
    if settings := result.get("reference_settings"):
        yield f"The reference, and its twin, with {', '.join(settings)}."
    yield from _twins(result)
    if count := result["disturbed_rollouts"]:
        yield (
            f"Other work took the processor from {count} of {len(result['results'])} rollouts: do "
            "not quote their seconds."
        )
    for row in result["summary"]:
        if (rival := row["against_baseline"]) is not None:
            counts = rival["smaller"]
            yield (
                f"{row['solver']} errs less than {rival['baseline']} in <T>(t) on "
                f"{counts['mean_temperature_mae']} and in the profile on {counts['profile_mae']} "
                f"of {rival['cases']}."
            )
    for row in result["results"]:
        if row["message"]:
            yield f"{row['case']} {row['solver']}: {row['message']}"


def _twins(result: SuiteResult) -> Iterator[str]:
    """What half the time step changes, and what it took to know."""
    twins = result["twins"]
    if not twins:
        return
    flow, speed = (
        digits(max((row[name] or 0.0 for row in twins), default=0.0), 100)
        for name in ("nusselt_relative", "vrms_relative")
    )
    spent = sum(row["cpu_seconds"] for row in twins)
    yield (
        f"Half the time step, direct: |dNu| up to {flow} %, |dVrms| up to {speed} %; "
        f"{len(twins)} rollouts, {digits(spent)} s of CPU."
    )
    for row in twins:
        if row["ended"] != FINISHED:
            yield f"{row['case']}, half the time step: {row['message']} Judged by the 5 % alone."
