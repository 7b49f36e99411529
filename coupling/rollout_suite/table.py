"""The result of a suite of rollouts as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from tellus.coupling.comparison.formatting import figure

from .rollout import FINISHED
from .scores import DEPARTED, GOOD, OUTCOMES

Result = Mapping[str, Any]
Column = tuple[str, str, float]

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


def table(result: Result) -> str:
    """Every rollout, then every solver, then how to read them."""
    width = max(len(row["solver"]) for row in result["results"]) + 2
    return "\n".join([*_rollouts(result, width), "", *_solvers(result, width), "", *_notes(result)])


def _rollouts(result: Result, width: int) -> Iterator[str]:
    names = max(len(row["case"]) for row in result["results"]) + 2
    yield (
        f"{'simulation':{max(names, 12)}}{'solver':{width}}{'outcome':26}{'steps':>8}{'of time':>9}"
        + _headings()
    )
    for row in sorted(result["results"], key=lambda row: row["case"]):
        survived = "-" if row["survived"] is None else f"{100 * row['survived']:.3g} %"
        yield (
            f"{row['case']:{max(names, 12)}}{row['solver']:{width}}{row['outcome']:26}"
            f"{row['steps']:>8}{survived:>9}" + _errors(row)
        )


def _solvers(result: Result, width: int) -> Iterator[str]:
    yield (
        f"{'solver':{width}}{'completed':>11}{'good':>6}{'departed':>10}{'failed':>8}" + _headings()
    )
    for row in result["summary"]:
        outcomes = row["outcomes"]
        failed = sum(outcomes[name] for name in OUTCOMES if name not in (GOOD, DEPARTED))
        completed = f"{row['completed']} of {row['rollouts']}"
        yield (
            f"{row['solver']:{width}}{completed:>11}{outcomes[GOOD]:>6}{outcomes[DEPARTED]:>10}"
            f"{failed:>8}" + _errors(row)
        )


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
        figure(max((row[name] or 0.0 for row in twins), default=0.0), 100)
        for name in ("nusselt_relative", "vrms_relative")
    )
    spent = sum(row["cpu_seconds"] for row in twins)
    yield (
        f"Half the time step, direct: |dNu| up to {flow} %, |dVrms| up to {speed} %; "
        f"{len(twins)} rollouts, {figure(spent)} s of CPU."
    )
    for row in twins:
        if row["ended"] != FINISHED:
            yield f"{row['case']}, half the time step: {row['message']} Judged by the 5 % alone."


def _headings() -> str:
    return "".join(f"{title:>12}" for title, _, _ in ERRORS)


def _errors(row: Mapping[str, Any]) -> str:
    return "".join(f"{figure(row[key], scale):>12}" for _, key, scale in ERRORS)
