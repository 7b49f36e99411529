"""What polynomials make of cell means and of what holds on a wall: weights of exact stencils.

Lengths are in cells and count from the wall, or from the left edge of a cell, inwards. A
condition, or a target, is a linear functional of a polynomial, given by its values on 1, s, s^2,
and so on; n conditions determine a polynomial of degree n - 1, and a target of it is a weighted
sum of theirs.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from tellus.solver.grid import Array

Functional = Callable[[int], Array]
"""A linear functional: from n to its values on 1, x, ..., x^(n-1), shape (n,)."""


def mean(start: float, end: float) -> Functional:
    """The mean between two places."""

    def of(count: int) -> Array:
        power = np.arange(1.0, count + 1.0)
        return np.asarray((end**power - start**power) / (power * (end - start)))

    return of


def value(at: float) -> Functional:
    """The value at a place."""
    return lambda count: np.asarray(at ** np.arange(float(count)))


def slope(at: float) -> Functional:
    """The derivative at a place."""

    def of(count: int) -> Array:
        power = np.arange(float(count))
        return np.asarray(power * at ** np.maximum(power - 1.0, 0.0))

    return of


def weights(conditions: Sequence[Functional], targets: Sequence[Functional]) -> Array:
    """How much of each condition is in each target, shape (targets, conditions)."""
    count = len(conditions)
    given, wanted = (np.array([f(count) for f in part]) for part in (conditions, targets))
    found: Array = np.linalg.solve(given.T, wanted.T).T
    return found


WALL_CELLS = 4
"""Cells next to a wall that its polynomial, of as high a degree, goes through."""

REACH = 2
"""Cells on each side of one that a polynomial of it goes through, beyond walls too."""


def wall_weights(fixed: bool) -> Array:
    """Two cells beyond a wall, the nearer first, and the slope at the wall, of shape (3, 5).

    Of the temperature of the wall (`fixed`) or of the slope there, inwards and per cell; and of
    the means of the four cells next to it. Fifth order for the means, fourth for the slope.
    """
    condition = value(0.0) if fixed else slope(0.0)
    cells = [mean(k, k + 1) for k in range(WALL_CELLS)]
    return weights([condition, *cells], [mean(-1, 0), mean(-2, -1), slope(0.0)])


def padding(cells: int, fixed: tuple[bool, bool]) -> sparse.csr_array:
    """A line of cells with REACH more beyond both its ends, shape (cells + 4, cells + 2).

    Of the cells and of the conditions at its ends, as `wall_weights` has them.
    """
    padded = sparse.lil_array((cells + 2 * REACH, cells + 2))
    padded[REACH : REACH + cells, :cells] = sparse.eye_array(cells)
    inwards = np.arange(WALL_CELLS)
    for end, near in enumerate((inwards, cells - 1 - inwards)):
        for beyond, shares in enumerate(wall_weights(fixed[end])[:REACH]):
            row = (REACH - 1 - beyond) if end == 0 else (REACH + cells + beyond)
            padded[row, cells + end] = shares[0]
            padded[row, near] = shares[1:]
    return padded.tocsr()


def part_weights(start: Array, end: Array) -> Array:
    """Means over parts of a cell, of those of REACH cells on each side and its own.

    `start` and `end`, shape (parts,), count from the left edge of the cell. Shape (parts, 5);
    fifth order; those of parts that make up the cell add up to its mean.
    """
    cells = [mean(k, k + 1) for k in range(-REACH, REACH + 1)]
    return weights(cells, [mean(*part) for part in zip(start.tolist(), end.tolist(), strict=True)])
