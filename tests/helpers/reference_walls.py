"""A Stokes solver in u, v and p with free-slip or no-slip walls, from Kronecker products.

It shares nothing with the stream-function operator: forces on the faces are balanced, mass is
balanced in the cells, and pressure is an unknown.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from helpers.reference_stokes import node_viscosity
from tellus.solver.grid import Array, Grid


def velocity(
    eta: Array, temperature: Array, rayleigh: float, grid: Grid, no_slip: tuple[bool, ...]
) -> tuple[Array, Array]:
    """u and v on all faces under the buoyancy Ra T e_y; `no_slip`: left, right, bottom, top."""
    nx, ny = grid.nx, grid.ny
    left, right, bottom, top = no_slip
    one_x, one_y = sparse.identity(nx - 1), sparse.identity(ny - 1)
    cells_x, cells_y = sparse.identity(nx), sparse.identity(ny)
    # Velocities at interior faces to their differences at cells, and to shear rates at nodes.
    u_x = sparse.kron(cells_y, _across_cells(nx, grid.hx))
    v_y = sparse.kron(_across_cells(ny, grid.hy), cells_x)
    u_y = sparse.kron(_across_walls(ny, grid.hy, bottom, top), one_x)
    v_x = sparse.kron(one_y, _across_walls(nx, grid.hx, left, right))
    # The divergence of stresses at nodes and cells, at interior faces.
    stress_y = sparse.kron(_differences(ny + 1, grid.hy), one_x)
    stress_x = sparse.kron(one_y, _differences(nx + 1, grid.hx))
    pressure_x = sparse.kron(cells_y, _differences(nx, grid.hx))
    pressure_y = sparse.kron(_differences(ny, grid.hy), cells_x)
    nodes = np.array([[node_viscosity(eta, j, i) for i in range(nx + 1)] for j in range(ny + 1)])
    normal = sparse.diags_array(2.0 * eta.ravel())
    # Nodes that u sees: all rows, interior columns; those that v sees: the other way round.
    seen_u = sparse.kron(sparse.identity(ny + 1), _interior(nx + 1))
    seen_v = sparse.kron(_interior(ny + 1), sparse.identity(nx + 1))
    shear_u, shear_v = seen_u.T @ u_y, seen_v.T @ v_x
    shear = sparse.diags_array(nodes.ravel())
    to_u, to_v = stress_y @ seen_u @ shear, stress_x @ seen_v @ shear
    matrix = sparse.block_array(
        [
            [pressure_x @ normal @ u_x + to_u @ shear_u, to_u @ shear_v, -pressure_x],
            [to_v @ shear_u, pressure_y @ normal @ v_y + to_v @ shear_v, -pressure_y],
            [u_x, v_y, None],
        ]
    ).tocsc()
    # The last cell's pressure is zero; its mass balance follows from the others.
    matrix = matrix[:-1, :-1]
    buoyancy = 0.5 * rayleigh * (temperature[1:] + temperature[:-1])
    force = np.zeros(matrix.shape[0])
    nu, nv = ny * (nx - 1), (ny - 1) * nx
    force[nu : nu + nv] = -buoyancy.ravel()
    unknowns = splu(matrix).solve(force)
    u, v = np.zeros(grid.u_faces), np.zeros(grid.v_faces)
    u[:, 1:-1] = unknowns[:nu].reshape(ny, nx - 1)
    v[1:-1] = unknowns[nu : nu + nv].reshape(ny - 1, nx)
    return u, v


def _differences(points: int, h: float) -> sparse.dia_array:
    """Between neighbours of `points`."""
    shape = (points - 1, points)
    return sparse.diags_array([-1.0 / h, 1.0 / h], offsets=[0, 1], shape=shape)


def _interior(points: int) -> sparse.dia_array:
    """Picks all but the first and the last of `points`."""
    return sparse.diags_array([1.0], offsets=[1], shape=(points - 2, points))


def _across_cells(cells: int, h: float) -> sparse.dia_array:
    """Differences over cells of a velocity on the faces between them, zero on the walls."""
    shape = (cells, cells - 1)
    return sparse.diags_array([1.0 / h, -1.0 / h], offsets=[0, -1], shape=shape)


def _across_walls(cells: int, h: float, low: bool, high: bool) -> sparse.lil_array:
    """Differences at cells + 1 points of a velocity given in between.

    To a wall that holds the fluid they span half a cell; a slippery one has none.
    """
    matrix = sparse.lil_array((cells + 1, cells))
    for k in range(1, cells):
        matrix[k, k - 1], matrix[k, k] = -1.0 / h, 1.0 / h
    matrix[0, 0] = 2.0 / h if low else 0.0
    matrix[cells, cells - 1] = -2.0 / h if high else 0.0
    return matrix
