"""Any solver, with its true error beside it."""

from dataclasses import replace

from tellus.solver.composite import CompositeSolver
from tellus.solver.phase_timer import PhaseTimer, added
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, relative_velocity_error


class CheckedSolver(CompositeSolver):
    """What `solver` gives, and how far that is from the direct velocity of the same state.

    The direct solve is of no consequence for the run; its time is reported as "check".
    """

    def __init__(self, solver: StokesSolver, direct: StokesSolver) -> None:
        self.name = f"check:{solver.name}"
        self.solver, self.direct = solver, direct
        self.inner = {"checked": solver, "direct": direct}

    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity of the solver, and its relative error in the report."""
        flow = self.solver.solve(problem)
        timer = PhaseTimer()
        error = relative_velocity_error(flow, self.direct.solve(problem))
        timer.lap("check")
        seconds = added(flow.report.seconds, timer.seconds)
        report = replace(flow.report, solver=self.name, seconds=seconds, error=error)
        return replace(flow, report=report)
