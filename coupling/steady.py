"""Steady-state detection: has anything moved over a window of model time?"""

from collections import deque

import numpy as np

WATCHED = ("mean_temperature", "nusselt_top", "nusselt_bottom", "vrms")
STRIDE = 10
"""Steps between two looks; the window is scanned at each."""


class SteadyWatch:
    """Says when the watched diagnostics stay within a relative band over a whole window.

    Parameters
    ----------
    tolerance : float
        Largest range over the window, relative to the mean there (or to 1e-12 at rest).
    window : float
        Its length in model time.
    """

    def __init__(self, tolerance: float, window: float) -> None:
        self.tolerance, self.window = tolerance, window
        self._rows: deque[tuple[float, ...]] = deque()
        self._covered = False

    def add(self, step: int, time: float, values: tuple[float, ...]) -> None:
        """Take note of a step: its model time and the watched diagnostics, in their order."""
        if step % STRIDE:
            return
        self._rows.append((time, *values))
        while self._rows[0][0] < time - self.window:
            self._rows.popleft()
            self._covered = True

    @property
    def steady(self) -> bool:
        """Whether a whole window has passed in which nothing moved by more than the tolerance."""
        if not self._covered:
            return False
        values = np.array(self._rows)[:, 1:]
        scale = np.maximum(np.abs(np.mean(values, axis=0)), 1e-12)
        return bool(np.all(np.ptp(values, axis=0) <= self.tolerance * scale))
