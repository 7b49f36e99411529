"""A well-mixed core under the bottom wall: C dT_b/dt = -q_b, what it loses the mantle gains."""

from dataclasses import dataclass

import numpy as np

from .grid import Array


@dataclass(frozen=True)
class Core:
    """The core's temperature T_b is that of the bottom wall, and q_b = k (T_b - base).

    Parameters
    ----------
    capacity : float
        C, its heat capacity over that of the mantle.
    conductance : float
        k, of what lies between the wall and the base.
    shares : tuple of float
        The base is the sum of these times the means of the lowest rows of cells.
    cell : float
        hy, the height of a row.
    """

    capacity: float
    conductance: float
    shares: tuple[float, ...]
    cell: float

    @classmethod
    def under_half_cells(cls, capacity: float, cell: float) -> "Core":
        """One whose base is the lowest row, half a cell above the wall."""
        return cls(capacity, 2.0 / cell, (1.0,), cell)

    @property
    def rate(self) -> float:
        """k / C, the rate at which T_b follows the base, in inverse model time."""
        return self.conductance / self.capacity

    def base(self, cells: Array) -> float:
        """The base of `cells`, T or its rate of change, shape (ny, nx)."""
        rows = zip(self.shares, cells, strict=False)
        return sum(share * float(np.mean(row)) for share, row in rows)

    def implicit(self, given: float, a: float, base: float, gain: float) -> float:
        """T_b with (1 + a r) T_b - a r (base + gain T_b) = given, r the core's rate.

        `base` is that under a wall at zero, and `gain` what a degree of the wall adds to it.
        """
        coupling = a * self.rate
        return (given + coupling * base) / (1.0 + coupling * (1.0 - gain))

    def flux(self, bottom: float, cells: Array, rate: Array, entering: float, dt: float) -> float:
        """q_b over a step of Euler's method.

        It is k ((1 - p) e + p e'), with e and e' the excess T_b - base before and after the step.
        p = z / (1 + z), z = dt k / C, is of the order of dt, so that a scheme which combines such
        steps to second order stays of second order; the excess falls without a swing for any z,
        where diffusion itself does (dt k <= hy); and where e' = e, a core that follows its
        mantle, the flux is that of e, whatever dt.

        Parameters
        ----------
        bottom : float
            T_b before the step.
        cells : array, shape (ny, nx)
            T before the step.
        rate : array, shape (ny, nx)
            dT/dt there, where `entering` comes through the wall.
        entering : float
            A mean flux through the bottom wall into the box.
        dt : float
        """
        excess = bottom - self.base(cells)
        drift = self.base(rate) - entering * self.shares[0] / self.cell
        z = dt * self.rate
        p = z / (1.0 + z)
        together = p * dt * self.conductance
        together *= 1.0 / self.capacity + self.shares[0] / self.cell
        return self.conductance * (excess - p * dt * drift) / (1.0 + together)
