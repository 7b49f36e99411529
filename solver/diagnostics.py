"""What is measured of a state: heat flow, vigour, range, budget, resolution, profiles."""

from dataclasses import dataclass

import numpy as np

from .boundaries import TEMPERATURE, BoundaryConditions, along_walls
from .derived import surface_rms
from .energy import ThermalState
from .grid import Array, Grid
from .stokes import Flow, vrms


@dataclass(frozen=True)
class Diagnostics:
    """One row of the time series.

    Nusselt numbers are the wall heat fluxes that the scheme used, averaged over
    the step; `vrms` and `surface_velocity` (root mean square) are those of the
    velocity that made the step; `heat_budget` is the change of the mean
    temperature over the step that fluxes and heating do not account for;
    `bottom_temperature` is that of the core or the bottom wall, NaN where neither has one.
    """

    mean_temperature: float
    nusselt_top: float
    nusselt_bottom: float
    vrms: float
    surface_velocity: float
    temperature_min: float
    temperature_max: float
    heat_budget: float
    bottom_temperature: float


def diagnose(
    before: ThermalState,
    after: ThermalState,
    flow: Flow,
    grid: Grid,
    dt: float,
    boundaries: BoundaryConditions | None = None,
) -> Diagnostics:
    """Measure a step.

    Parameters
    ----------
    before, after : ThermalState
        What it led from and to, the latter with the heat flows of the step.
    flow : Flow
        The velocity that made it, or its mean over the step.
    grid : Grid
    dt : float
    boundaries : BoundaryConditions, optional
        `BoundaryConditions()` by default.
    """
    gain = after.heat_in - after.heat_out + after.heat_sides / grid.aspect + after.source
    return Diagnostics(
        mean_temperature=float(np.mean(after.temperature)),
        nusselt_top=after.heat_out,
        nusselt_bottom=after.heat_in,
        vrms=vrms(flow, grid),
        surface_velocity=surface_rms(flow, grid, boundaries),
        temperature_min=float(np.min(after.temperature)),
        temperature_max=float(np.max(after.temperature)),
        heat_budget=float(np.mean(after.temperature) - np.mean(before.temperature)) - dt * gain,
        bottom_temperature=_bottom_temperature(after, boundaries),
    )


def _bottom_temperature(state: ThermalState, boundaries: BoundaryConditions | None) -> float:
    if state.bottom_temperature is not None:
        return state.bottom_temperature
    bottom = (boundaries or BoundaryConditions()).bottom
    return bottom.value if bottom.thermal == TEMPERATURE else float("nan")


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


def cells_across_thinnest(temperature: Array, boundaries: BoundaryConditions) -> float:
    """Cells that the thinnest boundary layer or plume spans: range of T over its largest jump.

    Jumps to walls of given temperature span half a cell and count double.
    """
    jumps = [np.diff(temperature, axis=0), np.diff(temperature, axis=1)]
    edges = along_walls(temperature)
    for edge, wall in zip(edges, boundaries.walls.values(), strict=True):
        if wall.thermal == TEMPERATURE:
            jumps.append(2.0 * (edge - wall.value))
    jump = max(float(np.max(np.abs(values))) for values in jumps)
    extremes = [float(np.min(temperature)), float(np.max(temperature)), *boundaries.temperatures]
    return (max(extremes) - min(extremes)) / jump if jump > 0 else float("inf")
