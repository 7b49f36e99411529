"""Units in which outputs are shown: without dimension, or those of a planet.

The scales follow from the height of the box L, the temperature contrast, the
thermal diffusivity kappa and, for stresses, the reference viscosity eta: time
L^2/kappa, velocity kappa/L, stress eta kappa/L^2 (Schubert, Turcotte & Olson
2001, ch. 6). What is computed and stored never has a dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose
from typing import Any

import xarray as xr

from tellus.config import Config
from tellus.config.sections import PlanetSection

SECONDS_PER_YEAR = 365.25 * 86400

# What a variable of fields.zarr or a column of timeseries.csv measures; others have no scale.
KINDS = {
    **dict.fromkeys(("x", "y", "x_face", "y_face", "x_node", "y_node"), "length"),
    **dict.fromkeys(("time", "dt"), "time"),
    **dict.fromkeys(("temperature", "temperature_profile", "mean_temperature"), "temperature"),
    **dict.fromkeys(("u", "v", "velocity", "vrms", "vrms_profile", "surface_velocity"), "velocity"),
    "psi": "stream function",
    "viscosity": "viscosity",
    "strain_rate": "strain rate",
    **dict.fromkeys(("pressure", "dynamic_pressure", "stress"), "stress"),
    "dynamic_topography": "topography",
    "dissipation": "dissipation",
}
NAMES = {
    "x_face": "x",
    "y_face": "y",
    "x_node": "x",
    "y_node": "y",
    "temperature": "temperature",
    "viscosity": "viscosity",
    "psi": "stream function",
    "u": "horizontal velocity",
    "v": "vertical velocity",
    "nusselt_top": "Nusselt number, top",
    "nusselt_bottom": "Nusselt number, bottom",
    "surface_heat_flux": "surface heat flux (Nusselt number)",
    "dynamic_topography": r"dynamic topography ($\alpha\,\Delta T\,L$)",
    "vrms": "rms velocity",
    "vrms_profile": "rms velocity",
    "temperature_profile": "temperature",
}
WITHOUT_DIMENSION = {"length": "box heights", "time": "diffusion times"}


@dataclass(frozen=True)
class Scale:
    """A unit, what one non-dimensional unit is in it, and where its zero lies."""

    unit: str
    factor: float
    zero: float = 0.0


@dataclass(frozen=True)
class Units:
    """How each quantity is shown; `scales` by kind, empty for a view without dimension."""

    scales: Mapping[str, Scale]

    def show(self, name: str, values: Any, difference: bool = False) -> Any:
        """Values of a variable in its unit; a difference of two has no zero to shift."""
        scale = self._scale(name)
        if scale is None:
            return values
        return values * scale.factor + (0.0 if difference else scale.zero)

    def model(self, name: str, value: float) -> float:
        """The non-dimensional value of one that is shown."""
        scale = self._scale(name)
        return value if scale is None else (value - scale.zero) / scale.factor

    def unit(self, name: str) -> str:
        """Unit of a variable; "1" without one."""
        scale = self._scale(name)
        return "1" if scale is None else scale.unit

    def label(self, name: str) -> str:
        """Name and unit, as on an axis."""
        unit = self.unit(name)
        if unit == "1":
            unit = WITHOUT_DIMENSION.get(KINDS.get(name, ""), "")
        shown = NAMES.get(name, name.replace("_", " "))
        return f"{shown} ({unit})" if unit else shown

    def at(self, time: float, digits: int = 6) -> str:
        """A model time as runs say it: t = 0.1, or t = 3.2 Gyr."""
        shown = f"t = {self.show('time', time):.{digits}g}"
        return shown if self.unit("time") == "1" else f"{shown} {self.unit('time')}"

    def clock(self, *times: float) -> str:
        """A model time, or a span of them, in words."""
        unit = WITHOUT_DIMENSION["time"] if self.unit("time") == "1" else self.unit("time")
        shown = " to ".join(f"{self.show('time', time):.4g}" for time in times)
        return f"{shown} {unit}"

    def dataset(self, fields: xr.Dataset) -> xr.Dataset:
        """All variables and coordinates in their units, with attributes that say so."""
        shown = fields.copy()
        for name in map(str, fields.variables):
            if self._scale(name) is not None:
                variable = self.show(name, fields[name].variable).astype(fields[name].dtype)
                meaning = fields[name].attrs.get("long_name", name)
                if KINDS[name] in ("length", "time") or name in NAMES:
                    meaning = NAMES.get(name, name)
                variable.attrs = {"units": self.unit(name), "long_name": meaning}
                shown[name] = variable
        return shown

    def _scale(self, name: str) -> Scale | None:
        return self.scales.get(KINDS.get(name, ""))


PLAIN = Units({})
"""Without dimension."""


def units_of(config: Config) -> Units:
    """Units by the [planet] section of a run's configuration, `PLAIN` without one."""
    planet, surface = config.planet, config.planet.surface_temperature_K
    if planet.depth_km is None:
        return PLAIN
    depth_km, contrast, diffusivity = _basic(planet)
    depth = 1e3 * depth_km
    rate = diffusivity / depth**2
    if surface is None:
        surface = config.model.surface_temperature * contrast
    scales = {
        "length": Scale("km", depth_km),
        "time": Scale("Gyr", 1 / (rate * SECONDS_PER_YEAR * 1e9)),
        "temperature": Scale("K", contrast, surface),
        "velocity": Scale("cm/yr", diffusivity / depth * 100 * SECONDS_PER_YEAR),
        "stream function": Scale("m2/s", diffusivity),
        "strain rate": Scale("1/s", rate),
    }
    if planet.expansivity_1_K is not None:
        scales["topography"] = Scale("m", planet.expansivity_1_K * contrast * depth)
    if (viscosity := _unit_viscosity(config)) is not None:
        scales |= {
            "viscosity": Scale("Pa s", viscosity),
            "stress": Scale("Pa", viscosity * rate),
            "dissipation": Scale("W/m3", viscosity * rate**2),
        }
    return Units(scales)


