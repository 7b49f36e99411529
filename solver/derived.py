"""What follows from a flow beside its velocity: along the surface, and what outputs hold of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .boundaries import NO_SLIP, BoundaryConditions
from .grid import Array, Grid
from .pressure import pressure, without_mean
from .stokes import Flow, StokesProblem, vrms
from .strain import (
    dissipation,
    normal_strain_rate,
    strain_rate,
    to_stretching_and_shear,
)
from .transport.means import MeanTransport

DEFORMATION = 0.8
"""The share of the surface's deformation that plateness asks the smallest width for."""

WIDTH_WITHOUT_PLATES = 0.6
"""The share of the surface's width that takes up `DEFORMATION` in isoviscous, internally heated
convection at Ra 1e6 (Tackley 2000)."""


def surface_velocity(flow: Flow, boundaries: BoundaryConditions | None = None) -> Array:
    """u on the top wall, shape (nx+1,): extrapolated with du/dy = 0 where it slips freely."""
    if boundaries is not None and boundaries.top.velocity == NO_SLIP:
        return np.zeros(flow.u.shape[1])
    surface: Array = (9.0 * flow.u[-1] - flow.u[-2]) / 8.0
    return surface


def surface_rms(flow: Flow, grid: Grid, boundaries: BoundaryConditions | None = None) -> float:
    """Root mean square velocity on the top wall."""
    # The trapezoidal rule: u vanishes at both ends of the wall.
    return float(np.sqrt(np.sum(surface_velocity(flow, boundaries) ** 2) / grid.nx))


def surface_heat_flux(flow: Flow, problem: StokesProblem) -> Array:
    """Heat flux out of the top wall, -dT/dy, shape (nx,), whose mean is the Nusselt number.

    Fourth order; where the wall prescribes a flux it is that.
    """
    transport = MeanTransport(problem.grid, problem.boundaries)
    # What holds at the bottom does not matter here.
    flux: Array = transport.fluxes(problem.temperature, 0.0, flow).along_y[-1]
    return flux


def dynamic_topography(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    """Height of the surface that the flow would hold up, shape (nx,), mean zero.

    In units of alpha dT L, the height by which a column of height L rises when it is heated by the
    temperature contrast: -sigma_yy / Ra at the top wall, sigma_yy = -p + 2 eta dv/dy, as
    (Blankenbach et al. 1989) sigma_yy / (rho g) in units of alpha dT L is sigma_yy / Ra. Second
    order.
    """
    normal = pressure(flow, problem, viscosity)
    to_stretching, _ = to_stretching_and_shear(viscosity)
    normal += 2.0 * to_stretching * normal_strain_rate(flow, problem.grid)  # dv/dy is -du/dx
    height = (1.5 * normal[-1] - 0.5 * normal[-2]) / problem.rayleigh
    centred: Array = height - np.mean(height)
    return centred


def mobility(flow: Flow, problem: StokesProblem) -> float:
    """Root mean square velocity of the surface over that of the whole box (Tackley 2000).

    About 1 where the surface takes part, near 0 under a stagnant lid; NaN where nothing moves.
    """
    whole = vrms(flow, problem.grid)
    surface = surface_rms(flow, problem.grid, problem.boundaries)
    return surface / whole if whole > 0 else float("nan")


def plateness(flow: Flow, problem: StokesProblem) -> float:
    """1 - f80 / 0.6, f80 the narrowest share of the surface that takes up 80 % of |du/dx|.

    1 for rigid plates with boundaries of no width, about 0 in isoviscous convection (Weinstein
    and Olson 1992, in the form of Tackley 2000); NaN where the surface does not deform.
    """
    rate = np.abs(np.diff(surface_velocity(flow, problem.boundaries)))
    if not np.any(rate):
        return float("nan")
    taken_up = np.concatenate([[0.0], np.cumsum(np.sort(rate)[::-1])])
    width = np.interp(DEFORMATION * taken_up[-1], taken_up, np.linspace(0.0, 1.0, taken_up.size))
    return 1.0 - float(width) / WIDTH_WITHOUT_PLATES


FIELD, LINE, NUMBER = ("y", "x"), ("x",), ()
"""Dimensions of an output: at the cells, shape (ny, nx); along the top wall, (nx,); a number."""


class Derived(NamedTuple):
    """A derived output: its name, dimensions, and value from flow, problem and viscosity."""

    long_name: str
    dims: tuple[str, ...]
    compute: Callable[[Flow, StokesProblem, Array], Array | float]


def _strain_rate(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    return strain_rate(flow, problem.grid, problem.boundaries)


def _stress(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    rate = _strain_rate(flow, problem, viscosity)
    if viscosity.ndim == 2:
        return 2.0 * viscosity * rate
    # Of what resists stretching and shear otherwise, the stress that dissipates as much.
    work = _dissipation(flow, problem, viscosity)
    return np.divide(work, rate, out=np.zeros_like(work), where=rate > 0.0)


def _dissipation(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    return dissipation(flow, viscosity, problem.grid, problem.boundaries)


DERIVED = {
    "pressure": Derived("dynamic pressure, mean zero", FIELD, pressure),
    "dynamic_pressure": Derived(
        "pressure less its mean at each height",
        FIELD,
        lambda flow, problem, viscosity: without_mean(pressure(flow, problem, viscosity)),
    ),
    "strain_rate": Derived("strain rate, sqrt(e:e)", FIELD, _strain_rate),
    "stress": Derived("deviatoric stress, 2 eta sqrt(e:e)", FIELD, _stress),
    "dissipation": Derived("viscous dissipation, 2 eta e:e", FIELD, _dissipation),
    "surface_heat_flux": Derived(
        "heat flux out of the surface, over that of conduction",
        LINE,
        lambda flow, problem, viscosity: surface_heat_flux(flow, problem),
    ),
    "dynamic_topography": Derived(
        "dynamic topography over alpha dT L, mean zero", LINE, dynamic_topography
    ),
    "mobility": Derived(
        "rms velocity of the surface over that of the box",
        NUMBER,
        lambda flow, problem, viscosity: mobility(flow, problem),
    ),
    "plateness": Derived(
        "1 - f80 / 0.6, f80 the share of the surface with 80 % of its deformation",
        NUMBER,
        lambda flow, problem, viscosity: plateness(flow, problem),
    ),
}
