"""The sections of a run's configuration: `[grid]`, `[model]`, ... with units, ranges and defaults.

Everything is non-dimensional: lengths in box heights, times in diffusion
times, temperatures in the difference between bottom and top.
"""

import re
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, field_validator, model_validator

from tellus.solver.defaults import (
    ACTIVATION_VOLUME,
    ETA_STAR,
    GAMMA_P,
    GAMMA_T,
    INTERIOR,
    PICARD_LIMIT,
    PICARD_TOLERANCE,
    THICKNESS,
)
from tellus.solver.limits import (
    FEWEST_CELLS,
    LARGEST_RAYLEIGH,
    LARGEST_SEED,
    MOST_CELLS,
    MOST_STEPS,
    NARROWEST,
    WIDEST,
)

from .fields import Kinds, Section, quantity, read_by
from .own_class import OwnClass, is_handed_in
from .paths import CLASS, PATH, SOLVER

MOST_OUTPUTS = 100_000
MOST_OUTPUT_TIMES = 1e9
"""The most times k * every that are told apart, with room to spare."""

SHORTEST_TIME, LONGEST_TIME = 1e-30, 1e6
"""The range of times, far from where clocks overflow or stand still."""


def _default(section: Section, key: str) -> object:
    """What a key holds that was left out; a stored configuration spells it out."""
    return type(section).model_fields[key].default


PHYSICS = ("model", "rheology", "boundaries")
"""Sections that say what is computed; not how, how finely, or from which start."""


class GridSection(Section):
    """The staggered grid."""

    nx: int = quantity(256, "cells along the box", "cells", ge=FEWEST_CELLS, le=MOST_CELLS)
    ny: int = quantity(64, "cells up the box", "cells", ge=FEWEST_CELLS, le=MOST_CELLS)
    aspect: float = quantity(4.0, "width of the box over its height", ge=NARROWEST, le=WIDEST)


Slip = Literal["free-slip", "no-slip"]
Thermal = Literal["temperature", "flux", "insulating"]


class BoundariesSection(Section):
    """The four walls, all impermeable.

    A wall's `value` is its temperature, or the heat flux through it into the box; an
    insulating wall has none.
    """

    left_velocity: Slip = quantity("free-slip", "velocity at the left wall")
    right_velocity: Slip = quantity("free-slip", "velocity at the right wall")
    bottom_velocity: Slip = quantity("free-slip", "velocity at the bottom wall")
    top_velocity: Slip = quantity("free-slip", "velocity at the top wall")
    left_thermal: Thermal = quantity("insulating", "what the left wall holds")
    right_thermal: Thermal = quantity("insulating", "what the right wall holds")
    bottom_thermal: Thermal = quantity("temperature", "what the bottom wall holds")
    top_thermal: Thermal = quantity("temperature", "what the top wall holds")
    left_value: float = quantity(0.0, "temperature, or heat flux in, at the left", ge=-1e6, le=1e6)
    right_value: float = quantity(0.0, "the same at the right", ge=-1e6, le=1e6)
    bottom_value: float = quantity(1.0, "the same at the bottom", ge=-1e6, le=1e6)
    top_value: float = quantity(0.0, "the same at the top", ge=-1e6, le=1e6)

    @model_validator(mode="after")
    def _values_have_a_meaning(self) -> Self:
        for wall in ("left", "right", "bottom", "top"):
            key, value = f"{wall}_value", getattr(self, f"{wall}_value")
            if getattr(self, f"{wall}_thermal") == "insulating" and value != _default(self, key):
                raise ValueError(
                    f"boundaries.{key} = {value:g} needs boundaries.{wall}_thermal = "
                    '"temperature" or "flux": an insulating wall has no value'
                )
        return self


# Far beyond any viscosity in nature, and far from where numbers overflow.
SMALLEST_VISCOSITY, LARGEST_VISCOSITY = 1e-30, 1e30

Fraction = Annotated[float, Field(ge=0, le=1e3)]
LayerFactor = Annotated[float, Field(ge=1e-15, le=1e15)]
Decay = Annotated[float, Field(ge=0, le=1e6)]


