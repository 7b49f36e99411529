"""`reduced:r`: psi as a smooth spline, under the fine grid's own operator."""

import numpy as np

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.failure import failure
from tellus.solver.grid import Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.splines.projection import SplineProjection, require_knots
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from tellus.solver.threads import one_blas_thread


class ReducedSolver(StokesSolver):
    """Galerkin projection of A psi = b onto tensor-product cubic B-splines.

    psi = P c with knots `factor` cells apart and (P^T A P) c = P^T b: the flow that, among
    all flows this smooth, is nearest to the solution in the norm of dissipation. A is never
    formed: the projection is summed direction by direction.

    Raises InputError where fewer than three knot intervals fit across the box.
    """

    def __init__(self, grid: Grid, factor: int) -> None:
        require_knots(grid, factor, "use a smaller factor")
        self.name = f"reduced:{factor}"
        self.grid, self.factor = grid, factor
        self._projection = SplineProjection(PsiOperator(grid), factor)

    def projection(self, boundaries: BoundaryConditions) -> SplineProjection:
        """Splines that fit these walls."""
        operator = self._projection.operator.between(boundaries)
        if operator is not self._projection.operator:
            self._projection = SplineProjection(operator, self.factor)
        return self._projection

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """psi, u and v; the report has no residual, which would cost and say little."""
        projection = self.projection(problem.boundaries)
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        b = projection.operator.right_hand_side(problem.temperature, problem.rayleigh)
        load = projection.restrict(b)
        timer.lap("assemble")
        projection.assemble(viscosity)
        timer.lap("project")
        info = projection.factor()
        timer.lap("factor")
        psi = projection.prolong(projection.solve(load)) if info == 0 else b
        timer.lap("solve")
        if info != 0 or not np.isfinite(psi).all():
            failed = f"failed at unknown {info}" if info else "gave no finite solution"
            what = f"{failed} at t = {problem.time:.6g}"
            raise failure(what, viscosity, problem.temperature)
        return flow_from_psi(psi, problem.grid, StokesReport(self.name, timer.seconds))
