"""A closure without a network: viscosity that varies within cells, as layers resist a flow."""

from dataclasses import replace

import numpy as np

from . import _core
from .closure import Closure, interpolated
from .grid import Array, Grid
from .stokes import StokesProblem


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
    viscosity = np.ascontiguousarray(viscosity, dtype=np.float64)
    both = np.empty((2, *viscosity.shape))
    _core.show_layers(viscosity, np.log(viscosity), both)
    return both
