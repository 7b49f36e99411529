"""Over which wave numbers a velocity error is spread."""

from typing import Any

import numpy as np

from tellus.solver.grid import Array

NEGLIGIBLE = 1e-20
"""Shares of the reference's power below this are rounding: no error is divided by them."""


def power_by_wave_number(values: Array, odd: bool = False) -> Array:
    """Power of each row's cosines (sines where `odd`), summed over rows.

    Parameters
    ----------
    values : array, shape (rows, n)
        At the centres of n cells between two walls.
    odd : bool
        The values vanish on those walls, instead of their derivatives.

    Returns
    -------
    array, shape (n+1,)
        Of cos or sin(pi k x / width), k = 0..n; they add up to the sum of `values` squared.
    """
    from scipy.fft import dct, dst

    amplitudes = (dst if odd else dct)(values, type=2, axis=1, norm="ortho")
    power: Array = np.sum(amplitudes**2, axis=0)
    # Cosines have the numbers 0 to n-1, sines 1 to n.
    return np.pad(power, (1, 0) if odd else (0, 1))


class Spectrum:
    """Error of v by horizontal wave number, as a mean over snapshots.

    Each snapshot counts alike: its powers are divided by the whole power of its reference. Of
    n cells the wave numbers k = 0..n/2 are kept, half waves in the box, down to four cells a wave.

    Parameters
    ----------
    odd : bool
        v vanishes on the side walls (no-slip), instead of dv/dx (free-slip).
    """

    def __init__(self, odd: bool = False) -> None:
        self.odd = odd
        self._error: list[Array] = []
        self._reference: list[Array] = []

    def add(self, v: Array, reference: Array) -> None:
        """One snapshot's v on horizontal faces, shape (ny+1, nx), and that of the reference."""
        kept = v.shape[1] // 2 + 1
        of_reference = power_by_wave_number(reference, self.odd)
        whole = float(np.sum(of_reference))
        self._error.append(power_by_wave_number(v - reference, self.odd)[:kept] / whole)
        self._reference.append(of_reference[:kept] / whole)

    def summary(self) -> dict[str, Any]:
        """Plain JSON: "wave_number", "error", "reference", and "ratio" of error to reference.

        A ratio is None where the reference has nothing.
        """
        error = np.mean(self._error, axis=0).tolist()
        reference = np.mean(self._reference, axis=0).tolist()
        return {
            "wave_number": list(range(len(error))),
            "error": error,
            "reference": reference,
            "ratio": [
                e / r if r > NEGLIGIBLE else None for e, r in zip(error, reference, strict=True)
            ],
        }
