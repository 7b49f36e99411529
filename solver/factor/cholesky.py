"""Factors of the stream-function operator: what they all do, and LAPACK's in band storage."""

from functools import partial
from typing import ClassVar, Protocol

from tellus.solver import _core
from tellus.solver.grid import Array
from tellus.solver.psi.operator import PsiOperator
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
    """From one end of the box to the other, or on wide grids from both ends at once.

    Memory: 8 (nx-1)(ny-1)(2 min(nx, ny) - 1) bytes and a little, reused over factorisations.

    Parameters
    ----------
    operator : PsiOperator
    system : Banded or TwoEnded, optional
        Where to factor; by default what is faster for systems this wide.
    """

    def __init__(self, operator: PsiOperator, system: Banded | TwoEnded | None = None) -> None:
        self.operator = operator
        self._line = min(operator.grid.cells) - 1
        size = operator.unknowns // self._line, self._line, REACH, operator.half_bandwidth
        self.system = system or banded_system(*size)

    def assemble(self, viscosity: Array) -> None:
        if isinstance(self.system, Banded):
            self.operator.bands(viscosity, out=self.system.bands[0])
            return
        low, high = self.system.bands
        at_once(
            partial(self._fill, viscosity, low, False), partial(self._fill, viscosity, high, True)
        )

    def _fill(self, viscosity: Array, bands: Array, mirrored: bool) -> None:
        # The cut must lie two cells beyond the last line of nodes, where it is not felt.
        lines = bands.shape[0] // self._line
        _core.assemble_bands(self.operator.from_end(viscosity, lines + 2, mirrored), bands)

    def factor(self) -> int:
        return self.system.factor()

    def solve(self, b: Array) -> Array:
        return self.operator.to_nodes(self.system.solve(self.operator.to_unknowns(b)))
