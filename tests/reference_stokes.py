"""Plain references of the Stokes operator: a dense matrix by loops, and u-v-p with pressure.

The two know nothing of each other: the first collects the dissipation of the stream function cell
by cell and node by node, the second writes down the momentum and mass balance of every control
volume, face by face.
"""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import splu

from tellus.solver.grid import Array, Grid

Row = dict[int, float]


def node_viscosity(eta: Array, j: int, i: int) -> float:
    """Geometric mean of the four cells around the interior node (j, i)."""
    return float(np.exp(np.mean(np.log(eta[j - 1 : j + 1, i - 1 : i + 1]))))


def operator_matrix(eta: Array, grid: Grid) -> Array:
    """A of the stream function on all nodes; rows and columns of wall nodes are zero."""
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


class SaddlePoint:
    """The MAC discretisation of Stokes flow in u, v and p, free-slip walls.

    Rows are the momentum balances of the interior faces and the mass balances of
    the cells. The last cell's pressure is zero, and its mass balance, implied by
    all others, is left out.
    """

    def __init__(self, grid: Grid, eta: Array) -> None:
        self.grid, self.eta = grid, eta
        nx, ny = grid.nx, grid.ny
        self.n_u, self.n_v, self.n_p = ny * (nx - 1), (ny - 1) * nx, ny * nx - 1
        self.matrix = lil_matrix((self.n_u + self.n_v + self.n_p,) * 2)
        for j in range(ny):
            for i in range(1, nx):
                self._fill(self.u(j, i), self._x_momentum(j, i))
        for j in range(1, ny):
            for i in range(nx):
                self._fill(self.v(j, i), self._y_momentum(j, i))
        for j in range(ny):
            for i in range(nx):
                if (row := self.p(j, i)) is not None:
                    self._fill(row, _sum((1.0, self._u_x(j, i)), (1.0, self._v_y(j, i))))

    def velocity(self, temperature: Array, rayleigh: float) -> tuple[Array, Array]:
        """u and v on all faces under the buoyancy Ra T e_y, T averaged to the faces."""
        grid = self.grid
        force = np.zeros(self.matrix.shape[0])
        for j in range(1, grid.ny):
            for i in range(grid.nx):
                buoyancy = rayleigh * 0.5 * (temperature[j - 1, i] + temperature[j, i])
                force[self.v(j, i)] = -buoyancy
        unknowns = splu(self.matrix.tocsc()).solve(force)
        u, v = np.zeros(grid.u_faces), np.zeros(grid.v_faces)
        u[:, 1:-1] = unknowns[: self.n_u].reshape(grid.ny, grid.nx - 1)
        v[1:-1] = unknowns[self.n_u : self.n_u + self.n_v].reshape(grid.ny - 1, grid.nx)
        return u, v

    def u(self, j: int, i: int) -> int | None:
        """Column of u, None on the impermeable walls."""
        return j * (self.grid.nx - 1) + i - 1 if 0 < i < self.grid.nx else None

    def v(self, j: int, i: int) -> int | None:
        """Column of v, None on the impermeable walls."""
        return self.n_u + (j - 1) * self.grid.nx + i if 0 < j < self.grid.ny else None

    def p(self, j: int, i: int) -> int | None:
        """Column of p, None in the cell that fixes the constant."""
        index = j * self.grid.nx + i
        return self.n_u + self.n_v + index if index < self.n_p else None

    def _x_momentum(self, j: int, i: int) -> Row:
        hx, hy = self.grid.hx, self.grid.hy
        return _sum(
            (1.0 / hx, _scaled(2.0 * self.eta[j, i], self._u_x(j, i))),
            (-1.0 / hx, _scaled(2.0 * self.eta[j, i - 1], self._u_x(j, i - 1))),
            (1.0 / hy, self._shear_stress(j + 1, i)),
            (-1.0 / hy, self._shear_stress(j, i)),
            (-1.0 / hx, _one(self.p(j, i))),
            (1.0 / hx, _one(self.p(j, i - 1))),
        )

    def _y_momentum(self, j: int, i: int) -> Row:
        hx, hy = self.grid.hx, self.grid.hy
        return _sum(
            (1.0 / hy, _scaled(2.0 * self.eta[j, i], self._v_y(j, i))),
            (-1.0 / hy, _scaled(2.0 * self.eta[j - 1, i], self._v_y(j - 1, i))),
            (1.0 / hx, self._shear_stress(j, i + 1)),
            (-1.0 / hx, self._shear_stress(j, i)),
            (-1.0 / hy, _one(self.p(j, i))),
            (1.0 / hy, _one(self.p(j - 1, i))),
        )

    def _u_x(self, j: int, i: int) -> Row:
        return _difference(self.u, (j, i + 1), (j, i), self.grid.hx)

    def _v_y(self, j: int, i: int) -> Row:
        return _difference(self.v, (j + 1, i), (j, i), self.grid.hy)

    def _shear_stress(self, j: int, i: int) -> Row:
        """eta (u_y + v_x) at the node (j, i); none on free-slip walls."""
        if j in (0, self.grid.ny) or i in (0, self.grid.nx):
            return {}
        u_y = _difference(self.u, (j, i), (j - 1, i), self.grid.hy)
        v_x = _difference(self.v, (j, i), (j, i - 1), self.grid.hx)
        return _scaled(node_viscosity(self.eta, j, i), _sum((1.0, u_y), (1.0, v_x)))

    def _fill(self, row: int | None, entries: Row) -> None:
        for column, value in entries.items():
            self.matrix[row, column] = value


def _one(column: int | None) -> Row:
    return {} if column is None else {column: 1.0}


def _difference(
    column: Callable[[int, int], int | None],
    ahead: tuple[int, int],
    behind: tuple[int, int],
    h: float,
) -> Row:
    return _sum((1.0 / h, _one(column(*ahead))), (-1.0 / h, _one(column(*behind))))


def _scaled(factor: float, row: Row) -> Row:
    return {column: factor * value for column, value in row.items()}


def _sum(*terms: tuple[float, Row]) -> Row:
    total: defaultdict[int, float] = defaultdict(float)
    for factor, row in terms:
        for column, value in row.items():
            total[column] += factor * value
    return total
