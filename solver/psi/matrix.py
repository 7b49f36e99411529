"""A as a sparse matrix: a pattern that never changes, and the values of one viscosity.

Entries and the weights of the walls, by which alone what holds there enters A, are for NumPy and
torch alike.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array
from tellus.solver.strain import node_viscosity, to_stretching_and_shear

if TYPE_CHECKING:  # its kernels are not needed here
    from .operator import PsiOperator

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
        steps = ((0, 0), (0, 1), (0, 2), (1, -1), (1, 0), (1, 1), (2, 0))
        inside = [(a + da < slow) & (b + db > 0) & (b + db < fast) for da, db in steps]
        self.present: NDArray[np.bool_] = np.stack(inside, axis=-1).reshape(-1, len(steps))
        offsets = [da * (fast - 1) + db for da, db in steps]
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


class PsiMatrix(UpperPattern):
    """The upper triangle of A for sparse direct solvers, rows in the order of `PsiOperator`."""

    def __init__(self, operator: "PsiOperator") -> None:
        grid = operator.grid
        super().__init__(*((grid.nx, grid.ny) if operator.y_fast else (grid.ny, grid.nx)))

    @np.errstate(invalid="ignore", over="ignore", divide="ignore")
    def values(self, operator: "PsiOperator", viscosity: Array) -> Array:
        """The nonzeros at a viscosity, as `PsiOperator` takes, between the walls of `operator`.

        An impossible viscosity gives impossible values, and the factorisation then says so.
        """
        entries = np.stack(upper_entries(*_weights(operator, viscosity)), axis=-1)
        values: Array = entries.reshape(self.present.shape)[self.present]
        return values


def _weights(operator: "PsiOperator", viscosity: Array) -> tuple[Array, Array, float, float]:
    """Weights of cells and of nodes, [slow, fast], and 1 / h^2 along fast and slow; see the C++."""
    grid = operator.grid
    to_stretching, to_shear = to_stretching_and_shear(viscosity)
    nodes = node_viscosity(to_shear) * (grid.hx * grid.hy)
    weigh_walls(nodes, operator.no_slip)
    cells = to_stretching * (4.0 / (grid.hx * grid.hy))
    if operator.y_fast:
        return cells.T, nodes.T, 1.0 / grid.hy**2, 1.0 / grid.hx**2
    return cells, nodes, 1.0 / grid.hx**2, 1.0 / grid.hy**2
