"""Units in which outputs are shown: without dimension, or those of a planet.

The scales follow from the height of the box L, the temperature contrast, the
thermal diffusivity kappa and, for stresses, the reference viscosity eta: time
L^2/kappa, velocity kappa/L, stress eta kappa/L^2 (Schubert, Turcotte & Olson
2001, ch. 6). What is computed and stored never has a dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

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
    **dict.fromkeys(("pressure", "stress"), "stress"),
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


def units_of(config: Mapping[str, Any]) -> Units:
    """Those of the [planet] section of a run's configuration, or none."""
    planet = config.get("planet") or {}
    if "depth_km" not in planet:
        return Units({})
    depth, contrast = 1e3 * planet["depth_km"], planet["temperature_contrast_K"]
    diffusivity = planet["diffusivity_m2_s"]
    over_contrast = config.get("model", {}).get("surface_temperature", 0.0)
    rate = diffusivity / depth**2
    scales = {
        "length": Scale("km", planet["depth_km"]),
        "time": Scale("Gyr", 1 / (rate * SECONDS_PER_YEAR * 1e9)),
        "temperature": Scale(
            "K", contrast, planet.get("surface_temperature_K", over_contrast * contrast)
        ),
        "velocity": Scale("cm/yr", diffusivity / depth * 100 * SECONDS_PER_YEAR),
        "stream function": Scale("m2/s", diffusivity),
        "strain rate": Scale("1/s", rate),
    }
    if (viscosity := planet.get("viscosity_Pa_s")) is not None:
        scales |= {
            "viscosity": Scale("Pa s", viscosity),
            "stress": Scale("Pa", viscosity * rate),
            "dissipation": Scale("W/m3", viscosity * rate**2),
        }
    return Units(scales)
