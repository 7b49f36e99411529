"""Viscosity laws: temperature and position in, viscosity at the cell centres out."""

from dataclasses import dataclass
from math import log
from typing import Protocol

import numpy as np

from .grid import Array, Grid


class Rheology(Protocol):
    """A viscosity law. A new one needs only this method."""

    def viscosity(self, temperature: Array, grid: Grid) -> Array:
        """Viscosity at the cell centres, shape (ny, nx), from the temperature there."""
        ...


@dataclass(frozen=True)
class FrankKamenetskii:
    """eta = exp(-ln(gamma_T) T + ln(gamma_p) (1 - y)), y = 0 at the bottom.

    The linearised Arrhenius law of Agarwal et al. (2025), section II.

    Parameters
    ----------
    gamma_T : float
        Viscosity contrast due to temperature across T = 0..1, at least 1.
    gamma_p : float
        Viscosity contrast due to pressure across the layer, at least 1.
    floor, ceiling : float, optional
        Smallest and largest viscosity; None leaves that side unbounded.
    """

    gamma_T: float = 1e7
    gamma_p: float = 10.0
    floor: float | None = None
    ceiling: float | None = None

    def viscosity(self, temperature: Array, grid: Grid) -> Array:
        """Viscosity at the cell centres, shape (ny, nx)."""
        exponent = -log(self.gamma_T) * temperature
        exponent += log(self.gamma_p) * (1.0 - grid.y_cells)[:, None]
        eta = np.exp(exponent, out=exponent)
        if self.floor is not None or self.ceiling is not None:
            np.clip(eta, self.floor, self.ceiling, out=eta)
        return eta
