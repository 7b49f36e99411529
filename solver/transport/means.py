"""Cell means carried along and conducted at high order: fluxes, stages, bounds."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.core import Core
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow

from . import kernels
from .polynomials import wall_weights


class Fluxes(NamedTuple):
    """Heat through the faces: along x, shape (ny, nx+1), and along y, (ny+1, nx)."""

    along_x: Array
    along_y: Array

    @classmethod
    def zero(cls, grid: Grid) -> "Fluxes":
        return cls(np.zeros(grid.u_faces), np.zeros(grid.v_faces))

    def add(self, weight: float, more: "Fluxes") -> None:
        """Add a multiple of others in place."""
        kernels.accumulate(more.along_x, more.along_y, weight, self.along_x, self.along_y)

    def gain(self, grid: Grid) -> Array:
        """Minus the divergence of the fluxes, shape (ny, nx)."""
        across, up = -np.diff(self.along_x, axis=1), -np.diff(self.along_y, axis=0)
        gain: Array = across / grid.hx + up / grid.hy
        return gain

    def entering(self) -> tuple[Array, Array, Array, Array]:
        """The fluxes into the box through the faces at left, right, bottom and top."""
        return self.along_x[:, 0], -self.along_x[:, -1], self.along_y[0], -self.along_y[-1]

    def heat(self) -> Array:
        """The mean flux into the box through left, right, bottom and top."""
        return np.array([np.mean(part) for part in self.entering()])


@dataclass(frozen=True)
class MeanTransport:
    """High-order fluxes of cell means between walls.

    Fifth order for advection where T is smooth, fourth for diffusion and for the mean of their
    products along a face, and at walls; see `kernels`.

    Parameters
    ----------
    grid : Grid
    boundaries : BoundaryConditions
    """

    grid: Grid
    boundaries: BoundaryConditions

    @cached_property
    def walls(self) -> Array:
        """The stencils of each wall, shape (4, 3, 5); see `wall_weights`."""
        return np.array([wall_weights(fixed) for fixed in self.boundaries.isothermal])

    def core(self, capacity: float) -> Core:
        """A core below, whose heat flow is that of the wall's polynomial."""
        conductance, *cells = (-self.walls[2, 2] / self.grid.hy).tolist()
        base = [-cell / conductance for cell in cells]
        return Core(capacity, conductance, tuple(base), self.grid.hy)

    def diffusion_rate(self) -> float:
        """What bounds dt: the largest decay rate of diffusion over that which a step can take.

        The operator's eigenvalues reach -16/3 / h^2 inside and -8.9 / h^2 at walls of given
        temperature; a step of `MeanStep.explicit` is stable to -2.51 / dt.
        """
        sides, ends = self.boundaries.isothermal[:2], self.boundaries.isothermal[2:]
        across, along = (8.9 if any(pair) else 16.0 / 3.0 for pair in (sides, ends))
        return (across / self.grid.hx**2 + along / self.grid.hy**2) / 2.51

    def fluxes(
        self, temperature: Array, bottom: float, flow: Flow, found: Fluxes | None = None
    ) -> Fluxes:
        """Heat through every face, of T, shape (ny, nx), and what holds at the bottom.

        Written into `found` where that is given.
        """
        grid = self.grid
        if found is None:
            found = Fluxes(np.empty(grid.u_faces), np.empty(grid.v_faces))
        spacings, values = np.array(grid.wall_spacings), self.boundaries.values(bottom)
        condition = np.where(self.boundaries.fixed, values, -values * spacings)
        kernels.pad(temperature, self.walls, condition, self._padded)
        kernels.fluxes(self._padded, flow.u, flow.v, grid.hx, grid.hy, *found)
        kernels.wall_fluxes(temperature, self.walls, condition, grid.hx, grid.hy, *found)
        return found

    def conducted(self, temperature: Array, bottom: float) -> Fluxes:
        """Conduction of second order, with half cells at the walls."""
        found, grid = Fluxes.zero(self.grid), self.grid
        walls = self.boundaries.fixed, self.boundaries.values(bottom)
        kernels.conduct(temperature, grid.hx, grid.hy, *walls, *found)
        return found

    def upwind(self, temperature: Array, flow: Flow) -> Fluxes:
        """First-order upwind advection."""
        found = Fluxes(np.empty(self.grid.u_faces), np.empty(self.grid.v_faces))
        kernels.upwind(temperature, flow.u, flow.v, *found)
        return found

    def advanced(
        self,
        start: Array,
        temperature: Array,
        fluxes: Fluxes,
        source: Array | float,
        dt: float,
        share: float = 1.0,
        out: Array | None = None,
    ) -> Array:
        """start + share (T + dt (source - div fluxes) - start), shape (ny, nx).

        Parameters
        ----------
        start, temperature : array, shape (ny, nx)
            T before the step, and that of the stage before.
        fluxes : Fluxes
        source : array, shape (ny, nx), or float
            Heating of each cell, or of all.
        dt : float
        share : float
            How much of an Euler step is taken.
        out : array, shape (ny, nx), optional
            Takes the result; may be `temperature`.
        """
        out = np.empty(self.grid.cells) if out is None else out
        heating = np.atleast_2d(np.asarray(source, dtype=np.float64))
        grid = self.grid
        kernels.advance(start, temperature, *fluxes, grid.hx, grid.hy, heating, dt, share, out)
        return out

    def limit(
        self, fluxes: Fluxes, monotone: Array, low: Fluxes, dt: float, bounds: tuple[float, float]
    ) -> None:
        """Change the fluxes of a step so that T stays within its bounds.

        Parameters
        ----------
        fluxes : Fluxes
            Those of high order, changed in place.
        monotone : array, shape (ny, nx)
            T after a step with the fluxes `low`, within the bounds.
        low : Fluxes
        dt : float
        bounds : two of float
            Lowest and highest T.
        """
        kernels.limit(monotone, *low, self.grid.hx, self.grid.hy, dt, *bounds, *fluxes)

    @cached_property
    def rooms(self) -> tuple[Fluxes, ...]:
        """Arrays for the fluxes of each stage, reused from step to step: new memory costs time."""
        return tuple(Fluxes.zero(self.grid) for _ in range(3))

    @cached_property
    def _padded(self) -> Array:
        return np.zeros((self.grid.ny + 4, self.grid.nx + 4))
