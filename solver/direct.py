"""Direct solves of the stream-function system, by default LAPACK's: the reference solver."""

import numpy as np

from .factor.cached import CachedFactor
from .failure import failure
from .grid import Array, Grid
from .phase_timer import PhaseTimer
from .psi.operator import relative_residual
from .stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from .threads import one_blas_thread


class DirectSolver(StokesSolver):
    """Assemble the bands, factor and substitute, at every call.

    Works at viscosity contrasts to 1e10. On wide grids LAPACK's factorisation starts at both ends
    of the box, on two threads where there are two (see `tellus.solver.factor.two_ended`).

    Parameters
    ----------
    grid : Grid
    factor : CachedFactor, optional
        Where the factor goes, for others to use too, and what makes it; by default a banded
        Cholesky factor in a place of its own.
    name : str
    """

    def __init__(
        self, grid: Grid, factor: CachedFactor | None = None, name: str = "direct"
    ) -> None:
        self.name, self.factor = name, factor or CachedFactor(grid)

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """psi, u and v with the relative residual of A psi = b in the report.

        Raises SolverError where A cannot be factored or nothing finite comes out.
        """
        operator = self.factor.operator_for(problem.boundaries)
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        self.factor.factor(viscosity, problem, timer)
        psi = self.factor.back_substitute(b)
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
