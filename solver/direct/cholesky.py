"""A factor of A that is kept, for as many right-hand sides as one likes."""

from collections.abc import Callable

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.failure import failure
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator

from .banded import Cholesky
from .choice import cholesky_for

Build = Callable[[PsiOperator, Cholesky | None], Cholesky]
"""Room for a factor of an operator; the room that there is already may be handed back."""


class CachedCholesky:
    """The factor of A at one viscosity, made by `factor` and used by `back_substitute`.

    `viscosity` is what it is the factor of, shape (ny, nx), and None where there is none. From
    it the factor is made again to the bit: that is all a checkpoint needs to hold. `build` may
    make room for something else that stands for A^-1.
    """

    def __init__(self, grid: Grid, build: Build = cholesky_for) -> None:
        self.operator = PsiOperator(grid)
        self.viscosity: Array | None = None
        self._build = build
        self._room: Cholesky | None = None
        self._made = False

    def operator_for(self, boundaries: BoundaryConditions) -> PsiOperator:
        """The operator between these walls; a factor for other ones is dropped."""
        if boundaries.no_slip != self.operator.no_slip:
            self.operator = PsiOperator(self.operator.grid, boundaries)
            if self._made:
                self.restore(None)
        return self.operator

    def factor(self, viscosity: Array) -> None:
        """Factor A at a viscosity.

        Raises SolverError where A is not positive definite to rounding; no factor is kept then.
        """
        self.restore(None)
        room = self._room = self._build(self.operator, self._room)
        room.assemble(viscosity)
        info = room.factor()
        if info != 0:
            raise failure(f"failed at unknown {info}", viscosity)
        self.viscosity, self._made = viscosity.copy(), True

    def restore(self, viscosity: Array | None) -> None:
        """Go back to the factor at a viscosity, made when it is asked for; None: to none."""
        self.viscosity, self._made = viscosity, False

    def back_substitute(self, b: Array) -> Array:
        """The x of A x = b at the nodes, zero on the walls; both of shape (ny+1, nx+1)."""
        if not self._made:
            assert self.viscosity is not None, "factor first"
            self.factor(self.viscosity)
        assert self._room is not None
        return self._room.solve(b)
