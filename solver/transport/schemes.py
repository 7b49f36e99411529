"""Steps in time of T and of the bottom wall's, a core's where there is one: Heun's method, ARK2."""

from collections.abc import Callable
from math import sqrt

from tellus.solver.diffusion import DiffusionSolver
from tellus.solver.grid import Array

from .diffusion import MeanDiffusion

GAMMA = 1.0 - 1.0 / sqrt(2.0)
EARLIER = 0.5 / sqrt(2.0)
"""Weights of ARK2's stages: GAMMA of the last, EARLIER of each of the two before."""

Transport = Callable[[Array, float], tuple[Array, Array]]
"""From T and the bottom's T, dT/dt without conduction, shape (ny, nx), and the rates at which heat
enters at left, right, bottom, top and from sources, (5,)."""


def heun(
    start: Array, bottom: float, transport: Transport, diffusion: DiffusionSolver, dt: float
) -> tuple[Array, Array, float]:
    """Two steps of Euler's method, averaged: T, the heat that entered and the bottom's T.

    Parameters
    ----------
    start : array, shape (ny, nx)
        T before the step.
    bottom : float
        What the bottom wall holds before it: a temperature, a core's where there is one, or a flux.
    transport : Transport
    diffusion : DiffusionSolver
        Conduction, and the core.
    dt : float
    """
    rate, heat, middle_bottom = _euler(start, bottom, transport, diffusion, dt)
    middle = start + dt * rate
    rate, heat_2, last_bottom = _euler(middle, middle_bottom, transport, diffusion, dt)
    return (
        0.5 * (start + middle + dt * rate),
        0.5 * (heat + heat_2),
        0.5 * (bottom + last_bottom),
    )


def _euler(
    temperature: Array, bottom: float, transport: Transport, diffusion: DiffusionSolver, dt: float
) -> tuple[Array, Array, float]:
    """dT/dt, the heat that enters, and the bottom's T after one step of Euler's method."""
    rate, heat = transport(temperature, bottom)
    diffusion.rate(temperature, bottom, rate)
    core = diffusion.core
    if core is None:
        return rate, heat, bottom
    flux = core.flux(bottom, temperature, rate, float(heat[2]), dt)
    rate[0] += (flux - heat[2]) / core.cell
    heat[2] = flux
    return rate, heat, bottom - dt * flux / core.capacity


def ark2(
    start: Array,
    bottom: float,
    transport: Transport,
    diffusion: DiffusionSolver | MeanDiffusion,
    dt: float,
) -> tuple[Array, Array, float]:
    """ARK2(2,3,2) of Giraldo, Kelly and Constantinescu (2013), a32 = 1/2; returns what `heun` does.

    Diffusion at the implicit stages, L1 and what it does to the core, follows from their own
    equations.

    Parameters
    ----------
    start, bottom, transport
        As in `heun`.
    diffusion : DiffusionSolver or MeanDiffusion
        What is implicit: conduction, and the core.
    dt : float
    """
    a, b = GAMMA * dt, EARLIER * dt
    N0, heat_0 = transport(start, bottom)
    L0 = diffusion.rate(start, bottom)
    C0 = 0.0 if diffusion.core is None else -float(heat_0[2]) / diffusion.core.capacity
    known, known_bottom = start + a * (2.0 * N0 + L0), bottom + a * C0
    T1, bottom_1 = diffusion.solve(known, a, known_bottom)
    N1, heat_1 = transport(T1, bottom_1)
    L1, C1 = (T1 - known) / a, (bottom_1 - known_bottom) / a
    explicit = 0.5 * (N0 + N1)
    known, known_bottom = start + dt * explicit + b * (L0 + L1), bottom + b * (C0 + C1)
    T2, bottom_2 = diffusion.solve(known, a, known_bottom)
    N2, heat_2 = transport(T2, bottom_2)
    heat = EARLIER * (heat_0 + heat_1) + GAMMA * heat_2
    return T2 + a * (N2 - explicit), heat, bottom_2
