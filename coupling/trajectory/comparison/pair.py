"""Two recorded runs side by side: on the same times and the same grid, how far they drifted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import RectBivariateSpline

from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.trajectory.drift import last_third, mean_absolute, series_mae
from tellus.errors import InputError
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import (
    StokesReport,
    flow_from_psi,
    relative_velocity_error,
    vrms,
)
from tellus.solver.transport.regridding import NO_BOUNDS, along, regridded

PROFILE_TIMES = 101  # at which profiles are averaged


@dataclass(frozen=True)
class RunPair:
    """A run beside the reference, over the model time they have in common."""

    reference: RecordedRun
    run: RecordedRun

    def __post_init__(self) -> None:
        box, other = self.reference.grid.aspect, self.run.grid.aspect
        if not np.isclose(box, other, rtol=1e-9):
            raise InputError(
                f"{self.run.path}: its box has aspect ratio {other:g}, that of "
                f"{self.reference.path} has {box:g}; compare runs in the same box."
            )
        if self.span[1] <= self.span[0]:
            raise InputError(
                f"{self.run.path}: it has no model time in common with {self.reference.path}; "
                "let both reach the same model time."
            )

    @cached_property
    def span(self) -> tuple[float, float]:
        """First and last common model time."""
        times = self.reference.series["time"], self.run.series["time"]
        return float(max(t[0] for t in times)), float(min(t[-1] for t in times))

    def series_mae(self, column: str) -> float | None:
        """Mean absolute difference of a column of the time series; None where none is finite."""
        both = [(r.series["time"], r.series[column]) for r in (self.reference, self.run)]
        gap = series_mae(both, *self.span)
        return None if np.isnan(gap) else gap

    @cached_property
    def equal_outputs(self) -> list[tuple[int, int]]:
        """Indices (reference, run) of outputs at equal times, to a hundredth of their interval."""
        times, theirs = self.reference.output_times, self.run.output_times
        slack = 0.01 * float(np.diff(times).min()) if times.size > 1 else 1e-12
        nearest = np.interp(times, theirs, np.arange(theirs.size)).round().astype(int)
        inside = (times >= self.span[0] - slack) & (times <= self.span[1] + slack)
        near = np.abs(times - theirs[nearest]) <= slack
        return [(int(i), int(nearest[i])) for i in np.flatnonzero(inside & near)]

    def field_mae(self, i: int, j: int) -> float:
        """Mean absolute difference of T at two outputs."""
        return mean_absolute(self.temperature_difference(i, j))

    def temperature_difference(self, i: int, j: int) -> Array:
        """T of the run less that of the reference, on the reference's grid."""
        theirs, times = self.run.snapshot("temperature", j), self.run.output_times
        walls = self.run.walls_at(times[j])
        other = regridded(theirs, self.run.grid, self.reference.grid, walls)
        return other - self.reference.snapshot("temperature", i)

    def velocity_error(self, i: int, j: int) -> float | None:
        """Relative velocity difference of two outputs; None where the reference is quiet."""
        grid, report = self.reference.grid, StokesReport("recorded")
        reference = flow_from_psi(self.reference.snapshot("psi", i), grid, report)
        if vrms(reference, grid) < QUIET_VRMS:
            return None
        psi = regrid_stream_function(self.run.snapshot("psi", j), self.run.grid, grid)
        return relative_velocity_error(flow_from_psi(psi, grid, report), reference)

    def profile_mae(self, start: float, end: float) -> float | None:
        """Mean absolute difference of the temperature profiles averaged over [start, end]."""
        if end > min(r.output_times[-1] for r in (self.reference, self.run)):
            return None
        a, b = (mean_profile(r, start, end) for r in (self.reference, self.run))
        walls = self.run.walls_at(np.linspace(start, end, PROFILE_TIMES))
        ends, grid = (walls.bottom, walls.top), self.run.grid
        theirs = along(b[:, None], self.reference.grid.ny, grid.hy, ends, NO_BOUNDS)[:, 0]
        return mean_absolute(theirs - a)

    @cached_property
    def last_third(self) -> tuple[float, float]:
        """The last third of the model time in which both runs wrote outputs."""
        end = min(self.span[1], self.reference.output_times[-1], self.run.output_times[-1])
        return last_third(self.span[0], float(end))


def mean_profile(run: RecordedRun, start: float, end: float) -> Array:
    """Temperature profile averaged over [start, end], linear in time between outputs."""
    profiles = run.profiles("temperature_profile")
    times = np.linspace(start, end, PROFILE_TIMES)
    levels = [np.interp(times, run.output_times, level) for level in profiles.T]
    return np.asarray(np.mean(levels, axis=1))


def regrid_stream_function(psi: Array, source: Grid, target: Grid) -> Array:
    """Bicubic interpolation between nodes."""
    if source == target:
        return psi
    spline = RectBivariateSpline(source.y_nodes, source.x_nodes, psi, s=0)
    return np.asarray(spline(target.y_nodes, target.x_nodes))
