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


def rules(reference: Row, limits: Row) -> str:
    """How far rollouts went, and what is called good."""
    simulations = reference["rollouts"]
    return (
        f"The {simulations} test simulations, each rolled out as far as the direct solver gets in "
        f"{reference['steps'] / simulations:.0f} steps. Good: to the end, with a mean absolute "
        f"error of <T> up to {limits['mean_temperature_mae']:g} and of the averaged profile up to "
        f"{limits['profile_mae']:g}. T is never clipped."
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
            "error of <T>",
            "error of profile",
            "CPU ms a step",
            "speed-up by CPU time",
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
        number(row["mean_temperature_mae"]),
        number(row["profile_mae"]),
        "-" if row["cpu_seconds_per_step"] is None else f"{1e3 * row['cpu_seconds_per_step']:.1f}",
        "-" if row["cpu_speedup"] is None else f"{row['cpu_speedup']:.2f}",
    )


def scenarios(result: Row, pictures: set[str]) -> Iterator[str]:
    """The section of a suite of scenarios: every outcome, and a figure of each."""
    yield f"## Unseen scenarios, {result.get('grid', '')}".rstrip(", ")
    yield ""
    yield (
        f"Measured on {where(result)}, each as far as the direct solver gets; failures are shown "
        "as failures. A solve that needs more than three times the reference's steps has "
        "collapsed."
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
            "speed-up by CPU time",
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
        "-" if row["cpu_speedup"] is None else f"{row['cpu_speedup']:.2f}",
    )
