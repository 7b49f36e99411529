"""A factor that is kept, for as many right-hand sides and steps as it serves."""

from collections.abc import Callable

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import StokesProblem, failure

from .cholesky import BandedCholesky, Factor

Build = Callable[[PsiOperator], Factor]
"""Allocates a factor of an operator."""


class CachedFactor:
    """The factor of A at one viscosity, made by `factor` and used by `back_substitute`.

    `viscosity` is what it is the factor of, shape (ny, nx), and None where there is none. From
    it the factor is made again to the bit: that is all a checkpoint needs to hold. `build`
    allocates it, once for each operator, by default as a banded Cholesky factor.
    """

    def __init__(self, grid: Grid, build: Build = BandedCholesky) -> None:
        self.operator = PsiOperator(grid)
        self.viscosity: Array | None = None
        self._build = build
        self._allocated: Factor | None = None
        self._made = False

    def operator_for(self, boundaries: BoundaryConditions) -> PsiOperator:
        """The operator between these walls; a factor for other ones is dropped."""
        before, self.operator = self.operator, self.operator.between(boundaries)
        if self._made and self.operator is not before:
            self.restore(None)
        return self.operator

    def factor(
        self,
        viscosity: Array,
        problem: StokesProblem | None = None,
        timer: PhaseTimer | None = None,
    ) -> None:
        """Factor A at a viscosity, shape (ny, nx).

        Parameters
        ----------
        viscosity : Array
        problem : StokesProblem, optional
            Whose time and temperature an error speaks of.
        timer : PhaseTimer, optional
            Gets the phases "assemble", or what the factor calls it, and "factor", and "analyse"
            where there is one.

        Raises SolverError where A is not positive definite to rounding; no factor is kept then.
        """
        self.restore(None)
        timer = timer or PhaseTimer()
        if self._allocated is None or self._allocated.operator is not self.operator:
            self._allocated = self._build(self.operator)
        made = self._allocated
        made.assemble(viscosity)
        timer.lap(made.phase)
        if made.analyse():
            timer.lap("analyse")
        info = made.factor()
        timer.lap("factor")
        if info != 0:
            when = () if problem is None else (problem.time, problem.temperature)
            raise failure(f"failed at unknown {info}", viscosity, *when)
        self.viscosity, self._made = viscosity.copy(), True

    def restore(self, viscosity: Array | None) -> None:
        """Go back to the factor at a viscosity, made when it is asked for; None: to none."""
        self.viscosity, self._made = viscosity, False

    def back_substitute(self, b: Array) -> Array:
        """The x of A x = b at the nodes, zero on the walls; both of shape (ny+1, nx+1)."""
        if not self._made:
            assert self.viscosity is not None, "factor first"
            self.factor(self.viscosity)
        assert self._allocated is not None
        return self._allocated.solve(b)
