"""Cubic B-splines along one direction of the box, with the walls' conditions built in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from tellus.solver import _core
from tellus.solver.grid import Array

DEGREE = 3


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
        values = basis_values(cells, intervals(cells, factor), no_slip)
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
        """Functions."""
        return self.first.size

    def tables(self, count: int | None = None) -> "_core.Splines":
        """What the kernels take, of the first `count` functions."""
        return self.first[:count], self.value[:count], self.second[:count], self.slope[:count]


def intervals(cells: int, factor: int) -> int:
    """Knot intervals along a line of `cells` cells; knots need not fall on nodes."""
    return max(1, round(cells / factor))


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
