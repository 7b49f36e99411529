"""What is computed from a flow on request: fields, lines along the surface, numbers."""

from collections.abc import Callable
from typing import NamedTuple

from .grid import Array
from .pressure import pressure, without_mean
from .stokes import Flow, StokesProblem
from .strain import dissipation, strain_rate
from .surface import dynamic_topography, mobility, plateness, surface_heat_flux

FIELD, LINE, NUMBER = ("y", "x"), ("x",), ()
"""At the cells, shape (ny, nx); over the cells next to the top wall, (nx,); one for the box."""


class Derived(NamedTuple):
    """What it is, where it lives, and how it follows from flow, problem and viscosity."""

    long_name: str
    dims: tuple[str, ...]
    compute: Callable[[Flow, StokesProblem, Array], Array | float]


def _strain_rate(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    return strain_rate(flow, problem.grid, problem.boundaries)


def _stress(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    return 2.0 * viscosity * _strain_rate(flow, problem, viscosity)


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
