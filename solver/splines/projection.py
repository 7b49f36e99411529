"""The stream-function operator between splines: P^T A P, its factor, and the way there and back."""

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs

from tellus.solver import _core
from tellus.solver.factor.two_ended import TwoEnded
from tellus.solver.grid import Array
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.splines.basis import SplineBasis
from tellus.solver.threads import one_blas_thread

# As in csrc/reduced.hpp: lines of unknowns that couple, terms of the sums, functions in a block.
REACH, TERMS, LANES = 4, 5, 32

WORTH_BOTH_ENDS = 200
"""Half-bandwidth from which a factorisation from both ends pays here: at 256 it takes 0.65 of the
time on two threads, at 128 what it gains is lost where the ends meet."""


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
        long = max(grid.cells)
        mirrored = SplineBasis.of(long, grid_spacing(operator), factor, ends[::-1])
        self._slow = (slow, mirrored)
        self.unknowns = self._x.count * self._y.count
        self.half_bandwidth = REACH * (self._fast.count + 1)
        self._system: TwoEnded | Array | None = None
        blocks = -(-slow.count // LANES) * LANES
        self._sums = np.empty((REACH + 1) * TERMS * (min(grid.cells) + 1) * blocks)

    def assemble(self, viscosity: Array) -> None:
        """Fill the bands of P^T A P for a viscosity at the cells, shape (ny, nx)."""
        system = self._system = self._room()
        if isinstance(system, TwoEnded):
            for mirrored, bands in enumerate(system.bands):
                self._fill(viscosity, bands, bool(mirrored))
        else:
            self._fill(viscosity, system, False)

    def _room(self) -> "TwoEnded | Array":
        """The bands, from both ends of a wide system, else from one; made once and kept."""
        if self._system is not None:
            return self._system
        slow, fast = self._slow[0].count, self._fast.count
        if self.half_bandwidth > WORTH_BOTH_ENDS and slow > 3 * REACH:
            return TwoEnded(slow, fast, REACH, self.half_bandwidth)
        return np.empty((self.unknowns, self.half_bandwidth + 1))

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
        if isinstance(self._system, TwoEnded):
            return self._system.factor()
        assert self._system is not None
        with one_blas_thread():
            _, info = dpbtrf(self._system.T, lower=1, overwrite_ab=1)
        return int(info)

    def solve(self, load: Array) -> Array:
        """(P^T A P)^-1 of a load, both of shape (unknowns,)."""
        if isinstance(self._system, TwoEnded):
            return self._system.solve(load)
        assert self._system is not None
        with one_blas_thread():
            c, _ = dpbtrs(self._system.T, load, lower=1)
        return np.asarray(c)

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


def grid_spacing(operator: PsiOperator) -> float:
    """Cell size along the long side."""
    return operator.grid.hx if operator.y_fast else operator.grid.hy
