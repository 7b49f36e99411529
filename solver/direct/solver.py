"""The reference solver: LAPACK banded Cholesky on the stream-function system."""

import numpy as np

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.failure import failure
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.krylov import relative_residual
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from tellus.solver.threads import one_blas_thread

from .banded import Cholesky
from .choice import cholesky_for


class DirectSolver(StokesSolver):
    """Assemble the bands, factor and substitute, at every call.

    Works at viscosity contrasts to 1e10. On wide grids the factorisation starts at both ends of
    the box, on two threads where there are two (see `two_ended`).
    """

    name = "direct"

    def __init__(self, grid: Grid) -> None:
        self.operator = PsiOperator(grid)
        self._cholesky: Cholesky | None = None

    def _operator_for(self, boundaries: BoundaryConditions) -> PsiOperator:
        if boundaries.no_slip != self.operator.no_slip:
            self.operator = PsiOperator(self.operator.grid, boundaries)
        return self.operator

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """psi, u and v with the relative residual of A psi = b in the report."""
        operator = self._operator_for(problem.boundaries)
        cholesky = self._cholesky = cholesky_for(operator, self._cholesky)
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        cholesky.assemble(viscosity)
        timer.lap("assemble")
        info = cholesky.factor()
        timer.lap("factor")
        if info != 0:
            what = f"failed at unknown {info} at t = {problem.time:.6g}"
            raise failure(what, viscosity, problem.temperature)
        psi = cholesky.solve(b)
        timer.lap("solve")
        residual = relative_residual(operator.at(viscosity), psi, b)
        timer.lap("residual")
        if not np.isfinite(residual):  # LAPACK hands NaN and infinity on in silence
            what = f"gave no finite solution at t = {problem.time:.6g}"
            raise failure(what, viscosity, problem.temperature)
        report = StokesReport(self.name, timer.seconds, iterations=1, residual=residual)
        return flow_from_psi(psi, problem.grid, report)

    def stream_function(self, problem: StokesProblem) -> Array:
        """psi alone, shape (ny+1, nx+1)."""
        return self.solve(problem).psi
