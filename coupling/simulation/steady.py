"""Steady-state detection: has anything moved over a window of model time?"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array
from tellus.solver.limits import POSITIVE, check

WATCHED = ("mean_temperature", "nusselt_top", "nusselt_bottom", "vrms")
STRIDE = 10
"""Steps between two looks; the window is scanned at each."""
FEWEST = 10
"""Looks to go by, however long the steps: the window reaches back further for them."""
AT_REST = 1e-3
"""A smaller quantity says nothing: the flow dies out, or has yet to grow."""
DIED_OUT = 1e-3
"""Share of its largest value since the start below which a quantity need not settle."""
ROUNDING = 1e-9
"""What is smaller never moved; relative changes that are smaller are no growth."""


class SteadyWatch:
    """Says when the watched diagnostics stay within a relative band over a whole window.

    Parameters
    ----------
    tolerance : float
        Largest range over the window, relative to the mean there. What is smaller than
        `AT_REST` must not grow, and has either died out or varies by a thousand times less.
    window : float
        Its length in model time.
    """

    def __init__(self, tolerance: float, window: float) -> None:
        check("SteadyWatch", tolerance=(tolerance, POSITIVE), window=(window, POSITIVE))
        self.tolerance, self.window = tolerance, window
        self._rows: deque[tuple[float, ...]] = deque()
        self._largest = np.zeros(len(WATCHED))

    def add(self, step: int, time: float, values: tuple[float, ...]) -> None:
        """Take note of a step: its model time and the watched diagnostics, in their order."""
        if step % STRIDE:
            return
        self._rows.append((time, *values))
        self._largest = np.maximum(self._largest, np.abs(values))
        # One look at the start of the window or before stays: the rest span all of it.
        while len(self._rows) > FEWEST and self._rows[1][0] <= time - self.window:
            self._rows.popleft()

    @property
    def steady(self) -> bool:
        """Whether a whole window has passed in which nothing moved by more than the tolerance."""
        if len(self._rows) < FEWEST or self._rows[-1][0] - self._rows[0][0] < self.window:
            return False
        values = np.array(self._rows)[:, 1:]
        sizes, moved = np.abs(values), np.ptp(values, axis=0)
        small = np.max(sizes, axis=0) < AT_REST
        band = self.tolerance * np.where(small, AT_REST, 1.0)
        settled = moved <= band * np.abs(np.mean(values, axis=0))
        died_out = np.max(sizes, axis=0) <= np.maximum(DIED_OUT * self._largest, ROUNDING)
        still = settled | small & died_out & (moved <= self.tolerance * AT_REST)
        return bool(np.all(still & ~(small & _growing(sizes))))


def _growing(sizes: Array) -> NDArray[np.bool_]:
    """What is larger in all of the window's second half than ever in its first.

    So grows a perturbation until it convects, for long too small to be seen in heat flow.
    """
    earlier, later = np.array_split(sizes, 2)
    grown: NDArray[np.bool_] = np.min(later, axis=0) > (1.0 + ROUNDING) * np.max(earlier, axis=0)
    return grown
