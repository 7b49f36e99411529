"""Choosing time steps and output times, and refusing to go on when the solution is wrong."""

from dataclasses import dataclass

import numpy as np

from tellus.errors import RunFailedError
from tellus.solver.boundaries import FLUX, BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.history import PastFlow
from tellus.solver.limits import POSITIVE, Limits, check_record
from tellus.solver.stokes import Flow


class CollapsedError(RunFailedError):
    """The time step became too short to get anywhere."""


class OutOfBoundsError(RunFailedError):
    """T left its physical range, however short the time step."""


class NotFiniteError(RunFailedError):
    """T holds NaN or infinity, however short the time step."""


NOT_FINITE = "T is not finite"

NO_MOTION = 1e-6
"""Cells that a velocity of rounding size may cross in a step."""

LAST_CHECKPOINT = "The last checkpoint is intact: go on from it with --resume --set ..."


@dataclass(frozen=True)
class Stepping:
    """Limits of the time step, in model time except `courant` and `growth`.

    `courant` bounds dt max(|u|/hx + |v|/hy), `growth` the ratio of a step to
    the one before; a step below `dt_min` ends the run. T may leave its physical
    range by `bounds_tolerance`. Of the step that all this allows `factor` is taken: 0.5 makes
    the twin of a run that shows what its time steps cost.
    """

    courant: float = 1.0
    dt_max: float = 1e-4
    dt_initial: float = 1e-7
    dt_min: float = 1e-12
    growth: float = 1.2
    bounds_tolerance: float = 1e-3
    factor: float = 1.0

    def __post_init__(self) -> None:
        check_record(
            self,
            courant=POSITIVE,
            dt_max=Limits(above=0.0, infinite=True),
            dt_initial=POSITIVE,
            dt_min=POSITIVE,
            growth=Limits(least=1.0),
            bounds_tolerance=Limits(least=0.0, infinite=True),
        )

    def next_dt(self, stable: float, last: float | None) -> float:
        """The step to take, from the stable one and the last one (None before the first)."""
        most = self.factor * min(stable, self.dt_max)
        if last is None:
            return min(most, self.factor * self.dt_initial)
        # Two half steps grow as much as a whole one.
        growth: float = self.growth**self.factor
        return min(most, growth * last)

    def check(self, dt: float, time: float, step: int, flow: Flow, grid: Grid) -> None:
        """Raise CollapsedError where a step is too short to get anywhere.

        Parameters
        ----------
        dt, time : float
            Of the step: its length, and the model time at its start.
        step : int
            Its number, for the message.
        flow : Flow
            The velocity at its start; the message says where it is fastest.
        grid : Grid
        """
        least = max(self.dt_min, float(np.spacing(time)))
        if dt >= least:
            return
        x, y, speed = _fastest(flow, grid)
        raise CollapsedError(
            f"step {step}, t = {time:.6g}: the time step collapsed to {dt:.3g}, below "
            f"the {least:.3g} of time.dt_min; velocities reach {speed:.3g} at x = {x:.4g}, "
            f"y = {y:.4g}: bound the viscosity with rheology.floor, refine the grid, or try "
            f"--stokes direct. {LAST_CHECKPOINT}"
        )


def longest_without_overshoot(before: PastFlow, now: PastFlow, grid: Grid) -> float:
    """The longest dt over which a velocity that dies out may be held.

    Lighter fluid over heavier comes to rest at a rate sigma that has nothing to do with how
    fast it moves, and a velocity held for longer than 1 / sigma carries it beyond; for longer
    than 2 / sigma, farther at every step. The last step measures sigma: psi falls by the
    factor 1 - sigma dt along itself. Infinite where it does not fall, or where it moved
    nothing by more than rounding.
    """
    size = float(np.vdot(before.psi, before.psi))
    fallen = size - float(np.vdot(before.psi, now.psi))
    elapsed = now.time - before.time
    moved = elapsed * float(np.max(np.abs(before.psi))) / (grid.hx * grid.hy)
    return elapsed * size / fallen if fallen > 0.0 and moved > NO_MOTION else float("inf")


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

    @property
    def end_is_extra(self) -> bool:
        """Whether the end is no multiple of `every`, so that a later end would not stop there."""
        return not _alike(self.goal, round(self.goal / self.every) * self.every)

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
    """lowest <= T <= highest + integral of H dt, up to a tolerance.

    The maximum principle of the Boussinesq energy equation between walls of given
    temperature, with `lowest` and `highest` the extremes of walls and initial state. Where it
    does not hold (adiabatic heating, heat flowing through a wall) they are infinite, and only
    `growth` is left: the most that the largest |T| may rise in a step, relative to itself and
    to one.
    """

    lowest: float
    highest: float
    tolerance: float
    growth: float = 0.1

    @classmethod
    def of(
        cls, initial: Array, boundaries: BoundaryConditions, bounded: bool, tolerance: float
    ) -> "TemperatureBounds":
        """Bounds of T for runs from `initial`; `bounded`: nothing but walls and H acts on T."""
        fluxes = [w.value for w in boundaries.walls.values() if w.thermal == FLUX]
        extremes = [float(np.min(initial)), float(np.max(initial)), *boundaries.temperatures]
        return cls(
            min(extremes) if bounded and all(q >= 0 for q in fluxes) else -np.inf,
            max(extremes) if bounded and all(q <= 0 for q in fluxes) else np.inf,
            tolerance,
        )

    def violation(self, temperature: Array, before: Array, heated: float, grid: Grid) -> str | None:
        """What is wrong and where, or None; `heated` is the integral of H since the start."""
        low, high = self.lowest - self.tolerance, self.highest + heated + self.tolerance
        coldest, hottest = float(np.min(temperature)), float(np.max(temperature))
        before_largest = float(np.max(np.abs(before)))
        most = before_largest + self.growth * max(1.0, before_largest)
        if not np.isfinite(coldest) or not np.isfinite(hottest):
            at, what = np.argmin(np.isfinite(temperature)), NOT_FINITE
        elif hottest > high:
            at = np.argmax(temperature)
            what = f"T = {hottest:.6g} exceeds its physical bound {high:.6g}"
        elif coldest < low:
            at = np.argmin(temperature)
            what = f"T = {coldest:.6g} falls below its physical bound {low:.6g}"
        elif max(-coldest, hottest) > most:
            at = np.argmax(np.abs(temperature))
            what = f"|T| grew from {before_largest:.6g} to {max(-coldest, hottest):.6g} in a step"
        else:
            return None
        j, i = np.unravel_index(at, temperature.shape)
        return f"{what} at x = {grid.x_cells[i]:.4g}, y = {grid.y_cells[j]:.4g}"


def _fastest(flow: Flow, grid: Grid) -> tuple[float, float, float]:
    """x, y and speed of the cell that is crossed first."""
    u = np.maximum(np.abs(flow.u[:, :-1]), np.abs(flow.u[:, 1:]))
    v = np.maximum(np.abs(flow.v[:-1]), np.abs(flow.v[1:]))
    j, i = np.unravel_index(np.argmax(u / grid.hx + v / grid.hy), grid.cells)
    return float(grid.x_cells[i]), float(grid.y_cells[j]), float(np.hypot(u[j, i], v[j, i]))
