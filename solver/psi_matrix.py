"""A as a sparse matrix: a pattern that never changes, and the values of one viscosity."""

import numpy as np
from numpy.typing import NDArray

from .grid import Array
from .psi_operator import PsiOperator
from .strain import node_viscosity


class PsiMatrix:
    """The upper triangle of A in compressed rows, columns in order, for sparse direct solvers.

    Seven entries a row at most; rows are the unknowns of `PsiOperator`, in its order. `indptr`
    has shape (unknowns + 1,), `indices` one entry per nonzero, both int32, counted from zero.
    """

    def __init__(self, operator: PsiOperator) -> None:
        grid = operator.grid
        slow, fast = (grid.nx, grid.ny) if operator.y_fast else (grid.ny, grid.nx)
        self._shape = slow - 1, fast - 1
        a, b = np.ogrid[1:slow, 1:fast]
        line = fast - 1
        everywhere = np.ones(self._shape, dtype=bool)
        # To the right, twice; on the next line left, straight and right; two lines on.
        offsets = np.array([0, 1, 2, line - 1, line, line + 1, 2 * line])
        inside = [b > 0, b < line, b + 1 < line]
        inside += [(a + 1 < slow) & (b > 1), a + 1 < slow, (a + 1 < slow) & (b < line)]
        inside += [a + 2 < slow]
        present = np.stack([everywhere & where for where in inside], axis=-1)
        self._present: NDArray[np.bool_] = present.reshape(-1, len(offsets))
        columns = np.arange(len(self._present))[:, None] + offsets
        self.indices = columns[self._present].astype(np.int32)
        counts = np.cumsum(self._present.sum(axis=1))
        self.indptr = np.concatenate([[0], counts]).astype(np.int32)

    @np.errstate(invalid="ignore", over="ignore", divide="ignore")
    def values(self, operator: PsiOperator, viscosity: Array) -> Array:
        """The nonzeros at a viscosity, shape (ny, nx), between the walls of `operator`.

        An impossible viscosity gives impossible values, and the factorisation then says so.
        """
        C, S, p, q = _weights(operator, viscosity)
        centre, here = 2.0 * (q - p), S[1:-1, 1:-1]
        before, after = C[:-1], C[1:]  # cells on this line's two sides, from left to right
        right, ahead = S[1:-1, 2:], S[2:, 1:-1]
        diagonal = before[:, :-1] + before[:, 1:] + after[:, :-1] + after[:, 1:]
        diagonal += centre**2 * here + p**2 * (S[1:-1, :-2] + right) + q**2 * (S[:-2, 1:-1] + ahead)
        entries = np.stack(
            [
                diagonal,
                centre * p * (here + right) - before[:, 1:] - after[:, 1:],
                p**2 * right,
                after[:, :-1] - p * q * (S[1:-1, :-2] + ahead),
                -centre * q * (here + ahead) - after[:, :-1] - after[:, 1:],
                after[:, 1:] - p * q * (right + ahead),
                q**2 * ahead,
            ],
            axis=-1,
        )
        values: Array = entries.reshape(self._present.shape)[self._present]
        return values


def _weights(operator: PsiOperator, viscosity: Array) -> tuple[Array, Array, float, float]:
    """Those of cells and nodes, [slow, fast], and 1 / h^2 along fast and slow; see the C++."""
    grid, (left, right, bottom, top) = operator.grid, operator.no_slip
    nodes = node_viscosity(viscosity) * (grid.hx * grid.hy)
    for wall, fast in (
        (np.s_[:, 0], left),
        (np.s_[:, -1], right),
        (np.s_[0], bottom),
        (np.s_[-1], top),
    ):
        nodes[wall] *= 2.0 if fast else 0.0
    cells = viscosity * (4.0 / (grid.hx * grid.hy))
    if operator.y_fast:
        return cells.T, nodes.T, 1.0 / grid.hy**2, 1.0 / grid.hx**2
    return cells, nodes, 1.0 / grid.hx**2, 1.0 / grid.hy**2
