"""Viscosity laws: temperature and position in, viscosity at the cell centres out.

A new law subclasses `Rheology` and writes `viscosity`; one that depends on the
strain rate also sets `nonlinear = True`, and the Stokes solve then iterates.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import ClassVar, Protocol

import numpy as np

from tellus.errors import InputError

from .defaults import ACTIVATION_VOLUME, ETA_STAR, GAMMA_P, GAMMA_T
from .grid import Array, Grid
from .limits import NOT_NEGATIVE, POSITIVE, Limits, check, check_record, check_shape


class Rheology(Protocol):
    """A viscosity law."""

    nonlinear: ClassVar[bool] = False

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        """Viscosity at the cell centres, shape (ny, nx).

        `temperature` and `strain_rate`, sqrt(e:e), are at the cell centres too; the strain
        rate is given to laws with `nonlinear` set, once there is a flow to take it from.
        """
        ...


def depends_on_strain_rate(law: Rheology) -> bool:
    """Whether a law is non-linear; one that says nothing, and need not subclass, is not."""
    return bool(getattr(law, "nonlinear", False))


def require_rheology(owner: str, law: object) -> None:
    """Raise InputError for what is no viscosity law, such as the class of one."""
    if isinstance(law, type) or not callable(getattr(law, "viscosity", None)):
        raise InputError(
            f"{owner}: rheology must be an object with a method viscosity, as in "
            f"tellus.solver.rheology, not {law!r:.60}."
        )


def check_viscosity(law: Rheology, viscosity: object, grid: Grid) -> None:
    """Raise InputError for what a law of one's own cannot have returned.

    That is, no positive number for each cell. The laws of this module are left to the run, which
    says what became of a step.
    """
    if type(law).__module__ == __name__:
        return
    what = f"rheology: {type(law).__name__}.viscosity"
    check_shape(what, "what it returns", viscosity, grid.cells)
    values = np.asarray(viscosity)
    if values.dtype.kind != "f" or not np.all(np.isfinite(values)) or np.min(values) <= 0.0:
        raise InputError(f"{what} must return positive, finite numbers; mend it, or bound them.")


@dataclass(frozen=True)
class Constant(Rheology):
    """One viscosity everywhere, `value`."""

    value: float = 1.0

    def __post_init__(self) -> None:
        check_record(self, value=POSITIVE)

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        return np.full(grid.cells, self.value)


@dataclass(frozen=True)
class FrankKamenetskii(Rheology):
    """eta = exp(-ln(gamma_T) T + ln(gamma_p) (1 - y)), y = 0 at the bottom.

    The linearised Arrhenius law of Agarwal et al. (2025), section II.

    Parameters
    ----------
    gamma_T : float
        Viscosity contrast due to temperature across T = 0..1, at least 1.
    gamma_p : float
        Viscosity contrast due to pressure across the layer, at least 1.
    floor, ceiling : float, optional
        Smallest and largest viscosity; None leaves that side unbounded.
    """

    gamma_T: float = GAMMA_T
    gamma_p: float = GAMMA_P
    floor: float | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        check_record(self, gamma_T=Limits(least=1.0), gamma_p=Limits(least=1.0))
        _check_bounds(self)

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        exponent = -log(self.gamma_T) * temperature
        exponent += log(self.gamma_p) * (1.0 - grid.y_cells)[:, None]
        return bounded(np.exp(exponent, out=exponent), self.floor, self.ceiling)


@dataclass(frozen=True)
class Arrhenius(Rheology):
    """eta = exp( (E + V (1 - y)) / (T + T0) - (E + V) / (1 + T0) ), one at the hot bottom.

    At absolute zero, T = -T0, it is infinite, or the ceiling. An undershoot below has the
    viscosity of absolute zero, not that of the pole's other side, which is none.

    Parameters
    ----------
    activation_energy : float
        E over gas constant and temperature contrast.
    activation_volume : float
        V times the pressure at the bottom, in the same unit.
    surface_temperature : float
        T0, the surface temperature over the temperature contrast, above zero.
    floor, ceiling : float, optional
        Smallest and largest viscosity.
    """

    activation_energy: float
    activation_volume: float = ACTIVATION_VOLUME
    surface_temperature: float = 0.1
    floor: float | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        check_record(
            self,
            activation_energy=NOT_NEGATIVE,
            activation_volume=NOT_NEGATIVE,
            surface_temperature=POSITIVE,
        )
        _check_bounds(self)

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        depth = (1.0 - grid.y_cells)[:, None]
        E, V, T0 = self.activation_energy, self.activation_volume, self.surface_temperature
        absolute = np.maximum(temperature + T0, np.finfo(np.float64).tiny)
        with np.errstate(over="ignore"):
            exponent = (E + V * depth) / absolute - (E + V) / (1.0 + T0)
            return bounded(np.exp(exponent), self.floor, self.ceiling)


@dataclass(frozen=True)
class Layered(Rheology):
    """A viscosity law times a factor for each depth range.

    Parameters
    ----------
    law : Rheology
    depths : tuple of float
        Depths of the interfaces below the top, increasing, in box heights.
    factors : tuple of float
        One more than depths, from the top layer down.
    """

    law: Rheology
    depths: tuple[float, ...]
    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        for factor in self.factors:
            check("Layered", factors=(factor, POSITIVE))
        if len(self.factors) != len(self.depths) + 1:
            raise InputError(
                f"Layered: {len(self.depths)} depths need one factor more, not {len(self.factors)}."
            )
        if not all(a < b for a, b in pairwise((0.0, *self.depths, 1.0))):
            raise InputError(f"Layered: depths must increase from 0 to 1, not {self.depths}.")
        # Layers of a law that depends on the strain rate do so too.
        object.__setattr__(self, "nonlinear", depends_on_strain_rate(self.law))

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        layer = np.searchsorted(self.depths, 1.0 - grid.y_cells)
        factor = np.asarray(self.factors)[layer]
        layered: Array = self.law.viscosity(temperature, grid, strain_rate) * factor[:, None]
        return layered


@dataclass(frozen=True)
class Viscoplastic(Rheology):
    """1/eta = (1/eta_linear + 1/eta_plastic) / 2, eta_plastic = eta_star + yield_stress / |e|.

    Tosi et al. (2015), eqs. 6-8, |e| = sqrt(e:e). Without a strain rate, before the first
    flow, the fluid is taken to be rigid enough to be linear: eta = 2 eta_linear would hold
    at rest; the linear law alone starts the iteration.
    """

    linear: Rheology
    yield_stress: float = 1.0
    eta_star: float = ETA_STAR
    nonlinear: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_record(self, yield_stress=POSITIVE, eta_star=NOT_NEGATIVE)

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        linear = self.linear.viscosity(temperature, grid)
        if strain_rate is None:
            return linear
        with np.errstate(divide="ignore"):
            plastic = self.eta_star + self.yield_stress / strain_rate
        return 2.0 / (1.0 / linear + 1.0 / plastic)


@dataclass(frozen=True)
class Given(Rheology):
    """A viscosity that was computed already, at the cells, shape (ny, nx)."""

    values: Array

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        return self.values


def _check_bounds(law: FrankKamenetskii | Arrhenius) -> None:
    bound = Limits(above=0.0, optional=True)
    check_record(law, floor=bound, ceiling=bound)
    if law.floor is not None and law.ceiling is not None and law.floor >= law.ceiling:
        raise InputError(
            f"{type(law).__name__}: floor {law.floor:g} must lie below ceiling {law.ceiling:g}."
        )


def bounded(viscosity: Array, floor: float | None, ceiling: float | None) -> Array:
    """`viscosity`, clipped in place where a bound is given."""
    if floor is not None or ceiling is not None:
        np.clip(viscosity, floor, ceiling, out=viscosity)
    return viscosity
