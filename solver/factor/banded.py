"""Cholesky factorisation of the stream-function operator in band storage, by LAPACK."""

from scipy.linalg.lapack import dpbtrf, dpbtrs

from tellus.solver.grid import Array
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.threads import one_blas_thread

from .factor import Factor


class BandedCholesky(Factor):
    """dpbtrf and dpbtrs from one end to the other, on one thread.

    Memory: 8 (nx-1)(ny-1)(2 min(nx, ny) - 1) bytes, one buffer reused over factorisations.
    """

    def __init__(self, operator: PsiOperator) -> None:
        self.operator = operator
        self._bands = operator.empty_bands()

    def assemble(self, viscosity: Array) -> None:
        """Fill the bands for a viscosity at the cells, shape (ny, nx)."""
        self.operator.bands(viscosity, out=self._bands)

    def factor(self) -> int:
        """Factor what was assembled; returns 0, or LAPACK's info of a failure."""
        with one_blas_thread():
            self._factor, info = dpbtrf(self._bands.T, lower=1, overwrite_ab=1)
        return int(info)

    def solve(self, b: Array) -> Array:
        """The solution of A psi = b at the nodes, zero on the walls; both (ny+1, nx+1)."""
        with one_blas_thread():
            x, _ = dpbtrs(self._factor, self.operator.to_unknowns(b), lower=1, overwrite_b=1)
        return self.operator.to_nodes(x)
