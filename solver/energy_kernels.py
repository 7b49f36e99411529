"""Numba kernels of the energy equation: limited upwind advection and diffusion.

The limiter is van Leer's harmonic mean: second order where T is smooth, no new
extrema, and, unlike minmod or superbee, a smooth function of the slopes, so
that steady states converge to rounding instead of flickering between branches.

Walls are described by two arrays in the order left, right, bottom, top: `fixed`
(True: the wall has a temperature, False: a heat flux into the box, zero where it
insulates) and `value`.
"""

import numpy as np

from tellus.solver.kernel import kernel

from .boundaries import Flags
from .grid import Array


@kernel(inline="always")
def van_leer(a: float, b: float) -> float:
    """Limited difference of two neighbouring differences."""
    product = a * b
    return 2.0 * product / (a + b) if product > 0.0 else 0.0


@kernel(inline="always")
def wall_difference(cell: float, fixed: bool, value: float, h: float) -> float:
    """T at the wall cell minus T one cell beyond, as the wall's condition has it."""
    return 2.0 * (cell - value) if fixed else -value * h


@kernel(inline="always")
def wall_flux(cell: float, fixed: bool, value: float, h: float) -> float:
    """Heat flux into the box through a wall: the half-cell difference, or the given flux."""
    return 2.0 * (value - cell) / h if fixed else value


@kernel(inline="always")
def carried(speed: float, before: float, slope: float, after: float, slope_after: float) -> float:
    """Advective flux between two cells, from the upwind one's mean and limited difference.

    Parameters
    ----------
    speed : float
        Velocity through the face, positive from the cell before to the one after.
    before, after : float
        T of these cells.
    slope, slope_after : float
        Limited differences of T in them.
    """
    return speed * (before + 0.5 * slope if speed > 0.0 else after - 0.5 * slope_after)


@kernel()
def advect(
    temperature: Array,
    u: Array,
    v: Array,
    hx: float,
    hy: float,
    fixed: Flags,
    value: Array,
    out: Array,
) -> None:
    """Write -div(u T) of every cell; each face's flux is taken once.

    Parameters
    ----------
    temperature : array, shape (ny, nx)
    u, v : array, shapes (ny, nx+1) and (ny+1, nx)
        Velocity on the faces; that on walls is taken as zero.
    hx, hy : float
        Width and height of a cell.
    fixed : array of bool, shape (4,)
        Whether a wall has a temperature, or else a heat flux.
    value : array, shape (4,)
        That temperature, or that flux into the box.
    out : array, shape (ny, nx)
        Takes the result.
    """
    ny, nx = temperature.shape
    slope_x = np.empty(nx)
    slope = np.empty(nx)
    slope_below = np.empty(nx)
    flux_below = np.zeros(nx)
    flux_above = np.zeros(nx)
    for i in range(nx):
        slope[i] = van_leer(
            wall_difference(temperature[0, i], fixed[2], value[2], hy),
            temperature[1, i] - temperature[0, i],
        )
    for j in range(ny):
        if j == ny - 1:
            for i in range(nx):
                flux_above[i] = 0.0
        else:
            for i in range(nx):
                slope_below[i] = slope[i]
            if j == ny - 2:
                for i in range(nx):
                    slope[i] = van_leer(
                        temperature[j + 1, i] - temperature[j, i],
                        -wall_difference(temperature[j + 1, i], fixed[3], value[3], hy),
                    )
            else:
                for i in range(nx):
                    slope[i] = van_leer(
                        temperature[j + 1, i] - temperature[j, i],
                        temperature[j + 2, i] - temperature[j + 1, i],
                    )
            for i in range(nx):
                below, above = temperature[j, i], temperature[j + 1, i]
                flux_above[i] = carried(v[j + 1, i], below, slope_below[i], above, slope[i])
        for i in range(1, nx - 1):
            slope_x[i] = van_leer(
                temperature[j, i] - temperature[j, i - 1], temperature[j, i + 1] - temperature[j, i]
            )
        slope_x[0] = van_leer(
            wall_difference(temperature[j, 0], fixed[0], value[0], hx),
            temperature[j, 1] - temperature[j, 0],
        )
        slope_x[nx - 1] = van_leer(
            temperature[j, nx - 1] - temperature[j, nx - 2],
            -wall_difference(temperature[j, nx - 1], fixed[1], value[1], hx),
        )
        for i in range(nx):
            out[j, i] = (flux_below[i] - flux_above[i]) / hy
        for i in range(1, nx):
            left, right = temperature[j, i - 1], temperature[j, i]
            flux = carried(u[j, i], left, slope_x[i - 1], right, slope_x[i]) / hx
            out[j, i - 1] -= flux
            out[j, i] += flux
        for i in range(nx):
            flux_below[i] = flux_above[i]


@kernel()
def diffuse(
    temperature: Array, hx: float, hy: float, fixed: Flags, value: Array, out: Array
) -> None:
    """Add laplace T of every cell; each face's flux is taken once.

    Parameters
    ----------
    temperature : array, shape (ny, nx)
    hx, hy : float
        Width and height of a cell.
    fixed : array of bool, shape (4,)
        Whether a wall has a temperature, or else a heat flux.
    value : array, shape (4,)
        That temperature, or that flux into the box.
    out : array, shape (ny, nx)
        What it is added to.
    """
    ny, nx = temperature.shape
    below = np.empty(nx)
    above = np.empty(nx)
    for i in range(nx):
        below[i] = wall_flux(temperature[0, i], fixed[2], value[2], hy)
    for j in range(ny):
        if j == ny - 1:
            for i in range(nx):
                above[i] = -wall_flux(temperature[j, i], fixed[3], value[3], hy)
        else:
            for i in range(nx):
                above[i] = (temperature[j, i] - temperature[j + 1, i]) / hy
        for i in range(nx):
            out[j, i] += (below[i] - above[i]) / hy
            below[i] = above[i]
        out[j, 0] += wall_flux(temperature[j, 0], fixed[0], value[0], hx) / hx
        out[j, nx - 1] += wall_flux(temperature[j, nx - 1], fixed[1], value[1], hx) / hx
        for i in range(1, nx):
            flux = (temperature[j, i - 1] - temperature[j, i]) / (hx * hx)
            out[j, i - 1] -= flux
            out[j, i] += flux


@kernel()
def advection_rate(u: Array, v: Array, hx: float, hy: float) -> float:
    """max over cells of |u|/hx + |v|/hy, the larger face speed in each direction."""
    ny, nx = u.shape[0], v.shape[1]
    fastest = 0.0
    for j in range(ny):
        for i in range(nx):
            across = max(abs(u[j, i]), abs(u[j, i + 1])) / hx
            along = max(abs(v[j, i]), abs(v[j + 1, i])) / hy
            fastest = max(fastest, across + along)
    return fastest