def _check_own(key: str, name: str) -> None:
    """Raise ValueError for what names no class of one's own."""
    if not (is_handed_in(name) or OwnClass.parse(name)):
        raise ValueError(f'{key} must be FILE.py:CLASS, a class of your own, not "{name}"')


class ModelSection(Section):
    """The equations' numbers."""

    rayleigh: float = quantity(
        1.0, "Rayleigh number of the buoyancy term", ge=0, le=LARGEST_RAYLEIGH
    )
    heating: float = quantity(3.0, "internal heating H = RaQ/Ra, at t = 0", ge=0, le=1e4)
    heating_fractions: Annotated[tuple[Fraction, ...], Strict(False)] = quantity(
        (), "share of each isotope in the heating; empty: it does not decay"
    )
    heating_decay: Annotated[tuple[Decay, ...], Strict(False)] = quantity(
        (), "decay constant of each isotope", "1/diffusion time"
    )
    heating_law: str | None = quantity(
        None, "H(t) of a class of one's own, FILE.py:CLASS, in place of these", path=CLASS
    )
    dissipation_number: float = quantity(
        0.0, "Di of the extended Boussinesq approximation; 0: Boussinesq", ge=0, le=10
    )
    surface_temperature: float = quantity(
        0.0, "surface temperature over the contrast, for Di and Arrhenius", ge=0, le=100
    )
    core_capacity: float | None = quantity(
        None,
        "heat capacity of a cooling core over the mantle's; none: it keeps its heat",
        ge=1e-6,
        le=1e12,
    )

    @model_validator(mode="after")
    def _isotopes_agree(self) -> Self:
        if len(self.heating_fractions) != len(self.heating_decay):
            raise ValueError(
                f"model.heating_fractions and model.heating_decay need a number for each isotope, "
                f"not {len(self.heating_fractions)} and {len(self.heating_decay)}"
            )
        if self.heating_law is not None:
            _check_own("model.heating_law", self.heating_law)
            if self.heating_fractions:
                raise ValueError(
                    "model.heating_law stands in the place of model.heating_fractions: leave "
                    "either out"
                )
        if self.dissipation_number > 0 and self.rayleigh == 0:
            raise ValueError("model.dissipation_number needs model.rayleigh above zero")
        return self


LINEAR_LAWS = "constant", "frank-kamenetskii", "arrhenius"
"""Kinds of viscosity laws that do not depend on the strain rate: no solve iterates for them."""


