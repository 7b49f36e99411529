"""What a velocity is worth: its true error beside it, or a guard that replaces what the momentum
equation refuses.
"""

from collections.abc import Mapping

import numpy as np

from tellus.errors import SolverError
from tellus.solver.composite import CompositeSolver
from tellus.solver.factor.cached import BandedCholesky, CachedFactor
from tellus.solver.grid import Array, Grid
from tellus.solver.krylov import preconditioner
from tellus.solver.phase_timer import PhaseTimer, added
from tellus.solver.psi.operator import relative_velocity
from tellus.solver.stokes import (
    Flow,
    SolverState,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
    relative_velocity_error,
)
from tellus.solver.strain import effective_viscosity

FALLBACK = "fallback"
"""Status of a flow that is not the guarded solver's."""

RENEWED = 10
"""Steps after which the preconditioner is made anew. At 256x64 that of a state moved on by a whole
cell changes estimates by a tenth."""


class GuardedSolver(CompositeSolver):
    """The flow of `solver` where its error is estimated to be small, that of `fallback` elsewhere.

    The residual of the momentum equation says little by itself: in a stiff lid it is ten thousand
    times the load where the velocity errs by half a per cent. Through the preconditioner of
    `refined` it becomes a velocity, that of the correction it asks for: an estimate of the error,
    relative to the velocity, which is handed out up to `tolerance`.
    """

    def __init__(
        self, solver: StokesSolver, fallback: StokesSolver, tolerance: float, grid: Grid
    ) -> None:
        self.name = f"guarded:tol={tolerance:g}:{solver.name}"
        self.solver, self.fallback = solver, fallback
        self.allowed, self.grid = tolerance, grid
        self.inner = {"guarded": solver, "fallback": fallback}
        self._factor = CachedFactor(grid, preconditioner(grid) or BandedCholesky)
        self._age = 0

    def solve(self, problem: StokesProblem) -> Flow:
        """A flow with the error that the guarded one is estimated to have, whether that is handed
        out or, where the status is "fallback", another.
        """
        try:
            flow = self.solver.solve(problem)
        except SolverError:  # a network's may be infinite
            return self._fallen_back(problem, {}, np.inf)
        timer = PhaseTimer()
        estimate = self._estimate(problem, flow)
        timer.lap("guard")
        seconds = added(flow.report.seconds, timer.seconds)
        if not estimate <= self.allowed:
            return self._fallen_back(problem, seconds, estimate)
        return flow.reported(solver=self.name, seconds=seconds, estimate=estimate)

    def _fallen_back(
        self, problem: StokesProblem, seconds: Mapping[str, float], estimate: float
    ) -> Flow:
        flow = self.fallback.solve(problem)
        seconds = added(seconds, flow.report.seconds)
        return flow.reported(solver=self.name, seconds=seconds, status=FALLBACK, estimate=estimate)

    def _estimate(self, problem: StokesProblem, flow: Flow) -> float:
        """Relative error of the velocity, by a new factor where an old one finds too much."""
        viscosity = effective_viscosity(problem, flow)
        operator = self._factor.operator_for(problem.boundaries)
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        residual = b - operator.at(viscosity)(flow.psi)
        # What psi says nothing of: the velocity that a network predicts beside it.
        beside = 0.0
        if flow.divergent:
            of_psi = flow_from_psi(flow.psi, self.grid, StokesReport(self.name))
            beside = relative_velocity_error(flow, of_psi)
        self._age += 1
        if self._factor.viscosity is not None and self._age < RENEWED:
            estimate = beside + self._correction(residual, flow)
            if estimate <= self.allowed or self._age == 1:
                return estimate
        self._factor.factor(viscosity, problem)
        self._age = 0
        return beside + self._correction(residual, flow)

    def _correction(self, residual: Array, flow: Flow) -> float:
        return relative_velocity(self._factor.back_substitute(residual), flow.psi, self.grid)

    def own_state(self) -> SolverState:
        """The viscosity of the preconditioner, and its age."""
        factored = self._factor.state()
        return {**factored, "age": np.array(self._age)} if factored else {}

    def restore_own(self, state: SolverState) -> None:
        self._factor.restore(state)
        self._age = int(state.get("age", 0))


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
        return flow.reported(solver=self.name, seconds=seconds, error=error)
