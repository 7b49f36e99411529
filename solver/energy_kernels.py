"""Numba kernels of the energy equation: limited upwind advection and diffusion.

The limiter is van Leer's harmonic mean: second order where T is smooth, no new
extrema, and, unlike minmod or superbee, a smooth function of the slopes, so
that steady states converge to rounding instead of flickering between branches.
"""

import numpy as np
from numba import njit

from .grid import Array


@njit(cache=True, inline="always")
def van_leer(a: float, b: float) -> float:
    """Limited difference of two neighbouring differences."""
    product = a * b
    return 2.0 * product / (a + b) if product > 0.0 else 0.0


@njit(cache=True)
def tendency(
    temperature: Array,
    u: Array,
    v: Array,
    hx: float,
    hy: float,
    bottom: float,
    top: float,
    heating: float,
    out: Array,
) -> tuple[float, float]:
    """Write dT/dt of every cell into `out`; return the heat in at the bottom and out at the top.

    Fluxes are taken once per face and differenced, so heat is conserved to
    rounding. Sides insulate; the wall flux at bottom and top is the half-cell
    difference that the scheme itself uses.
    """
    ny, nx = temperature.shape
    slope_x = np.zeros(nx)
    slope = np.empty(nx)
    slope_below = np.empty(nx)
    flux_below = np.empty(nx)
    flux_above = np.empty(nx)
    heat_in = 0.0
    heat_out = 0.0
    for i in range(nx):
        flux_below[i] = (bottom - temperature[0, i]) * 2.0 / hy
        heat_in += flux_below[i]

    for j in range(ny):
        # Differences to a wall span half a cell: doubled, they count as full ones.
        if j == 0:
            for i in range(nx):
                slope[i] = van_leer(
                    2.0 * (temperature[0, i] - bottom), temperature[1, i] - temperature[0, i]
                )
        if j == ny - 1:
            for i in range(nx):
                flux_above[i] = (temperature[j, i] - top) * 2.0 / hy
                heat_out += flux_above[i]
        else:
            for i in range(nx):
                slope_below[i] = slope[i]
            if j == ny - 2:
                for i in range(nx):
                    slope[i] = van_leer(
                        temperature[j + 1, i] - temperature[j, i],
                        2.0 * (top - temperature[j + 1, i]),
                    )
            else:
                for i in range(nx):
                    slope[i] = van_leer(
                        temperature[j + 1, i] - temperature[j, i],
                        temperature[j + 2, i] - temperature[j + 1, i],
                    )
            for i in range(nx):
                speed = v[j + 1, i]
                upwind = (
                    temperature[j, i] + 0.5 * slope_below[i]
                    if speed > 0.0
                    else temperature[j + 1, i] - 0.5 * slope[i]
                )
                flux_above[i] = speed * upwind - (temperature[j + 1, i] - temperature[j, i]) / hy

        for i in range(1, nx - 1):
            slope_x[i] = van_leer(
                temperature[j, i] - temperature[j, i - 1], temperature[j, i + 1] - temperature[j, i]
            )
        for i in range(nx):
            out[j, i] = heating - (flux_above[i] - flux_below[i]) / hy
        for i in range(1, nx):
            speed = u[j, i]
            upwind = (
                temperature[j, i - 1] + 0.5 * slope_x[i - 1]
                if speed > 0.0
                else temperature[j, i] - 0.5 * slope_x[i]
            )
            flux = (speed * upwind - (temperature[j, i] - temperature[j, i - 1]) / hx) / hx
            out[j, i - 1] -= flux
            out[j, i] += flux
        for i in range(nx):
            flux_below[i] = flux_above[i]
    return heat_in / nx, heat_out / nx


@njit(cache=True)
def ssp_rk2(
    temperature: Array,
    u: Array,
    v: Array,
    hx: float,
    hy: float,
    bottom: float,
    top: float,
    heating: float,
    dt: float,
    out: Array,
) -> tuple[float, float]:
    """One step of Heun's method (strong-stability preserving); step-averaged wall fluxes back."""
    ny, nx = temperature.shape
    rate = np.empty((ny, nx))
    heat_in, heat_out = tendency(temperature, u, v, hx, hy, bottom, top, heating, rate)
    for j in range(ny):
        for i in range(nx):
            out[j, i] = temperature[j, i] + dt * rate[j, i]
    heat_in_2, heat_out_2 = tendency(out, u, v, hx, hy, bottom, top, heating, rate)
    for j in range(ny):
        for i in range(nx):
            out[j, i] = 0.5 * (temperature[j, i] + out[j, i] + dt * rate[j, i])
    return 0.5 * (heat_in + heat_in_2), 0.5 * (heat_out + heat_out_2)


@njit(cache=True)
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