class RheologySection(Section):
    """The viscosity law; keys of another kind are not read."""

    kind: Annotated[str, Kinds(*LINEAR_LAWS)] = quantity(
        "frank-kamenetskii", "viscosity law", path=CLASS
    )
    gamma_T: float = quantity(
        GAMMA_T,
        "viscosity contrast due to temperature",
        kinds=("frank-kamenetskii",),
        ge=1,
        le=1e12,
    )
    gamma_p: float = quantity(
        GAMMA_P,
        "viscosity contrast due to pressure",
        kinds=("frank-kamenetskii",),
        ge=1,
        le=1e6,
    )
    activation_energy: float = quantity(
        10.0, "Arrhenius: E over gas constant and contrast", kinds=("arrhenius",), ge=0, le=1e3
    )
    activation_volume: float = quantity(
        ACTIVATION_VOLUME,
        "Arrhenius: V times the bottom pressure, likewise",
        kinds=("arrhenius",),
        ge=0,
        le=1e3,
    )
    layer_depths: Annotated[tuple[float, ...], Strict(False)] = quantity(
        (), "depths of interfaces between layers, increasing", "box heights"
    )
    layer_factors: Annotated[tuple[LayerFactor, ...], Strict(False)] = quantity(
        (), "factor on the viscosity of each layer, from the top"
    )
    yield_stress: float | None = quantity(
        None,
        "viscoplastic yielding (Tosi et al. 2015); none: it does not yield",
        ge=1e-15,
        le=LARGEST_VISCOSITY,
    )
    eta_star: float = quantity(
        ETA_STAR,
        "yielding: plastic viscosity at infinite stress",
        ge=0,
        le=LARGEST_VISCOSITY,
    )
    floor: float | None = quantity(
        None, "smallest viscosity allowed", ge=SMALLEST_VISCOSITY, le=LARGEST_VISCOSITY
    )
    ceiling: float | None = quantity(
        None, "largest viscosity allowed", ge=SMALLEST_VISCOSITY, le=LARGEST_VISCOSITY
    )

    @model_validator(mode="after")
    def _is_not_ignored(self) -> Self:
        if self.yield_stress is None and self.eta_star != _default(self, "eta_star"):
            raise ValueError(
                f"rheology.eta_star = {self.eta_star:g} needs rheology.yield_stress: without it "
                "the fluid does not yield"
            )
        bound = "floor" if self.floor is not None else "ceiling"
        own = is_handed_in(self.kind) or OwnClass.parse(self.kind)
        if own and getattr(self, bound) is not None:
            raise ValueError(
                f"rheology.{bound} is not read by a law of one's own: bound its viscosity there, "
                "and leave it out"
            )
        if self.kind == "constant" and getattr(self, bound) is not None:
            raise ValueError(
                f"rheology.{bound} bounds a viscosity that varies, and with rheology.kind = "
                '"constant" it is 1: leave it out'
            )
        return self

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> Self:
        if self.floor is not None and self.ceiling is not None and self.floor >= self.ceiling:
            raise ValueError(
                f"rheology.floor = {self.floor:g} must lie below rheology.ceiling = "
                f"{self.ceiling:g}"
            )
        return self

    @model_validator(mode="after")
    def _layers_agree(self) -> Self:
        depths, factors = self.layer_depths, self.layer_factors
        if (depths or factors) and len(factors) != len(depths) + 1:
            raise ValueError(
                f"rheology.layer_factors needs one number more than rheology.layer_depths, not "
                f"{len(factors)} for {len(depths)}"
            )
        if any(b <= a for a, b in pairwise((0.0, *depths, 1.0))):
            raise ValueError("rheology.layer_depths must increase from above 0 to below 1")
        return self


class InitialSection(Section):
    """The temperature a run starts from; `kind = file` takes it as it is, without perturbation."""

    kind: Literal["hot", "cold", "linear", "conductive", "profile", "predicted", "file"] = quantity(
        "hot", "starting temperature; profile and file take it from path, predicted from weights"
    )
    interior: float = quantity(
        INTERIOR, "kind = linear: T between the layers", kinds=("linear",), ge=0, le=10
    )
    thickness: float = quantity(
        THICKNESS,
        "kind = linear: of each boundary layer",
        "box heights",
        kinds=("linear",),
        gt=0,
        le=0.5,
    )
    amplitude: float = quantity(0.01, "size of the perturbation", "temperature", ge=0, le=1)
    perturbation: Literal["random", "mode"] = quantity("random", "noise, or one cosine along x")
    mode: int = quantity(1, "half waves of perturbation = mode", ge=1, le=4096)
    seed: int = quantity(0, "seed of perturbation = random", ge=0, le=LARGEST_SEED)
    path: str | None = quantity(
        None,
        "run directory of kind = file, or table (y, T) of kind = profile",
        path=PATH,
        kinds=("file", "profile"),
    )
    time: float | None = quantity(
        None,
        "output of that run to take (none: its last)",
        "diffusion time",
        kinds=("file",),
        ge=0,
        le=LONGEST_TIME,
    )
    heating_age: float | None = quantity(
        None,
        "how long decaying sources have decayed (none: kind = file as long as there, else 0)",
        "diffusion time",
        ge=0,
        le=LONGEST_TIME,
    )
    core_temperature: float | None = quantity(
        None,
        "of a cooling core (none: kind = file as there, else boundaries.bottom_value)",
        "temperature",
        ge=-1e6,
        le=1e6,
    )
    weights: str | None = quantity(
        None,
        "kind = predicted: a trained profile predictor (none: the shipped one)",
        path=PATH,
        kinds=("predicted",),
    )

    @model_validator(mode="after")
    def _has_what_its_kind_reads(self) -> Self:
        if self.weights == "":
            raise ValueError("initial.weights must name a directory of weights: leave it out")
        if self.kind in ("file", "profile") and not self.path:
            raise ValueError(f'initial.kind = "{self.kind}" needs initial.path')
        for key, kinds in read_by(type(self)).items():
            value, default = getattr(self, key), _default(self, key)
            # What a file replaces as a whole may stand there, as seed and amplitude may.
            replaced = self.kind == "file" and default is not None
            if self.kind not in kinds and value != default and not replaced:
                shown = f" = {value:g}" if default is not None else ""
                named = " or ".join(f'"{kind}"' for kind in kinds)
                raise ValueError(
                    f"initial.{key}{shown} is only read with initial.kind = {named}, and here it "
                    f'is "{self.kind}"'
                )
        return self


