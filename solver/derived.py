"""Fields computed from a flow on request: pressure, strain rate, stress, dissipation."""

from collections.abc import Callable
from typing import NamedTuple

from .grid import Array
from .pressure import pressure
from .stokes import Flow, StokesProblem
from .strain import dissipation, strain_rate


class DerivedField(NamedTuple):
    """A field at the cells, shape (ny, nx), and what it is."""

    long_name: str
    compute: Callable[[Flow, StokesProblem, Array], Array]


def _strain_rate(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    return strain_rate(flow, problem.grid, problem.boundaries)


def _stress(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    return 2.0 * viscosity * _strain_rate(flow, problem, viscosity)


def _dissipation(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    return dissipation(flow, viscosity, problem.grid, problem.boundaries)


DERIVED = {
    "pressure": DerivedField("dynamic pressure, mean zero", pressure),
    "strain_rate": DerivedField("strain rate, sqrt(e:e)", _strain_rate),
    "stress": DerivedField("deviatoric stress, 2 eta sqrt(e:e)", _stress),
    "dissipation": DerivedField("viscous dissipation, 2 eta e:e", _dissipation),
}
