"""How far does a rollout stray from the direct one, while that is still determined?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array

Arrays = Mapping[str, NDArray[Any]]

DEPARTED = 0.01
"""Departure, relative to the change of T since the start, at which the deterministic part ends."""
SAMPLES = 1001
"""Common times at which two series are compared."""


def departure(reference: Arrays, other: Arrays, start: Array) -> Array:
    """rms difference of T over the rms change of T since the start, per output."""
    change = rms(reference["temperature"] - start)
    found: Array = rms(other["temperature"] - reference["temperature"]) / change
    return found


def deterministic_outputs(departures: Array) -> int:
    """Outputs before the perturbed run has departed; at least one, so that there are errors."""
    departed = np.flatnonzero(departures >= DEPARTED)
    return max(int(departed[0]) if departed.size else len(departures), 1)


def errors(reference: Arrays, other: Arrays, times: Array) -> dict[str, float]:
    """Differences over the outputs at `times`, the deterministic ones, and between them.

    ``field_error``: rms difference of T, mean over outputs; ``final_field_error``: at the last;
    ``profile_error``: mean absolute difference of the horizontal means, over outputs too;
    ``mean_temperature_error`` and ``nusselt_error`` (top and bottom averaged): mean absolute
    differences over time.
    """
    count = len(times)
    gap = other["temperature"][:count] - reference["temperature"][:count]
    fields = rms(gap)
    inside = np.linspace(reference["time"][0], times[-1], SAMPLES)

    def series(name: str, clock: str) -> float:
        ours, theirs = (np.interp(inside, run[clock], run[name]) for run in (reference, other))
        return float(np.mean(np.abs(theirs - ours)))

    return {
        "mean_temperature_error": series("mean_temperature", "time"),
        "nusselt_error": 0.5
        * (series("nusselt_top", "nusselt_time") + series("nusselt_bottom", "nusselt_time")),
        "profile_error": float(np.mean(np.abs(np.mean(gap, axis=2)))),
        "field_error": float(np.mean(fields)),
        "final_field_error": float(fields[-1]),
    }


def rms(fields: Array) -> Array:
    """Root mean square of each field, shape (outputs, ny, nx) to (outputs,)."""
    found: Array = np.sqrt(np.mean(fields**2, axis=(1, 2)))
    return found
