"""Forecasts of an error from measurements of it: in proportion to what has passed since."""

from dataclasses import astuple, dataclass
from typing import Self

import numpy as np

from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import velocity_norm


@dataclass
class ErrorForecast:
    """An error that grows from zero with the path of the flow, and with model time.

    `path` is how far the velocity has moved since the time `start`, step by step and relative
    to itself. `per_path` and `per_time` are the growth rates by the last measurement, infinite
    before the first. The larger of the two forecasts counts: in a flow that stands still or turns
    back the error grows all the same.
    """

    start: float
    path: float = 0.0
    per_path: float = np.inf
    per_time: float = np.inf

    def at(self, time: float) -> float:
        """The error forecast at a model time."""
        ways = ((self.per_path, self.path), (self.per_time, time - self.start))
        return max((rate * way for rate, way in ways if way > 0.0), default=0.0)

    def observe(self, value: float, time: float) -> None:
        """Update the rates from an error that was measured; a small one at most halves them."""
        if self.path > 0.0:
            self.per_path = _learnt(value / self.path, self.per_path)
        if time > self.start:
            self.per_time = _learnt(value / (time - self.start), self.per_time)

    def restarted(self, time: float) -> Self:
        """The forecast from no error at a model time, with the rates known so far."""
        return type(self)(time, 0.0, self.per_path, self.per_time)

    def to_array(self) -> Array:
        """For a checkpoint, shape (4,)."""
        return np.array(astuple(self), dtype=np.float64)

    @classmethod
    def from_array(cls, values: Array) -> Self:
        return cls(*np.asarray(values, dtype=np.float64).tolist())


def _learnt(rate: float, before: float) -> float:
    return max(rate, 0.5 * before) if np.isfinite(before) else rate


def relative_velocity(change: Array, psi: Array, grid: Grid) -> float:
    """The velocity of a change of psi over that of psi; 0 if there is none, even over none."""
    moved, scale = velocity_norm(change, grid), velocity_norm(psi, grid)
    if scale == 0.0:
        return 0.0 if moved == 0.0 else float("inf")
    return moved / scale
