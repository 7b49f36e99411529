"""A banded Cholesky factor that is kept, for as many right-hand sides as one likes."""

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs

from .boundaries import BoundaryConditions
from .errors import SolverError
from .grid import Array, Grid
from .psi_operator import PsiOperator
from .threads import blas_threads


class KeptCholesky:
    """The factor of A at one viscosity, made by `factor` and used by `back_substitute`.

    Memory: that of `DirectSolver`, one band buffer, which holds the factor. `viscosity` is what
    it is the factor of, shape (ny, nx), and None where there is none. From it the factor is made
    again to the bit: that is all a checkpoint needs to hold.
    """

    def __init__(self, grid: Grid) -> None:
        self.operator = PsiOperator(grid)
        self.viscosity: Array | None = None
        self._bands = self.operator.empty_bands()
        self._factor: Array | None = None

    def operator_for(self, boundaries: BoundaryConditions) -> PsiOperator:
        """The operator between these walls; a factor for other ones is dropped."""
        if boundaries.no_slip != self.operator.no_slip:
            self.operator = PsiOperator(self.operator.grid, boundaries)
            if self._factor is not None:
                self.viscosity = self._factor = None
        return self.operator

    def factor(self, viscosity: Array) -> None:
        """Factor A at a viscosity.

        Raises SolverError where A is not positive definite to rounding; no factor is kept then.
        """
        self.viscosity = self._factor = None
        self.operator.bands(viscosity, out=self._bands)
        with blas_threads(self.operator.half_bandwidth):
            factor, info = dpbtrf(self._bands.T, lower=1, overwrite_ab=1)
        if info != 0:
            raise failure(f"failed at unknown {info}", viscosity)
        self.viscosity, self._factor = viscosity.copy(), factor

    def restore(self, viscosity: Array | None) -> None:
        """Go back to the factor at a viscosity, made when it is asked for; None: to none."""
        self.viscosity, self._factor = viscosity, None

    def back_substitute(self, b: Array) -> Array:
        """The x of A x = b at the nodes, zero on the walls; both of shape (ny+1, nx+1)."""
        if self._factor is None:
            assert self.viscosity is not None, "factor first"
            self.factor(self.viscosity)
        unknowns = self.operator.to_unknowns(b)
        with blas_threads(self.operator.half_bandwidth):
            x, _ = dpbtrs(self._factor, unknowns, lower=1, overwrite_b=1)
        return self.operator.to_nodes(x)


def failure(what: str, viscosity: Array) -> SolverError:
    """The error of a factorisation that went wrong."""
    return SolverError(
        f"the Cholesky factorisation {what}: viscosity ranges from {np.min(viscosity):.3g} to "
        f"{np.max(viscosity):.3g}; set rheology.floor and rheology.ceiling to bound it, or refine "
        "the grid."
    )