class SteppingSection(Section):
    """How far and in which steps time goes; shared by runs and data sets."""

    scheme: Literal["explicit", "implicit"] = quantity(
        "explicit", "diffusion; implicit frees the time step from its limit"
    )
    end: float = quantity(
        0.1, "model time at which the run is done", "diffusion time", gt=0, le=LONGEST_TIME
    )
    dt_max: float = quantity(
        1e-4, "longest time step", "diffusion time", ge=SHORTEST_TIME, le=LONGEST_TIME
    )
    dt_initial: float = quantity(
        1e-7, "first time step", "diffusion time", ge=SHORTEST_TIME, le=LONGEST_TIME
    )
    dt_min: float = quantity(
        1e-12,
        "a step shorter than this ends the run as failed",
        "diffusion time",
        ge=SHORTEST_TIME,
        le=LONGEST_TIME,
    )
    growth: float = quantity(1.2, "longest step over the one before it", gt=1, le=100)
    courant: float = quantity(
        1.0, "limit of dt max(|u|/hx + |v|/hy), diffusion counted in", gt=0, le=1.25
    )
    bounds_tolerance: float = quantity(
        1e-3, "temperature may leave its physical bounds by this", "temperature", ge=0, le=1
    )

    @model_validator(mode="after")
    def _steps_in_order(self) -> Self:
        if self.dt_initial > self.dt_max:
            raise ValueError(
                f"time.dt_initial = {self.dt_initial:g} must not exceed time.dt_max = "
                f"{self.dt_max:g}"
            )
        if self.dt_min >= self.dt_initial:
            raise ValueError(
                f"time.dt_min = {self.dt_min:g} must lie below time.dt_initial = "
                f"{self.dt_initial:g}"
            )
        return self


class TimeSection(SteppingSection):
    """The clock of one run."""

    max_steps: int | None = quantity(
        None, "stop after this many steps", "steps", ge=1, le=MOST_STEPS
    )
    wall_limit: float | None = quantity(
        None, "write a checkpoint and stop after this long, resumable", "s", gt=0, le=1e9
    )
    steady_tolerance: float | None = quantity(
        None, "done when <T>, Nu and Vrms vary by less, relatively, over the window", gt=0, lt=1
    )
    steady_window: float = quantity(
        0.01,
        "span over which they are watched",
        "diffusion time",
        ge=SHORTEST_TIME,
        le=LONGEST_TIME,
    )


class EnergySection(Section):
    """How temperature is carried and conducted."""

    advection: Literal["van-leer", "mp5"] = quantity(
        "mp5", "of fifth and fourth order, MP5, or of second, van Leer's limiter"
    )
    velocity: Literal["held", "mid-step"] = quantity(
        "mid-step", "which velocity carries T: extrapolated into the step, or that of its start"
    )


class ClosureSection(Section):
    """What is put back of what cells are too coarse for."""

    kind: Annotated[str, Kinds("none", "homogenised", "learned")] = quantity(
        "none", "what adds to the heat through faces, or knows how viscosity varies", path=CLASS
    )
    weights: str | None = quantity(
        None, "kind = learned: a trained closure's directory (none: the shipped one)", path=PATH
    )

    @field_validator("weights")
    @classmethod
    def _names_a_directory(cls, weights: str | None) -> str | None:
        if weights == "":
            raise ValueError("closure.weights must name a directory of weights: leave it out")
        return weights


