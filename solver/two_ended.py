"""A banded Cholesky factorisation that starts at both ends and meets in the middle.

The two halves know nothing of each other until they meet at a separator two lines of nodes wide,
so two threads factor, and substitute, at once ("burn at both ends", as twisted factorisations do).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from . import _core
from .banded import Cholesky
from .grid import Array
from .lapack import factor_bands, substitute
from .psi_operator import PsiOperator
from .threads import one_blas_thread

Result = TypeVar("Result")


class TwoEndedCholesky(Cholesky):
    """The factor of A, made anew by every `assemble` and `factor`, and used by `solve`.

    Memory: 8 (nx-1)(ny-1)(2 min(nx, ny) - 1) bytes and a little, reused over factorisations.
    """

    def __init__(self, operator: PsiOperator) -> None:
        self.operator = operator
        long, short = max(operator.grid.cells), min(operator.grid.cells)
        self._line = short - 1
        lines = long - 1
        first = (lines - 2) // 2
        left, right, bottom, top = operator.no_slip
        walls = (left, right, bottom, top) if operator.y_fast else (bottom, top, left, right)
        low, high, *sides = walls
        self._halves = (
            _Half(operator, first, (low, high, *sides)),
            _Half(operator, lines - 2 - first, (high, low, *sides)),
        )

    def assemble(self, viscosity: Array) -> None:
        """Fill the bands for a viscosity at the cells, shape (ny, nx)."""
        oriented = viscosity.T if self.operator.y_fast else viscosity
        low, high = self._halves
        _at_once(lambda: low.assemble(oriented), lambda: high.assemble(oriented[::-1]))

    def factor(self) -> int:
        """Factor what was assembled; returns 0, or LAPACK's info of a failure."""
        low, high = self._halves
        with one_blas_thread():
            infos = _at_once(low.factor, high.factor)
            if any(infos):
                return max(infos)
            # Each half holds the separator's own block once, so it is in the sum twice.
            swapped = self._swapped(high.tail @ high.tail.T)
            separator = low.tail @ low.tail.T + swapped - low.own
            self._separator, info = dpotrf(separator, lower=1, overwrite_a=1)
        return int(info)

    def solve(self, b: Array) -> Array:
        """The solution of A psi = b at the nodes, zero on the walls; both (ny+1, nx+1)."""
        unknowns = self.operator.to_unknowns(b).reshape(-1, self._line)
        low, high = self._halves
        with one_blas_thread():
            _at_once(
                lambda: low.forward(unknowns[: low.lines]),
                lambda: high.forward(unknowns[::-1][: high.lines]),
            )
            middle = unknowns[low.lines : low.lines + 2].ravel()
            load = middle + low.tail @ low.last + self._swapped(high.tail @ high.last)
            met, _ = dpotrs(self._separator, load, lower=1)
            _at_once(lambda: low.backward(met), lambda: high.backward(self._swapped(met)))
        return self.operator.to_nodes(np.concatenate([low.found, met, high.found[::-1]], axis=None))

    def _swapped(self, separator: Array) -> Array:
        """The separator's two lines in the other order, of a vector or a matrix."""
        return np.roll(separator, self._line, axis=tuple(range(separator.ndim)))


class _Half:
    """`lines` lines of unknowns from one end of the box, and the two of the separator."""

    def __init__(self, operator: PsiOperator, lines: int, walls: Sequence[bool]) -> None:
        grid = operator.grid
        long, short = max(grid.cells), min(grid.cells)
        self.lines, self._line = lines, short - 1
        self._spacing = (grid.hx, grid.hy) if operator.y_fast else (grid.hy, grid.hx)
        low, high, first_side, last_side = walls
        self._walls = (first_side, last_side, low, high)
        # Bands of this many cells: two lines beyond the separator they feel the cut.
        self._cells = min(lines + 4, long)
        self._bands = np.empty(((self._cells - 1) * self._line, 2 * self._line + 1))
        self._factor = self._bands[: (lines + 2) * self._line]

    def assemble(self, viscosity: Array) -> None:
        """From the viscosity with this end of the box first, (long side, short side)."""
        along, across = self._spacing
        cut = np.ascontiguousarray(viscosity[: self._cells])
        weights = _core.Weights(cut, across, along, False, self._walls)
        _core.assemble_bands(weights, self._bands)

    def factor(self) -> int:
        """Factor this end and the separator as this end sees it."""
        upper = self._corner()
        self.own = upper + np.triu(upper, 1).T
        info = factor_bands(self._factor)
        self.tail = self._corner().T
        return info

    def _corner(self) -> Array:
        """The last block of the bands as a matrix, transposed: an upper triangle."""
        size = 2 * self._line
        # Diagonals of a band matrix are columns here: a row too many per row shears them back.
        return np.triu(self._factor[-size:].ravel()[: size * size].reshape(size, size))

    def forward(self, b: Array) -> None:
        """Substitute from this end to the separator."""
        self._x = np.zeros(self._factor.shape[0])
        self._x[: b.size] = b.ravel()
        substitute(self._factor, self._x)

    @property
    def last(self) -> Array:
        """What the forward substitution leaves at the separator."""
        return self._x[-2 * self._line :]

    def backward(self, met: Array) -> None:
        """Substitute from the separator's solution back to this end."""
        self._x[-2 * self._line :] = self.tail.T @ met
        substitute(self._factor, self._x, transposed=True)

    @property
    def found(self) -> Array:
        """The solution, without the separator, shape (lines, unknowns in a line)."""
        return self._x[: self.lines * self._line].reshape(self.lines, self._line)


@cache
def _second_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "tellus-cholesky")


def _at_once(first: Callable[[], Result], second: Callable[[], Result]) -> list[Result]:
    """Both results, on two threads where two are allowed."""
    if _core.max_threads() < 2:
        return [first(), second()]
    later = _second_thread().submit(second)
    return [first(), later.result()]
