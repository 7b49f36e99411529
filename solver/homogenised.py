"""A closure without a network: viscosity that varies within cells, as layers resist a flow."""

from dataclasses import replace

import numpy as np

from .closure import Closure, interpolated
from .grid import Array, Grid
from .stokes import StokesProblem

LEVEL = 1e-6
"""Slopes of the logarithm of viscosity over a cell that are none."""


class Homogenised(Closure):
    """What cells show to stretching and to shear, where their viscosity varies exponentially.

    See `homogenised`: for any law, between any walls, on the grid of T and on finer ones.
    """

    name = "homogenised"

    def refined(self, problem: StokesProblem, finer: Grid) -> StokesProblem:
        """See `Closure`."""
        return replace(interpolated(problem, finer), closure=self)

    def viscosity(self, problem: StokesProblem, found: Array) -> Array:
        """See `Closure`."""
        return homogenised(found)


def homogenised(viscosity: Array) -> Array:
    """Viscosity to stretching and to shear, (2, ny, nx), of layers across the slope in each cell.

    Layers that lie along an axis of the grid are stretched alike and sheared by the same stress:
    to stretching they show their arithmetic mean, to shear their harmonic one; layers at 45
    degrees the other way round, and others, at an angle a to an axis, cos^2 2a of the one and
    sin^2 2a of the other (Backus 1962, of two dimensions and without what couples both). The
    means are those of a viscosity, shape (ny, nx), whose logarithm is linear in each cell.
    """
    up, across = (0.5 * slope for slope in np.gradient(np.log(viscosity)))
    mean = _mean(up) * _mean(across)
    steep, even = up**2 - across**2, up**2 + across**2 + LEVEL**2
    along = (steep / even) ** 2
    to_stretching = along * mean + (1.0 - along) / mean
    to_shear = along / mean + (1.0 - along) * mean
    both: Array = viscosity * np.stack([to_stretching, to_shear])
    return both


def _mean(half: Array) -> Array:
    """Of e^x over x from -half to half: sinh(half) / half."""
    half = np.abs(half) + LEVEL
    grown = np.exp(half)
    mean: Array = (grown - 1.0 / grown) / (2.0 * half)
    return mean
