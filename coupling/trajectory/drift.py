"""How far one trajectory has drifted from another: each measure defined once.

docs/evaluation.md says which command gives which of them under which name.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from math import lcm

import numpy as np
from numpy.typing import ArrayLike

from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array

from .record import Trajectory

SAMPLES = 1001
"""Common times at which two series are compared."""

DRIFTED_AWAY = 0.01
"""Drift, relative to the change of T since the start, at which the deterministic part ends."""

ERRORS = (
    "mean_temperature_mae",
    "mean_temperature_relative",
    "profile_mae",
    "nusselt_error",
    "nusselt_relative",
    "vrms_error",
    "vrms_relative",
    "heat_made",
)
"""What `whole_run_errors` gives."""

HEAT_FLOWS = ("nusselt_top", "nusselt_bottom")

Series = tuple[Array, Array]
"""Times and values, of one shape."""


def mean_absolute(difference: Array) -> float:
    """Mean absolute value of the difference of two fields, or of two profiles."""
    return float(np.mean(np.abs(difference)))


def series_mae(both: Iterable[Series], start: float, end: float) -> float:
    """Mean over [start, end] of the absolute difference of two series, linear between values.

    Times at which one of them is not finite are left out; NaN where that leaves none.
    """
    times = np.linspace(start, end, SAMPLES)
    ours, theirs = (np.interp(times, *series) for series in both)
    gap = np.abs(theirs - ours)
    finite = np.isfinite(gap)
    return float(np.mean(gap[finite])) if finite.any() else float("nan")


def last_third(start: float, end: float) -> tuple[float, float]:
    """The part of a time span over which profiles, heat flow and velocity are averaged.

    Where the flow is chaotic two exact solutions part, and only averages are left to compare.
    """
    return start + 2.0 / 3.0 * (end - start), end


def whole_run_errors(reference: Trajectory, other: Trajectory) -> dict[str, float | None]:
    """Drift over the model time that two rollouts of a case have in common; None where none is.

    Of <T>(t) over all of that time, also over the range of the reference's; of profile, heat flow
    and velocity averaged over its last third, the latter two also over those of the reference;
    and the most heat that came from nowhere.
    """
    end = min(reference.end, other.end)
    if not end > 0:
        return dict.fromkeys(ERRORS)
    both, late = (reference, other), last_third(0.0, end)
    means = [(each.time, each.mean_temperature) for each in both]
    drift = series_mae(means, 0.0, end)
    times = np.linspace(0.0, end, SAMPLES)
    change = float(np.ptp(np.interp(times, *means[0])))
    profiles = [each.average("profile", *late) for each in both]
    rows = min(profile.size for profile in profiles)
    profiles = [on_rows(profile, rows) for profile in profiles]
    flows = [np.array([each.average(name, *late) for name in HEAT_FLOWS]) for each in both]
    heat, scale = mean_absolute(flows[1] - flows[0]), mean_absolute(flows[0])
    speeds = [float(each.average("vrms", *late)) for each in both]
    given = [np.interp(times, each.time, each.heat_given()) for each in both]
    return {
        "mean_temperature_mae": drift,
        "mean_temperature_relative": drift / change if change > 0 else None,
        "profile_mae": mean_absolute(profiles[1] - profiles[0]),
        "nusselt_error": heat,
        "nusselt_relative": heat / scale if scale > 0 else None,
        "vrms_error": abs(speeds[1] - speeds[0]),
        "vrms_relative": abs(speeds[1] - speeds[0]) / max(speeds[0], QUIET_VRMS),
        "heat_made": float(np.max(np.abs(given[1] - given[0]))),
    }


def on_rows(profile: Array, rows: int) -> Array:
    """Means over so many rows of equal height of a profile of means over others.

    >>> on_rows(np.array([1.0, 2.0, 6.0]), 2).tolist()
    [1.3333333333333333, 4.666666666666667]
    """
    parts = np.repeat(profile, lcm(profile.size, rows) // profile.size)
    means: Array = parts.reshape(rows, -1).mean(axis=1)
    return means


def relative_rates(differences: Array, reference: Array) -> Array:
    """Differences of averages of `RATES`, or of the first of them, over the reference's averages.

    Those of both Nusselt numbers are relative to the top's: where the interior is heated as much
    as it cools, hardly any heat comes through the bottom.
    """
    scales = reference.copy()
    scales[1] = reference[0]
    return differences / scales


def standard_errors(
    off: Callable[[float, float], ArrayLike], start: float, end: float, parts: int
) -> Array:
    """Standard errors of averages over a span of time, from the scatter of those of its parts.

    Parameters
    ----------
    off : callable
        By how much averages over a part are off those of the whole span, given its two ends.
    start, end : float
        The whole span.
    parts : int
        Of equal length, each long enough to say little of the next.
    """
    edges = np.linspace(start, end, parts + 1).tolist()
    squares = [np.square(off(*part)) for part in pairwise(edges)]
    found: Array = np.sqrt(np.sum(squares, axis=0) / (parts * (parts - 1)))
    return found


def deterministic_errors(
    reference: Trajectory, other: Trajectory, times: Array
) -> dict[str, float]:
    """Drift of one rollout from another that began in the same state, while that is determined.

    At the outputs at `times`, the first ones: ``field_error``, rms difference of T, mean over
    them, and ``final_field_error``, at the last; ``profile_error``: mean absolute difference of
    the horizontal means. Between them: ``mean_temperature_error`` and ``nusselt_error``, top and
    bottom averaged, mean absolute differences over time.
    """
    both, count = (reference, other), len(times)
    gap = other.fields[:count] - reference.fields[:count]
    fields = rms(gap)
    span = float(reference.time[0]), float(times[-1])
    means = [(each.time, each.mean_temperature) for each in both]
    heat = [series_mae((each.rate(name) for each in both), *span) for name in HEAT_FLOWS]
    return {
        "mean_temperature_error": series_mae(means, *span),
        "nusselt_error": 0.5 * sum(heat),
        "profile_error": mean_absolute(np.mean(gap, axis=2)),
        "field_error": float(np.mean(fields)),
        "final_field_error": float(fields[-1]),
    }


def trajectory_drift(reference: Trajectory, other: Trajectory, start: Array) -> Array:
    """rms difference of T over the rms change of T since the start, per output."""
    found: Array = rms(other.fields - reference.fields) / rms(reference.fields - start)
    return found


def deterministic_outputs(drift: Array) -> int:
    """Outputs before a perturbed run has drifted away; at least one, so that there are errors."""
    away = np.flatnonzero(drift >= DRIFTED_AWAY)
    return max(int(away[0]) if away.size else len(drift), 1)


def rms(fields: Array) -> Array:
    """Root mean square of each field, shape (outputs, ny, nx) to (outputs,)."""
    found: Array = np.sqrt(np.mean(fields**2, axis=(1, 2)))
    return found
