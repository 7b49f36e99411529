"""What the guards of a run let pass: in which cells its closure was silent, how often a solver fell
back on another.
"""

from tellus.config.cards import RunSummary
from tellus.config.solver_spec import SolverSpec

NO_STATUS = ("iterations", "rejected")
"""Counts of a `solver_report` that are of no status."""


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
