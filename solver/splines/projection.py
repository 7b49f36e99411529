"""The stream-function operator between splines: P^T A P, its factor, and the way there and back."""

from functools import cached_property

import numpy as np

from tellus.solver import _core
from tellus.solver.factor.banded import Banded
from tellus.solver.factor.two_ended import TwoEnded, banded_system
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.splines.basis import SplineBasis

# As in csrc/reduced.hpp: lines of unknowns that couple, terms of the sums, functions in a block.
REACH, TERMS, LANES = 4, 5, 32


def require_knots(grid: Grid, factor: int, instead: str = "use --stokes direct") -> None:
    """Raise InputError where fewer than three knot intervals fit across the box."""
    grid.require(3 * factor, f"splines with knots {factor} cells apart", instead)


class SplineProjection:
    """Galerkin projection of A onto tensor-product cubic splines with knots `factor` cells apart.

    Unknowns are numbered along the short side. `assemble`, `factor`, then `solve`; wide systems
    from both ends.
    """

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
        """Fill the bands of P^T A P for a viscosity at the cells, shape (ny, nx)."""
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
        """Factor what was assembled; returns 0, or LAPACK's info of a failure."""
        return self._system.factor()

    def solve(self, load: Array) -> Array:
        """(P^T A P)^-1 of a load, both of shape (unknowns,)."""
        return self._system.solve(load)

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
