"""Solves of the stream-function system by a factor of its operator: `direct` and its like."""

import numpy as np

from .factor.cached import CachedFactor
from .grid import Grid
from .phase_timer import PhaseTimer
from .psi.operator import relative_residual
from .stokes import Flow, StokesProblem, StokesSolver, failure
from .threads import one_blas_thread


class DirectSolver(StokesSolver):
    """Assemble the bands, factor and substitute, at every call: by default the reference solver.

    Works at viscosity contrasts to 1e10. On wide grids LAPACK's factorisation starts at both ends
    of the box, on two threads where there are two (see `tellus.solver.factor.banded`).

    Parameters
    ----------
    grid : Grid
    factor : CachedFactor, optional
        Where the factor goes, for others to use too, and what makes it; by default a banded
        Cholesky factor in a place of its own.
    name : str
    residual : bool
        Whether the report has that of A psi = b; of an approximate factor it says little.
    """

    def __init__(
        self,
        grid: Grid,
        factor: CachedFactor | None = None,
        name: str = "direct",
        residual: bool = True,
    ) -> None:
        self.name, self.factor = name, factor or CachedFactor(grid)
        self._residual = residual

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """psi, u and v; raises SolverError where A cannot be factored or nothing finite comes out.

        LAPACK hands NaN and infinity on in silence.
        """
        operator = self.factor.operator_for(problem.boundaries)
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        timer.lap("assemble")
        self.factor.factor(viscosity, problem, timer)
        psi = self.factor.back_substitute(b)
        timer.lap("solve")
        residual = np.nan
        if self._residual:
            residual = relative_residual(operator.at(viscosity), psi, b)
            timer.lap("residual")
        if not np.isfinite(residual if self._residual else psi).all():
            what = "gave no finite solution"
            raise failure(what, viscosity, problem.time, problem.temperature)
        return self.flow(psi, problem.grid, timer.seconds, residual=residual)
