"""Stokes flows made up beforehand: from psi and ln eta the temperature that drives them.

The momentum equation's curl,

    (d_yy - d_xx) [eta (psi_yy - psi_xx)] + 4 d_xy [eta psi_xy] = Ra dT/dx,

gives the temperature by integration along x.
"""

from typing import Protocol

import numpy as np

from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow


class Smooth(Protocol):
    """A function of x and y: its derivative of order dx in x and dy in y."""

    def __call__(self, x: Array, y: Array, dx: int = 0, dy: int = 0) -> Array: ...


def curl_of_stress(psi: Smooth, log_viscosity: Smooth, x: Array, y: Array) -> Array:
    """The left-hand side of the equation above, derivatives of the products written out."""
    g = log_viscosity
    g_x, g_y = g(x, y, 1, 0), g(x, y, 0, 1)
    # eta derivatives over eta, from those of g = ln eta.
    eta_xx, eta_yy = g(x, y, 2, 0) + g_x**2, g(x, y, 0, 2) + g_y**2
    eta_xy = g(x, y, 1, 1) + g_x * g_y

    def shear(dx: int, dy: int) -> Array:
        return psi(x, y, dx, dy + 2) - psi(x, y, dx + 2, dy)

    def normal(dx: int, dy: int) -> Array:
        return psi(x, y, dx + 1, dy + 1)

    shear_yy = eta_yy * shear(0, 0) + 2.0 * g_y * shear(0, 1) + shear(0, 2)
    shear_xx = eta_xx * shear(0, 0) + 2.0 * g_x * shear(1, 0) + shear(2, 0)
    normal_xy = eta_xy * normal(0, 0) + g_x * normal(0, 1) + g_y * normal(1, 0) + normal(1, 1)
    return np.exp(g(x, y)) * (shear_yy - shear_xx + 4.0 * normal_xy)


def driving_temperature(
    psi: Smooth, log_viscosity: Smooth, grid: Grid, rayleigh: float = 1.0
) -> Array:
    """T at the cells, zero in the first column, by Gauss quadrature from cell to cell."""
    points, weights = np.polynomial.legendre.leggauss(8)
    x = grid.x_cells[:-1, None] + 0.5 * grid.hx * (points + 1.0)
    curl = curl_of_stress(psi, log_viscosity, x[None], grid.y_cells[:, None, None])
    rises = 0.5 * grid.hx * (curl / rayleigh) @ weights
    return np.concatenate([np.zeros((grid.ny, 1)), np.cumsum(rises, axis=1)], axis=1)


def velocity_errors(flow: Flow, psi: Smooth, grid: Grid) -> tuple[float, float]:
    """Relative errors of u and v: root mean square over all faces, and largest."""
    u = psi(grid.x_nodes, grid.y_cells[:, None], 0, 1)
    v = -psi(grid.x_cells, grid.y_nodes[:, None], 1, 0)
    wrong = np.concatenate([(flow.u - u).ravel(), (flow.v - v).ravel()])
    right = np.concatenate([u.ravel(), v.ravel()])
    largest = np.max(np.abs(wrong)) / np.max(np.abs(right))
    return float(np.linalg.norm(wrong) / np.linalg.norm(right)), float(largest)
