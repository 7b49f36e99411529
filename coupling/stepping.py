"""Choosing the time step, and refusing to go on when the solution has gone wrong."""

from dataclasses import dataclass

import numpy as np

from tellus.solver.errors import RunFailedError
from tellus.solver.grid import Array, Grid


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
            "--stokes direct. The last checkpoint is intact: resume it with --resume --set ..."
        )
