"""A direct solve that leaves its factor for others to use."""

import numpy as np

from tellus.solver.failure import failure
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.krylov import relative_residual
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from tellus.solver.threads import one_blas_thread

from .cholesky import CachedCholesky


class CachedDirectSolver(StokesSolver):
    """Factor into a `CachedCholesky` that is shared, and substitute, at every call."""

    name = "direct"

    def __init__(self, cholesky: CachedCholesky) -> None:
        self.cholesky = cholesky

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity; raises SolverError where A cannot be factored."""
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        operator = self.cholesky.operator_for(problem.boundaries)
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        timer.lap("assemble")
        self.cholesky.factor(viscosity)
        timer.lap("factor")
        psi = self.cholesky.back_substitute(b)
        timer.lap("solve")
        residual = relative_residual(operator.at(viscosity), psi, b)
        timer.lap("residual")
        if not np.isfinite(residual):
            raise failure(f"gave no finite solution at t = {problem.time:.6g}", viscosity)
        return flow_from_psi(psi, problem.grid, StokesReport(self.name, timer.seconds, 1, residual))
