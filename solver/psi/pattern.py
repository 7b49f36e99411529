"""Where A has entries on its diagonal and above, and what they are: for NumPy and torch alike.

So are the walls' weights: what holds there enters A by them alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Walls = tuple[bool, bool, bool, bool]
"""Which hold the fluid fast: left, right, bottom, top."""


def weigh_walls(nodes: Any, no_slip: Walls) -> None:
    """Weigh the shear rate at nodes on the walls, in place; shape (..., ny+1, nx+1).

    It vanishes at free-slip walls, and so does its weight; at no-slip walls the velocity goes to
    zero over half a cell, which counts twice. Arrays may be NumPy's or torch's.
    """
    left, right, bottom, top = (2.0 if fast else 0.0 for fast in no_slip)
    nodes[..., :, 0] *= left
    nodes[..., :, -1] *= right
    nodes[..., 0, :] *= bottom
    nodes[..., -1, :] *= top


class UpperPattern:
    """The upper triangle of A in compressed rows, columns in order.

    Unknowns are the interior nodes of a box of `slow` x `fast` cells, line by line along the
    fast direction. Seven entries a row at most: the node itself, the next two on its line, on
    the next line left, straight and right, and straight on two lines on.

    Attributes
    ----------
    indptr, indices : ndarray of int32
        Shape (unknowns + 1,) and one entry per nonzero, counted from zero.
    present : ndarray of bool
        Which of the seven each row has, shape (unknowns, 7).
    """

    def __init__(self, slow: int, fast: int) -> None:
        a, b = np.ogrid[1:slow, 1:fast]
        line = fast - 1
        everywhere = np.ones((slow - 1, line), dtype=bool)
        offsets = np.array([0, 1, 2, line - 1, line, line + 1, 2 * line])
        inside = [b > 0, b < line, b + 1 < line]
        inside += [(a + 1 < slow) & (b > 1), a + 1 < slow, (a + 1 < slow) & (b < line)]
        inside += [a + 2 < slow]
        present = np.stack([everywhere & where for where in inside], axis=-1)
        self.present: NDArray[np.bool_] = present.reshape(-1, len(offsets))
        columns = np.arange(len(self.present))[:, None] + offsets
        self.indices = columns[self.present].astype(np.int32)
        counts = np.cumsum(self.present.sum(axis=1))
        self.indptr = np.concatenate([[0], counts]).astype(np.int32)


def upper_entries(C: Any, S: Any, p: float, q: float) -> list[Any]:
    """The seven of every row, each of the shape of the interior nodes, [slow, fast].

    `C` weighs the cells, shape (slow, fast), `S` the nodes, one more each way, with their walls;
    p and q are 1 / h^2 along the fast and the slow direction. Arrays may be NumPy's or torch's.
    """
    centre, here = 2.0 * (q - p), S[1:-1, 1:-1]
    before, after = C[:-1], C[1:]  # cells on this line's two sides, from left to right
    right, ahead = S[1:-1, 2:], S[2:, 1:-1]
    diagonal = before[:, :-1] + before[:, 1:] + after[:, :-1] + after[:, 1:]
    diagonal += centre**2 * here + p**2 * (S[1:-1, :-2] + right) + q**2 * (S[:-2, 1:-1] + ahead)
    return [
        diagonal,
        centre * p * (here + right) - before[:, 1:] - after[:, 1:],
        p**2 * right,
        after[:, :-1] - p * q * (S[1:-1, :-2] + ahead),
        -centre * q * (here + ahead) - after[:, :-1] - after[:, 1:],
        after[:, 1:] - p * q * (right + ahead),
        q**2 * ahead,
    ]
