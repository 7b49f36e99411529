"""A preconditioner for A psi = b: splines for what is smooth, Chebyshev steps for the rest."""

import numpy as np

from tellus.solver import _core
from tellus.solver.factor.cached import Factor
from tellus.solver.grid import Array
from tellus.solver.psi.operator import PsiOperator, PsiProduct
from tellus.solver.splines.projection import SplineProjection
from tellus.solver.threads import one_blas_thread

STEPS = 6
"""Chebyshev steps before and after the splines' correction. From zero to a residual of 1e-6 at
512x128, knots three cells apart, conjugate gradients need 27 iterations with 2 steps, 19 with 3,
15 with 4, 12 with 5 and 10 with 6, which takes the least time."""

DAMPED = 30.0
"""The steps damp eigenvalues down to the largest over this number, the splines see to the rest."""


class SplinePreconditioner(Factor):
    """A symmetric approximation of A^-1, made for one viscosity and applied to residuals.

    Smooth, correct by the Galerkin projection onto splines with knots `factor` cells apart,
    smooth again. Nothing is estimated: A is a sum of terms of rank one with at most five
    entries (four where cells are square), so no eigenvalue of D^-1 A exceeds that number.
    """

    def __init__(self, operator: PsiOperator, factor: int) -> None:
        self.operator = operator
        self._projection = SplineProjection(operator, factor)
        square = np.isclose(operator.grid.hx, operator.grid.hy, rtol=1e-12)
        self.largest_eigenvalue = 4.0 if square else 5.0
        self._scratch = np.empty((3, *operator.grid.nodes))

    def assemble(self, viscosity: Array) -> None:
        self._projection.assemble(viscosity)
        self._weights = self.operator.weights(viscosity)
        diagonal = self.operator.diagonal(viscosity)
        inner = (slice(1, -1), slice(1, -1))
        self._inverse = np.zeros_like(diagonal)
        self._inverse[inner] = 1.0 / diagonal[inner]

    def factor(self) -> int:
        return self._projection.factor()

    def solve(self, b: Array) -> Array:
        """Nearly A^-1 b at the nodes, zero on the walls; b, (ny+1, nx+1), must vanish there."""
        x = np.zeros_like(b)
        self._smooth(b, x, from_zero=True)
        with one_blas_thread():
            x += self._projection.solve(b - PsiProduct(self.operator.grid, self._weights)(x))
        self._smooth(b, x, from_zero=False)
        return x

    def _smooth(self, b: Array, x: Array, from_zero: bool) -> None:
        band = self.largest_eigenvalue / DAMPED, self.largest_eigenvalue
        _core.chebyshev(self._weights, self._inverse, b, *band, STEPS, from_zero, x, self._scratch)
