"""What every factor of the stream-function operator does, and what stands for one."""

from typing import Protocol

from tellus.solver.grid import Array
from tellus.solver.psi.operator import PsiOperator


class Factor(Protocol):
    """A^-1 at one viscosity: made by `assemble` and `factor`, applied by `solve` at will.

    Exact for a Cholesky factor, approximate for a preconditioner.
    """

    operator: PsiOperator

    def assemble(self, viscosity: Array) -> None:
        """Fill the bands for a viscosity at the cells, shape (ny, nx)."""
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
