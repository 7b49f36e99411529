"""Steady-state detection: has anything moved over a window of model time?"""

from collections import deque

import numpy as np

from tellus.solver.limits import POSITIVE, check

WATCHED = ("mean_temperature", "nusselt_top", "nusselt_bottom", "vrms")
STRIDE = 10
"""Steps between two looks; the window is scanned at each."""
FEWEST = 10
"""Looks to go by, however long the steps: the window reaches back further for them."""
AT_REST = 1e-3
"""Below this a quantity counts as zero: what is left of a flow that died out never settles."""


class SteadyWatch:
    """Says when the watched diagnostics stay within a relative band over a whole window.

    Parameters
    ----------
    tolerance : float
        Largest range over the window, relative to the mean there (or to `AT_REST`).
    window : float
        Its length in model time.
    """

    def __init__(self, tolerance: float, window: float) -> None:
        check("SteadyWatch", tolerance=(tolerance, POSITIVE), window=(window, POSITIVE))
        self.tolerance, self.window = tolerance, window
        self._rows: deque[tuple[float, ...]] = deque()

    def add(self, step: int, time: float, values: tuple[float, ...]) -> None:
        """Take note of a step: its model time and the watched diagnostics, in their order."""
        if step % STRIDE:
            return
        self._rows.append((time, *values))
        # One look at the start of the window or before stays: the rest span all of it.
        while len(self._rows) > FEWEST and self._rows[1][0] <= time - self.window:
            self._rows.popleft()

    @property
    def steady(self) -> bool:
        """Whether a whole window has passed in which nothing moved by more than the tolerance."""
        if len(self._rows) < FEWEST or self._rows[-1][0] - self._rows[0][0] < self.window:
            return False
        values = np.array(self._rows)[:, 1:]
        scale = np.maximum(np.abs(np.mean(values, axis=0)), AT_REST)
        return bool(np.all(np.ptp(values, axis=0) <= self.tolerance * scale))
