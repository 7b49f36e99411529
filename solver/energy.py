"""The energy equation dT/dt + u . grad T = laplace T + H and its stable time step."""

from dataclasses import dataclass

import numpy as np

from . import energy_kernels
from .boundaries import BoundaryConditions
from .grid import Array, Grid
from .stokes import Flow


@dataclass(frozen=True)
class ThermalState:
    """Temperature at the cell centres, shape (ny, nx), and the heat that crossed the walls.

    `heat_in` (bottom) and `heat_out` (top) are fluxes per unit width, averaged over
    the step that led here; NaN before the first step.
    """

    temperature: Array
    heat_in: float = float("nan")
    heat_out: float = float("nan")


@dataclass(frozen=True)
class EnergyEquation:
    """Conservative finite volumes, van Leer limited upwind fluxes, SSP Runge-Kutta 2.

    Second order in space (smooth fields) and in time for a given velocity; with
    the velocity frozen over the step the coupled scheme is first order in time.

    Parameters
    ----------
    grid : Grid
    boundaries : BoundaryConditions
    heating : float
        Internal heat source H.
    """

    grid: Grid
    boundaries: BoundaryConditions = BoundaryConditions()
    heating: float = 0.0
    order = 2

    def step(self, state: ThermalState, flow: Flow, dt: float) -> ThermalState:
        """The state one step of size `dt` later."""
        temperature = np.empty(self.grid.cells)
        heat_in, heat_out = energy_kernels.ssp_rk2(
            state.temperature,
            flow.u,
            flow.v,
            self.grid.hx,
            self.grid.hy,
            self.boundaries.bottom_temperature,
            self.boundaries.top_temperature,
            self.heating,
            dt,
            temperature,
        )
        return ThermalState(temperature, heat_in, heat_out)

    def stable_dt(self, flow: Flow, courant: float) -> float:
        """The largest dt with ``dt (A / courant + D) <= 1``.

        A = max(|u|/hx + |v|/hy) bounds advection in both directions together, so
        that dt A never exceeds `courant`; D = 2/hx^2 + 3/hy^2 bounds diffusion
        (3: the half cells at bottom and top). Each forward-Euler stage is then
        monotone for courant <= 1/2.
        """
        hx, hy = self.grid.hx, self.grid.hy
        advection = energy_kernels.advection_rate(flow.u, flow.v, hx, hy)
        return float(1.0 / (advection / courant + 2.0 / hx**2 + 3.0 / hy**2))
