"""Choosing time steps and output times, and refusing to go on when the solution is wrong."""

from dataclasses import dataclass

import numpy as np

from tellus.solver.errors import RunFailedError
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow

LAST_CHECKPOINT = "The last checkpoint is intact: go on from it with --resume --set ..."


@dataclass(frozen=True)
class Stepping:
    """Limits of the time step, in model time except `courant` and `growth`.

    `courant` bounds dt max(|u|/hx + |v|/hy), `growth` the ratio of a step to
    the one before; a step below `dt_min` ends the run. T may leave its physical
    range by `bounds_tolerance`.
    """

    courant: float = 0.5
    dt_max: float = 1e-4
    dt_initial: float = 1e-7
    dt_min: float = 1e-12
    growth: float = 1.2
    bounds_tolerance: float = 1e-3

    def next_dt(self, stable: float, last: float | None) -> float:
        """The step to take, from the stable one and the last one (None before the first)."""
        ceiling = self.dt_initial if last is None else self.growth * last
        return min(stable, self.dt_max, ceiling)

    def check(self, dt: float, time: float, step: int, flow: Flow, grid: Grid) -> None:
        """Raise RunFailedError where a step is too short to get anywhere."""
        least = max(self.dt_min, float(np.spacing(time)))
        if dt >= least:
            return
        x, y, speed = _fastest(flow, grid)
        raise RunFailedError(
            f"step {step}, t = {time:.6g}: the time step collapsed to {dt:.3g}, below "
            f"the {least:.3g} of time.dt_min; velocities reach {speed:.3g} at x = {x:.4g}, "
            f"y = {y:.4g}: bound the viscosity with rheology.floor, refine the grid, or try "
            f"--stokes direct. {LAST_CHECKPOINT}"
        )


@dataclass(frozen=True)
class Schedule:
    """Outputs at whole multiples of `every` and at `end`.

    Multiples are computed, not summed up, and steps are cut to hit them exactly.
    """

    every: float
    end: float

    @property
    def goal(self) -> float:
        """`end`, or the multiple that only rounding keeps apart from it.

        A run that goes on beyond `end` then meets the same times as a longer one.
        """
        multiple = round(self.end / self.every) * self.every
        return multiple if _alike(multiple, self.end) else self.end

    def is_due(self, time: float) -> bool:
        """Whether an output belongs at this time."""
        return time >= self.goal or _alike(time, round(time / self.every) * self.every)

    def following(self, time: float) -> float:
        """The first output time after `time`, which lies before the goal."""
        count = round(time / self.every)
        multiple = count * self.every
        later = multiple > time and not _alike(multiple, time)
        return min(multiple if later else (count + 1) * self.every, self.goal)


def _alike(a: float, b: float) -> bool:
    """Equal but for rounding."""
    return abs(a - b) <= 1e-12 * max(abs(a), abs(b))


@dataclass(frozen=True)
class TemperatureBounds:
    """min(top, min T0) <= T <= max(bottom, max T0) + H t, up to a tolerance.

    The maximum principle of the Boussinesq energy equation.
    """

    lowest: float
    highest: float
    heating: float
    tolerance: float

    def check(self, temperature: Array, time: float, step: int, grid: Grid) -> None:
        """Raise RunFailedError where T is not finite or out of bounds."""
        low = self.lowest - self.tolerance
        high = self.highest + self.heating * time + self.tolerance
        worst_low, worst_high = float(np.min(temperature)), float(np.max(temperature))
        if worst_low >= low and worst_high <= high:
            return
        if not np.isfinite(worst_low) or not np.isfinite(worst_high):
            at, what = np.argmin(np.isfinite(temperature)), "T is not finite"
        elif worst_high > high:
            at = np.argmax(temperature)
            what = f"T = {worst_high:.6g} exceeds its physical bound {high:.6g}"
        else:
            at = np.argmin(temperature)
            what = f"T = {worst_low:.6g} falls below its physical bound {low:.6g}"
        j, i = np.unravel_index(at, temperature.shape)
        raise RunFailedError(
            f"step {step}, t = {time:.6g}: {what} at x = {grid.x_cells[i]:.4g}, "
            f"y = {grid.y_cells[j]:.4g}; try a smaller time.courant, a finer grid, or "
            f"--stokes direct. {LAST_CHECKPOINT}"
        )


def _fastest(flow: Flow, grid: Grid) -> tuple[float, float, float]:
    """x, y and speed of the cell that is crossed first."""
    u = np.maximum(np.abs(flow.u[:, :-1]), np.abs(flow.u[:, 1:]))
    v = np.maximum(np.abs(flow.v[:-1]), np.abs(flow.v[1:]))
    j, i = np.unravel_index(np.argmax(u / grid.hx + v / grid.hy), grid.cells)
    return float(grid.x_cells[i]), float(grid.y_cells[j]), float(np.hypot(u[j, i], v[j, i]))
