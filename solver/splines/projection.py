"""The stream-function operator between splines: P^T A P, its factor, and the way there and back.

`reduced:r` solves with it and nothing else: the flow that, among all flows this smooth, is nearest
to the solution in the norm of dissipation. `refined` takes it for what is smooth, and Chebyshev
steps for the rest.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from tellus.solver import _core
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.banded import Banded, TwoEnded, banded_system
from tellus.solver.factor.cached import CachedFactor, Factor
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator, PsiProduct
from tellus.solver.threads import one_blas_thread

DEGREE = 3

FEWEST = 3
"""Knot intervals across the box."""

# As in csrc/reduced.hpp: lines of unknowns that couple, terms of the sums, functions in a block.
REACH, TERMS, LANES = 4, 5, 32


def require_knots(grid: Grid, factor: int, instead: str = "use --stokes direct") -> None:
    """Raise InputError where fewer than three knot intervals fit across the box."""
    grid.require(FEWEST * factor, f"splines with knots {factor} cells apart", instead)


@dataclass(frozen=True)
class SplineBasis:
    """Functions that vanish on both walls, one per column, seen from a line of `cells` cells.

    Attributes
    ----------
    values : array, shape (cells + 1, functions)
        At the nodes.
    first : array of int, shape (functions,)
        First of the `width` nodes outside which a function is zero.
    value, second, slope : array, shape (functions, width)
        On these nodes: the values, the second differences over h^2 (psi is zero beyond the
        walls, as in the operator), and the differences over the cell that follows.
    """

    values: Array
    first: NDArray[np.intp]
    value: Array
    second: Array
    slope: Array

    @classmethod
    def of(cls, cells: int, h: float, factor: int, no_slip: tuple[bool, bool]) -> "SplineBasis":
        """Knots about `factor` cells of length `h` apart; `no_slip` at the low and high end."""
        # Knots need not fall on nodes.
        values = basis_values(cells, max(1, round(cells / factor)), no_slip)
        beyond = np.pad(values, ((1, 1), (0, 0)))
        second = np.diff(beyond, 2, axis=0) / h**2
        slope = np.diff(beyond, axis=0)[1:]  # beyond the last node it is never used
        alive = np.abs(second) + np.abs(values) > 0.0
        lowest = np.argmax(alive, axis=0)
        highest = cells - np.argmax(alive[::-1], axis=0)
        width = int(np.max(highest - lowest)) + 1
        first = np.minimum(lowest, cells + 1 - width)
        rows = first[:, None] + np.arange(width)
        columns = np.arange(first.size)[:, None]
        windows = (np.ascontiguousarray(table[rows, columns]) for table in (values, second, slope))
        return cls(values, first.astype(np.intp), *windows)

    @property
    def count(self) -> int:
        return self.first.size

    def tables(self, count: int | None = None) -> "_core.Splines":
        """What the kernels take, of the first `count` functions."""
        return self.first[:count], self.value[:count], self.second[:count], self.slope[:count]


def basis_values(cells: int, pieces: int, no_slip: tuple[bool, bool]) -> Array:
    """Uniform cubic B-splines at the nodes, shape (cells + 1, functions).

    All vanish on the walls. On a free-slip wall so does the second derivative (odd
    reflection); on a no-slip wall the slope is left to the operator, and there is one
    function more.
    """
    knots = np.arange(-DEGREE, pieces + DEGREE + 1.0)
    at = np.arange(cells + 1) * (pieces / cells)
    raw: Array = BSpline.design_matrix(at, knots, DEGREE).toarray()
    for low, held in ((True, no_slip[0]), (False, no_slip[1])):
        beyond, wall, inside = (0, 1, 2) if low else (-1, -2, -3)
        # psi(wall) = (c_beyond + 4 c_wall + c_inside) / 6 = 0 gives c_beyond.
        raw[:, inside] -= raw[:, beyond]
        if held:
            raw[:, wall] -= 4.0 * raw[:, beyond]
        else:
            raw[:, wall] = 0.0  # psi'' = 0 there: c_wall = 0
        raw[:, beyond] = 0.0
    values = raw[:, np.any(raw != 0.0, axis=0)]
    values[[0, -1]] = 0.0
    return values


class SplineProjection(Factor):
    """Galerkin projection of A onto tensor-product cubic splines with knots `factor` cells apart.

    psi = P c and (P^T A P) c = P^T b, summed direction by direction: A is never formed. Unknowns
    are numbered along the short side; wide systems are factored from both ends.
    """

    phase = "project"

    def __init__(self, operator: PsiOperator, factor: int) -> None:
        self.operator = operator
        grid = operator.grid
        left, right, bottom, top = operator.no_slip
        self._x = SplineBasis.of(grid.nx, grid.hx, factor, (left, right))
        self._y = SplineBasis.of(grid.ny, grid.hy, factor, (bottom, top))
        if operator.y_fast:
            slow, self._fast, ends = self._x, self._y, (left, right)
        else:
            slow, self._fast, ends = self._y, self._x, (bottom, top)
        spacing = grid.hx if operator.y_fast else grid.hy
        mirrored = SplineBasis.of(max(grid.cells), spacing, factor, ends[::-1])
        self._slow = (slow, mirrored)
        self.unknowns = self._x.count * self._y.count
        self.half_bandwidth = REACH * (self._fast.count + 1)
        blocks = -(-slow.count // LANES) * LANES
        self._sums = np.empty((REACH + 1) * TERMS * (min(grid.cells) + 1) * blocks)

    def assemble(self, viscosity: Array) -> None:
        for mirrored, bands in enumerate(self._system.bands):
            self._fill(viscosity, bands, bool(mirrored))

    @cached_property
    def _system(self) -> Banded | TwoEnded:
        size = self._slow[0].count, self._fast.count
        return banded_system(*size, REACH, self.half_bandwidth)

    def _fill(self, viscosity: Array, bands: Array, mirrored: bool) -> None:
        """The bands' first lines, as seen from one end."""
        slow, fast = self._slow[mirrored], self._fast
        lines = bands.shape[0] // fast.count
        cells = max(self.operator.grid.cells)
        reached = min(int(slow.first[lines - 1]) + slow.value.shape[1] + 1, cells)
        weights = self.operator.from_end(viscosity, reached, mirrored)
        _core.assemble_reduced(weights, slow.tables(lines), fast.tables(), self._sums, bands)

    def factor(self) -> int:
        return self._system.factor()

    def solve(self, b: Array) -> Array:
        """P (P^T A P)^-1 P^T b at the nodes; both of shape (ny+1, nx+1)."""
        return self.prolong(self._system.solve(self.restrict(b)))

    def restrict(self, nodes: Array) -> Array:
        """P^T of node values, shape (unknowns,)."""
        c = np.empty((self._y.count, self._x.count))
        _core.restrict_nodes(self._y.tables(), self._x.tables(), np.ascontiguousarray(nodes), c)
        return (c.T if self.operator.y_fast else c).ravel()

    def prolong(self, c: Array) -> Array:
        """P c at the nodes, shape (ny+1, nx+1)."""
        lines = c.reshape(-1, self._fast.count)
        rows = np.ascontiguousarray(lines.T if self.operator.y_fast else lines)
        nodes = np.zeros(self.operator.grid.nodes)
        _core.prolong_nodes(self._y.tables(), self._x.tables(), rows, nodes)
        return nodes


def reduced_solver(grid: Grid, factor: int) -> DirectSolver:
    """`reduced:r`, with knots `factor` cells apart; the report has no residual.

    Raises InputError where fewer than three knot intervals fit across the box.
    """
    require_knots(grid, factor, "use a smaller factor")
    kept = CachedFactor(grid, partial(SplineProjection, factor=factor))
    return DirectSolver(grid, kept, f"reduced:{factor}", residual=False)


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
