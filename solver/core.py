"""A well-mixed core under the bottom wall: C dT_b/dt = -q_b, what it loses the mantle gains."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """The core's temperature T_b is that of the bottom wall, and q_b = k (T_b - base).

    Parameters
    ----------
    capacity : float
        C, its heat capacity over that of the mantle.
    cell : float
        hy: the base is the mean of the lowest cells, half a cell above the wall, k = 2 / hy.
    """

    capacity: float
    cell: float

    @property
    def conductance(self) -> float:
        """k."""
        return 2.0 / self.cell

    @property
    def rate(self) -> float:
        """At which T_b follows the base, k / C."""
        return self.conductance / self.capacity

    def flux(self, excess: float, drift: float, dt: float) -> float:
        """q_b over a step of Euler's method, for T_b - base before it and d base/dt but for q_b.

        It is k ((1 - p) e + p e'), with e and e' the excess before and after the step. p = z /
        (1 + z), z = dt k / C, is of the order of dt, so that a scheme which combines such steps
        to second order stays of second order; the excess falls without a swing for any z,
        where diffusion itself does (dt k <= hy); and where e' = e, a core that follows its
        mantle, the flux is that of e, whatever dt.
        """
        z = dt * self.rate
        p = z / (1.0 + z)
        together = p * dt * self.conductance * (1.0 / self.capacity + 1.0 / self.cell)
        return self.conductance * (excess - p * dt * drift) / (1.0 + together)
