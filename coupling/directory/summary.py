"""run.json: what it holds, and what it says of guards.

In which cells a closure was silent, how often a solver fell back on another.
"""

from typing import Any

from pydantic import Field

from tellus.config.solver_spec import SolverSpec
from tellus.io.card import Card, Count, Number, OwnClassUsed, Seconds

NO_STATUS = ("iterations", "rejected")
"""Counts of a `solver_report` that are of no status."""


class RunSeconds(Card):
    """Wall time of a run."""

    total: Seconds
    stokes: dict[str, Seconds]
    energy: Seconds | None = None
    output: Seconds | None = None


class UsedClosure(Card):
    """What added to the fluxes of a run."""

    name: str
    weights_sha256: str | None = None


class StartedFrom(Card):
    """What a run knew at t = 0, see `Start`; runs of earlier versions do not say."""

    heating_age: Number = 0.0
    core_temperature: Number | None = None
    path: str | None = None
    time: Number | None = None


class RunSummary(Card):
    """run.json; versions before this one wrote fewer keys."""

    solver: str
    status: str
    steps: Count
    seconds: RunSeconds
    time: Number | None = None
    message: str = ""
    warnings: list[str] = Field(default_factory=list)
    tellus: str | None = None
    git: str | None = None
    threads: Count | None = None
    machine: dict[str, Any] | None = None
    others_percent: Number | None = None
    versions: dict[str, Any] | None = None
    solver_report: dict[str, Any] | None = None
    start: StartedFrom | None = None
    closure: UsedClosure | None = None
    classes: dict[str, OwnClassUsed] = Field(default_factory=dict)


def guards(summary: RunSummary) -> dict[str, str]:
    """A line for the closure of a run and one for the guard of its solver, where it has them."""
    report, found = summary.solver_report or {}, {}
    percent = {
        name: 100.0 * value
        for name, value in report.items()
        if name.startswith(("mean_", "largest_")) and isinstance(value, float)
    }
    if summary.closure is not None:
        found["closure"] = summary.closure.name
        if "mean_silent" in percent:
            found["closure"] += (
                f"; silent in {percent['mean_silent']:.3g} % of cells, at most "
                f"{percent['largest_silent']:.3g} %"
            )
    if "guarded" in SolverSpec.parse(summary.solver).kinds:
        solves = sum(
            value
            for name, value in report.items()
            if name not in NO_STATUS and isinstance(value, int)
        )
        found["guard"] = f"another solver in {report.get('fallback', 0)} of {solves} solves"
        if "mean_estimate" in percent:
            found["guard"] += (
                f"; errors of the guarded one estimated at {percent['mean_estimate']:.3g} %, at "
                f"most {percent['largest_estimate']:.3g} %"
            )
    return found
