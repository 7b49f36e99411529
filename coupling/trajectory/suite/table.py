"""The result of a suite of rollouts as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from tellus.coupling.trajectory.record import FINISHED
from tellus.coupling.trajectory.tabular import Column, aligned, cells, digits

from .scores import DEPARTED, GOOD

Result = Mapping[str, Any]

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


def table(result: Result) -> str:
    """Every rollout, then every solver, then how to read them."""
    rollouts = [("simulation", "solver", "outcome", "steps", "of time", *TITLES)]
    rollouts += map(_rollout, sorted(result["results"], key=lambda row: str(row["case"])))
    solvers = [("solver", "completed", "good", "departed", "failed", *TITLES)]
    solvers += map(_solver, result["summary"])
    return "\n".join(
        [*aligned(rollouts, left=3), "", *aligned(solvers, left=1), "", *_notes(result)]
    )


def _rollout(row: Mapping[str, Any]) -> tuple[str, ...]:
    survived = "-" if row["survived"] is None else f"{100 * row['survived']:.3g} %"
    named = (row["case"], row["solver"], row["outcome"])
    return (*named, str(row["steps"]), survived, *cells(row, ERRORS))


def _solver(row: Mapping[str, Any]) -> tuple[str, ...]:
    counts = row["outcomes"]
    failed = sum(counts.values()) - counts[GOOD] - counts[DEPARTED]
    completed = f"{row['completed']} of {row['rollouts']}"
    fared = (str(count) for count in (counts[GOOD], counts[DEPARTED], failed))
    return (row["solver"], completed, *fared, *cells(row, ERRORS))


def _notes(result: Result) -> Iterator[str]:
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


def _twins(result: Result) -> Iterator[str]:
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