def solver_name(key: str, name: str) -> str:
    """A Stokes solver's name by its grammar; `tellus.coupling.solvers.names` knows which exist."""
    if not (re.fullmatch(r"[a-z][a-z0-9_-]*(:.+)?", name) or OwnClass.parse(name)):
        raise ValueError(
            f'{key} must be name[:argument]..., such as "direct" or "skip:10", not "{name}"'
        )
    return name


class StokesSection(Section):
    """The solver that the velocity comes from."""

    solver: str = quantity(
        "richardson:4", "a name that `tellus solvers` lists, such as skip:10", path=SOLVER
    )

    picard_tolerance: float = quantity(
        PICARD_TOLERANCE,
        "yielding: relative change of psi that ends the iteration",
        gt=0,
        lt=1,
    )
    picard_limit: int = quantity(
        PICARD_LIMIT, "yielding: most solves a step", "solves", ge=1, le=10_000
    )

    @field_validator("solver")
    @classmethod
    def _reads_as_a_name(cls, name: str) -> str:
        return solver_name("stokes.solver", name)


DerivedName = Literal[
    "pressure",
    "dynamic_pressure",
    "strain_rate",
    "stress",
    "dissipation",
    "surface_heat_flux",
    "dynamic_topography",
    "mobility",
    "plateness",
]


class OutputSection(Section):
    """What is written, and how often."""

    every: float = quantity(
        1e-3, "model time between two outputs", "diffusion time", ge=1e-15, le=1e300
    )
    checkpoint_every: int = quantity(
        200, "steps between two checkpoints", "steps", ge=1, le=MOST_STEPS
    )
    keep_checkpoints: int = quantity(2, "newest checkpoints kept", ge=2, le=1000)
    derived: Annotated[tuple[DerivedName, ...], Strict(False)] = quantity(
        (), "what else is computed from the flow at each output"
    )


class PlanetSection(Section):
    """Scales of a planet, in which outputs are shown; what is computed does not depend on them."""

    depth_km: float | None = quantity(None, "height of the box", "km", ge=1e-6, le=1e6)
    temperature_contrast_K: float | None = quantity(
        None, "what one unit of temperature is", "K", ge=1e-6, le=1e6
    )
    diffusivity_m2_s: float | None = quantity(None, "thermal diffusivity", "m2/s", ge=1e-12, le=1)
    surface_temperature_K: float | None = quantity(
        None, "at T = 0 (none: model.surface_temperature times the contrast)", "K", ge=0, le=1e6
    )
    viscosity_Pa_s: float | None = quantity(
        None,
        "of viscosity 1 (none: as model.rayleigh asks for, else it has no unit)",
        "Pa s",
        gt=0,
        le=1e40,
    )
    density_kg_m3: float | None = quantity(None, "density", "kg/m3", gt=0, le=1e6)
    gravity_m_s2: float | None = quantity(None, "gravity", "m/s2", gt=0, le=1e6)
    expansivity_1_K: float | None = quantity(None, "thermal expansivity", "1/K", gt=0, le=1)

    @model_validator(mode="after")
    def _scales_complete(self) -> Self:
        needed = ("depth_km", "temperature_contrast_K", "diffusivity_m2_s")
        missing = [f"planet.{name}" for name in needed if getattr(self, name) is None]
        if missing and any(value is not None for value in self.model_dump().values()):
            raise ValueError(f"[planet] needs {' and '.join(missing)} too")
        buoyant = ("density_kg_m3", "gravity_m_s2", "expansivity_1_K")
        missing = [f"planet.{name}" for name in buoyant if getattr(self, name) is None]
        if 0 < len(missing) < len(buoyant):
            raise ValueError(f"[planet] needs {' and '.join(missing)} too: they go together")
        return self