WHERE_IT_IS_ONE = {
    "constant": "that of the fluid",
    "frank-kamenetskii": "that of T = 0 at the surface",
    "arrhenius": "that of T = 1 at the bottom",
}
"""Which viscosity is one, and so the unit of model.rayleigh, by `rheology.kind`."""

EARTH = "about 1 in the Earth's mantle"
"""Density x gravity x expansivity, in kg/(m2 s2 K): 4000 x 10 x 2.5e-5."""

AGREEMENT = 0.05


def viscosity_note(config: Config) -> str | None:
    """Which viscosity is the unit of [planet], and what it implies."""
    planet, rayleigh = config.planet, config.model.rayleigh
    viscosity, buoyancy = _unit_viscosity(config), _buoyancy(planet)
    if viscosity is None or planet.depth_km is None:
        return None
    law = config.rheology
    where = WHERE_IT_IS_ONE.get(law.kind, "what the law calls 1")
    where += ", before the factors of the layers" if law.layer_factors else ""
    said = f"viscosity 1, {where}, is {viscosity:.3g} Pa s"
    if buoyancy is None:
        needed = rayleigh * viscosity / _vigour(planet)
        return (
            f"{said}: with model.rayleigh = {rayleigh:g} density x gravity x expansivity is "
            f"{needed:.3g} kg/(m2 s2 K), {EARTH}"
        )
    if planet.viscosity_Pa_s is None:
        return f"{said}, as model.rayleigh = {rayleigh:g} asks for"
    return f"{said}: the Rayleigh number is {buoyancy * _vigour(planet) / viscosity:.3g}"


def disagreements(config: Config) -> list[str]:
    """Contradictions between [planet] and the model, and what would remove each."""
    planet, rayleigh = config.planet, config.model.rayleigh
    found, buoyancy = [], _buoyancy(planet)
    if buoyancy is not None and planet.viscosity_Pa_s is not None:
        most = buoyancy * _vigour(planet)
        implied = most / planet.viscosity_Pa_s
        if not isclose(implied, rayleigh, rel_tol=AGREEMENT):
            other = f"planet.viscosity_Pa_s = {most / rayleigh:.3g} or " if rayleigh else ""
            found.append(
                f"[planet] implies a Rayleigh number of {implied:.3g}, and model.rayleigh is "
                f"{rayleigh:g}: velocities and stresses are shown in units of another planet; take "
                f"{other}model.rayleigh = {implied:.3g}"
            )
    over_contrast, given = config.model.surface_temperature, planet.surface_temperature_K
    if given is not None and over_contrast > 0:
        _, contrast, _ = _basic(planet)
        meant = over_contrast * contrast
        if not isclose(given, meant, rel_tol=AGREEMENT):
            found.append(
                f"planet.surface_temperature_K is {given:g}, and model.surface_temperature stands "
                f"for {meant:.4g} K: leave the first out, or take model.surface_temperature = "
                f"{given / contrast:.4g}"
            )
    return found


def _basic(planet: PlanetSection) -> tuple[float, float, float]:
    """Depth in km, contrast and diffusivity, of which [planet] has all or none."""
    assert planet.depth_km is not None
    assert planet.temperature_contrast_K is not None
    assert planet.diffusivity_m2_s is not None
    return planet.depth_km, planet.temperature_contrast_K, planet.diffusivity_m2_s


def _vigour(planet: PlanetSection) -> float:
    """Contrast x depth^3 / diffusivity: Ra for buoyancy and viscosity 1."""
    depth, contrast, diffusivity = _basic(planet)
    return contrast * (1e3 * depth) ** 3 / diffusivity


def _buoyancy(planet: PlanetSection) -> float | None:
    """Density x gravity x expansivity, where they are given: all of them or none."""
    if planet.density_kg_m3 is None or planet.gravity_m_s2 is None:
        return None
    assert planet.expansivity_1_K is not None
    return planet.density_kg_m3 * planet.gravity_m_s2 * planet.expansivity_1_K


def _unit_viscosity(config: Config) -> float | None:
    """The unit of viscosity in Pa s, as given or by the Rayleigh number; None without either."""
    planet, rayleigh = config.planet, config.model.rayleigh
    buoyancy = _buoyancy(planet)
    if planet.viscosity_Pa_s is not None or buoyancy is None or rayleigh == 0:
        return planet.viscosity_Pa_s
    return buoyancy * _vigour(planet) / rayleigh
