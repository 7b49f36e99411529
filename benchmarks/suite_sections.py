"""Suites of rollouts on the page of results: tables, maps, unseen scenarios."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tellus.coupling.solvers.arguments import shortened

from .markdown import number, percent, picture, table, where

Row = Mapping[str, Any]


def suite(result: Row, pictures: set[str]) -> Iterator[str]:
    """A suite of rollouts of its own, such as a longer one."""
    summary = result["summary"]
    yield f"## Longer rollouts: {result['suite']}, {', '.join(result['grids'])}"
    yield ""
    yield f"Measured on {where(result)}. {rules(summary[0], result['thresholds'])}"
    yield ""
    yield from rollout_table([(shortened(row["solver"]), row) for row in summary])
    yield ""
    yield from picture(f"rollouts-{result['suite']}.png", "Outcomes by H and gamma_T", pictures)
    yield from picture(f"courses-{result['suite']}.png", "Three of them at length", pictures)


def rules(reference: Row, limits: Row) -> str:
    """How far rollouts went, and what is called good."""
    return (
        f"The {reference['rollouts']} test simulations, each rolled out to its end or as far as "
        f"the direct solver gets in {reference['most_steps']} steps. Good: to the end, with a mean "
        f"absolute error of <T> up to {limits['mean_temperature_mae']:g} and of the averaged "
        f"profile up to {limits['profile_mae']:g}{_flows(limits)} T is never clipped. Least part: "
        "of the model time, by the rollout that ended first. Heat made: the most that <T> gained "
        "or lost by no source of direct's, as a velocity with a divergence makes it. Steps: per "
        "model time, times those of direct. Speed-up: CPU time of direct for the same model time "
        "over the solver's own."
    )


def _flows(limits: Row) -> str:
    """How Nu and Vrms were judged, if they were: older results have no limits for them."""
    if "times_twin" not in limits:
        return "; Nu and Vrms were not judged."
    return (
        f", and errors of Nu and Vrms up to {percent(limits['nusselt_relative'])} or "
        f"{limits['times_twin']:g} times what half the time step changes in the direct solver's "
        "own, whichever is more."
    )


def rollout_table(entries: Sequence[tuple[str, Row]]) -> Iterator[str]:
    """One line per solver: its name and its row of a suite's summary."""
    yield from table(
        (
            "solver",
            "good",
            "to the end",
            "without a rejected step",
            "departed",
            "ended early",
            "least part",
            "error of <T>",
            "error of profile",
            "error of Nu",
            "error of Vrms",
            "heat made",
            "CPU ms a step",
            "steps",
            "speed-up",
        ),
        [_rollout_cells(name, row) for name, row in entries],
    )


def _rollout_cells(name: str, row: Row) -> tuple[str, ...]:
    outcomes = row["outcomes"]
    return (
        name,
        str(outcomes["good"]),
        str(row["completed"]),
        str(row["completed_without_rejected_steps"]),
        str(outcomes["departed"]),
        str(sum(outcomes.values()) - outcomes["good"] - outcomes["departed"]),
        percent(row["least_survived"]),
        number(row["mean_temperature_mae"]),
        number(row["profile_mae"]),
        percent(row.get("nusselt_relative")),
        percent(row.get("vrms_relative")),
        number(row["heat_made"]),
        _decimals(row["cpu_seconds_per_step"], 1, 1e3),
        _decimals(row["relative_steps"], 2),
        _decimals(row["cpu_speedup_to_end"], 2),
    )


def scenarios(result: Row, pictures: set[str]) -> Iterator[str]:
    """The section of a suite of scenarios: every outcome, and a figure of each."""
    limits = result["thresholds"]
    yield f"## Unseen scenarios, {result.get('grid', '')}".rstrip(", ")
    yield ""
    yield (
        f"Measured on {where(result)}, each as far as the direct solver gets; failures are shown "
        "as failures. A solver that needs more than three times the reference's steps has "
        "collapsed. Good: errors of <T> up to "
        f"{limits['mean_temperature_mae']:g} and of the profile up to {limits['profile_mae']:g}"
        f"{_flows(limits)} Speed-up: CPU time of direct for the same model time over the solver's "
        "own."
    )
    yield ""
    rows = sorted(result["results"], key=lambda row: row["case"])
    yield from table(
        (
            "scenario",
            "solver",
            "outcome",
            "steps",
            "part of the time",
            "error of <T>",
            "error of profile",
            "error of Nu",
            "error of Vrms",
            "speed-up",
        ),
        [_scenario_cells(row) for row in rows],
    )
    for case in dict.fromkeys(row["case"] for row in rows):
        yield ""
        yield from picture(f"scenario-{case}.png", f"The scenario {case}", pictures)


def _scenario_cells(row: Row) -> tuple[str, ...]:
    return (
        row["case"],
        shortened(row["solver"]),
        row["outcome"],
        str(row["steps"]),
        percent(row["survived"]),
        number(row["mean_temperature_mae"]),
        number(row["profile_mae"]),
        percent(row.get("nusselt_relative")),
        percent(row.get("vrms_relative")),
        _decimals(row["cpu_speedup_to_end"], 2),
    )


def _decimals(value: float | None, places: int, scale: float = 1.0) -> str:
    return "-" if value is None else f"{scale * value:.{places}f}"
