"""Factors of the stream-function operator: what all do, LAPACK's in bands, one that is kept."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol

import numpy as np

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import SolverState, StokesProblem, failure
from tellus.solver.threads import at_once

from .banded import Banded, TwoEnded, banded_system

REACH = 2
"""Lines of unknowns that couple."""


class Factor(Protocol):
    """A^-1 at one viscosity: made by `assemble` and `factor`, applied by `solve` at will.

    Exact for a Cholesky factor, approximate for a preconditioner or a projection. `phase` is
    what the seconds of `assemble` are called.
    """

    operator: PsiOperator
    phase: ClassVar[str] = "assemble"

    def assemble(self, viscosity: Array) -> None:
        """Take over a viscosity at the cells, shape (ny, nx)."""
        ...

    def analyse(self) -> bool:
        """Find the order of elimination, the first time; whether there is anything to find."""
        return False

    def factor(self) -> int:
        """Factor what was assembled; returns 0, or LAPACK's info of a failure."""
        ...

    def solve(self, b: Array) -> Array:
        """The solution of A psi = b at the nodes, zero on the walls; both (ny+1, nx+1)."""
        ...


class BandedCholesky(Factor):
    """A banded Cholesky factor, from one end of the box, or on wide grids from both at once.

    Memory: 8 (nx-1)(ny-1)(2 min(nx, ny) - 1) bytes and a little, reused over factorisations.

    Parameters
    ----------
    operator : PsiOperator
    """

    def __init__(self, operator: PsiOperator) -> None:
        self.operator = operator
        line = min(operator.grid.cells) - 1
        size = operator.unknowns // line, line, REACH, operator.half_bandwidth
        self.system: Banded | TwoEnded = banded_system(*size)

    def assemble(self, viscosity: Array) -> None:
        ends = zip(self.system.bands, (False, True), strict=False)
        at_once(*(partial(self.operator.bands, viscosity, *end) for end in ends))

    def factor(self) -> int:
        return self.system.factor()

    def solve(self, b: Array) -> Array:
        return self.operator.to_nodes(self.system.solve(self.operator.to_unknowns(b)))


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
        """The operator between these walls; a factor for other walls is dropped."""
        before, self.operator = self.operator, self.operator.between(boundaries)
        if self._made and self.operator is not before:
            self.restore({})
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
        self.restore({})
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

    def state(self) -> SolverState:
        """The viscosity that was factored, if any was."""
        return {} if self.viscosity is None else {"factored": self.viscosity}

    def restore(self, state: SolverState) -> None:
        """Go back to what `state` handed out; the factor is made when it is asked for."""
        factored = state.get("factored")
        self.viscosity = None if factored is None else np.asarray(factored, dtype=np.float64)
        self._made = False

    def back_substitute(self, b: Array) -> Array:
        """The x of A x = b at the nodes, zero on the walls; both of shape (ny+1, nx+1)."""
        if not self._made:
            assert self.viscosity is not None, "factor first"
            self.factor(self.viscosity)
        assert self._allocated is not None
        return self._allocated.solve(b)
