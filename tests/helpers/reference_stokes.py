"""A plain reference of the stream-function operator: a dense matrix by loops.

It collects the dissipation of the stream function cell by cell and node by node.
"""

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array, Grid


def node_viscosity(eta: Array, j: int, i: int) -> float:
    """Geometric mean of the cells that touch the node (j, i)."""
    around = eta[max(j - 1, 0) : j + 1, max(i - 1, 0) : i + 1]
    return float(np.exp(np.mean(np.log(around))))


def operator_matrix(
    eta: Array, grid: Grid, no_slip: tuple[bool, bool, bool, bool] = (False,) * 4
) -> Array:
    """A of the stream function on all nodes; rows and columns of wall nodes are zero.

    On a no-slip wall the velocity psi / h in half a cell goes to zero over half a cell.
    """
    area = grid.hx * grid.hy
    matrix = np.zeros((np.prod(grid.nodes), np.prod(grid.nodes)))
    for j in range(grid.ny):
        for i in range(grid.nx):
            strain = np.zeros(grid.nodes)
            strain[j, i] = strain[j + 1, i + 1] = 1.0 / area
            strain[j, i + 1] = strain[j + 1, i] = -1.0 / area
            _add(matrix, strain, 4.0 * eta[j, i] * area)
    for j in range(1, grid.ny):
        for i in range(1, grid.nx):
            strain = np.zeros(grid.nodes)
            strain[j - 1, i] += 1.0 / grid.hy**2
            strain[j + 1, i] += 1.0 / grid.hy**2
            strain[j, i] += 2.0 / grid.hx**2 - 2.0 / grid.hy**2
            strain[j, i - 1] -= 1.0 / grid.hx**2
            strain[j, i + 1] -= 1.0 / grid.hx**2
            _add(matrix, strain, node_viscosity(eta, j, i) * area)
    left, right, bottom, top = no_slip
    on_walls = [(j, i, left if i == 0 else right) for j in range(1, grid.ny) for i in (0, grid.nx)]
    on_walls += [(j, i, bottom if j == 0 else top) for i in range(1, grid.nx) for j in (0, grid.ny)]
    for j, i, held in on_walls:
        inside = (min(max(j, 1), grid.ny - 1), min(max(i, 1), grid.nx - 1))
        strain = np.zeros(grid.nodes)
        strain[inside] = 2.0 / (grid.hx if i in (0, grid.nx) else grid.hy) ** 2
        _add(matrix, strain, held * node_viscosity(eta, j, i) * area / 2.0)
    return matrix


def _add(matrix: Array, strain: Array, weight: float) -> None:
    """Add weight strain strain^T over interior nodes: psi = 0 on the walls."""
    strain[[0, -1]], strain[:, [0, -1]] = 0.0, 0.0
    touched = np.flatnonzero(strain)
    values = strain.ravel()[touched]
    matrix[np.ix_(touched, touched)] += weight * np.outer(values, values)


def interior(grid: Grid) -> NDArray[np.intp]:
    """Flat indices of the interior nodes, row by row."""
    return np.arange(np.prod(grid.nodes)).reshape(grid.nodes)[1:-1, 1:-1].ravel()
