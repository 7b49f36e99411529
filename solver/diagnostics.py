"""What is measured of a state: heat flow, vigour, range, budget, resolution, profiles."""

from dataclasses import dataclass

import numpy as np

from .energy import ThermalState
from .grid import Array, Grid
from .stokes import Flow, vrms


@dataclass(frozen=True)
class Diagnostics:
    """One row of the time series.

    Nusselt numbers are the wall heat fluxes that the scheme used, averaged over
    the step; `vrms` and `surface_velocity` (root mean square) are those of the
    velocity that made the step; `heat_budget` is the change of the mean
    temperature over the step that fluxes and heating do not account for.
    """

    mean_temperature: float
    nusselt_top: float
    nusselt_bottom: float
    vrms: float
    surface_velocity: float
    temperature_min: float
    temperature_max: float
    heat_budget: float


def diagnose(
    before: ThermalState, after: ThermalState, flow: Flow, grid: Grid, dt: float
) -> Diagnostics:
    """Measure the step of size `dt` from `before` to `after`, made with `flow`."""
    gain = after.heat_in - after.heat_out + after.heat_sides / grid.aspect + after.source
    surface = surface_velocity(flow)
    return Diagnostics(
        mean_temperature=float(np.mean(after.temperature)),
        nusselt_top=after.heat_out,
        nusselt_bottom=after.heat_in,
        vrms=vrms(flow, grid),
        surface_velocity=float(np.sqrt(np.mean(surface**2))),
        temperature_min=float(np.min(after.temperature)),
        temperature_max=float(np.max(after.temperature)),
        heat_budget=float(np.mean(after.temperature) - np.mean(before.temperature)) - dt * gain,
    )


def surface_velocity(flow: Flow) -> Array:
    """u on the free-slip top wall, shape (nx+1,), extrapolated with du/dy = 0, second order."""
    surface: Array = (9.0 * flow.u[-1] - flow.u[-2]) / 8.0
    return surface


def temperature_profile(temperature: Array) -> Array:
    """Horizontal mean of T, shape (ny,)."""
    profile: Array = np.mean(temperature, axis=1)
    return profile


def vrms_profile(flow: Flow) -> Array:
    """Horizontal root mean square velocity at the cell heights, shape (ny,)."""
    u2 = np.mean(flow.u**2, axis=1) * flow.u.shape[1] / (flow.u.shape[1] - 1)
    v2 = np.mean(flow.v**2, axis=1)
    profile: Array = np.sqrt(u2 + 0.5 * (v2[1:] + v2[:-1]))
    return profile


def cells_across_thinnest(temperature: Array, bottom: float, top: float) -> float:
    """Cells that the thinnest boundary layer or plume spans: range of T over its largest jump.

    Jumps to the bottom and top walls span half a cell and count double.
    """
    low, high = min(top, float(np.min(temperature))), max(bottom, float(np.max(temperature)))
    jump = max(
        float(np.max(np.abs(np.diff(temperature, axis=0)))),
        float(np.max(np.abs(np.diff(temperature, axis=1)))),
        2.0 * float(np.max(np.abs(temperature[0] - bottom))),
        2.0 * float(np.max(np.abs(temperature[-1] - top))),
    )
    return (high - low) / jump if jump > 0 else float("inf")
