"""What one predicted velocity, and a set of them, have of errors, and at which wave numbers."""

from dataclasses import dataclass
from math import floor, log10
from typing import Any, Self

import numpy as np

from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, relative_velocity_error, vrms

WALLS = ("left", "right", "bottom", "top")
COMPONENTS = ("u", "v")

NEGLIGIBLE = 1e-20
"""Shares of the reference's power below this are rounding: no error is divided by them."""


@dataclass(frozen=True)
class Score:
    """Errors of one snapshot.

    `vrms` is the rms velocity of the reference, `relative_l2` the error of u and v together.
    `mae` and `relative` are by component, `wall_mae` and `wall_relative` by wall;
    `divergence` holds those of the cells inside, then those of the cells at a wall, as largest
    value and mean square.
    """

    vrms: float
    relative_l2: float
    mae: dict[str, float]
    relative: dict[str, float]
    wall_mae: dict[str, float]
    wall_relative: dict[str, float]
    divergence: dict[str, tuple[float, float]]
    seconds: float

    @classmethod
    def of(cls, flow: Flow, reference: Flow, grid: Grid, seconds: float = 0.0) -> Self:
        """Compare a velocity with its reference, which must not be at rest."""
        speed = vrms(reference, grid)
        gaps = {name: getattr(flow, name) - getattr(reference, name) for name in COMPONENTS}
        u, v = gaps["u"], gaps["v"]
        # The tangential component half a cell from each wall.
        beside = dict(zip(WALLS, (v[:, 0], v[:, -1], u[0], u[-1]), strict=True))
        return cls(
            vrms=speed,
            relative_l2=relative_velocity_error(flow, reference),
            mae={name: float(np.mean(np.abs(gap))) for name, gap in gaps.items()},
            relative={
                name: float(np.linalg.norm(gap) / np.linalg.norm(getattr(reference, name)))
                for name, gap in gaps.items()
            },
            wall_mae={wall: float(np.mean(np.abs(gap))) for wall, gap in beside.items()},
            wall_relative={
                wall: float(np.sqrt(np.mean(gap**2))) / speed for wall, gap in beside.items()
            },
            divergence=divergence(flow, grid),
            seconds=seconds,
        )

    @property
    def both_mae(self) -> float:
        """Mean of the mean absolute errors of u and of v."""
        return 0.5 * (self.mae["u"] + self.mae["v"])

    @property
    def decade(self) -> int:
        """n where the reference's rms velocity lies in 10^n to 10^(n+1)."""
        return floor(log10(self.vrms))


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

    def summary(self) -> dict[str, list[float | None]]:
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


class Scores:
    """Errors of one way to get a velocity, snapshot by snapshot."""

    def __init__(self, odd: bool = False) -> None:
        self.all: list[Score] = []
        self._spectrum = Spectrum(odd)

    def add(self, flow: Flow, reference: Flow, grid: Grid, seconds: float = 0.0) -> Score:
        """Compare one snapshot."""
        score = Score.of(flow, reference, grid, seconds)
        self.all.append(score)
        self._spectrum.add(flow.v, reference.v)
        return score

    @property
    def seconds(self) -> float:
        """Median over snapshots."""
        return float(np.median([score.seconds for score in self.all]))

    def summary(self) -> dict[str, Any]:
        """The figures of the result, plain JSON; see `evaluate`."""
        cells = {}
        for place in ("inside", "walls"):
            largest, squares = zip(*(s.divergence[place] for s in self.all), strict=True)
            cells[place] = {"max": max(largest), "rms": float(np.sqrt(np.mean(squares)))}
        return {
            **errors(self.all),
            "max_divergence": max(part["max"] for part in cells.values()),
            "divergence": cells,
            "walls": {
                wall: float(np.median([s.wall_relative[wall] for s in self.all])) for wall in WALLS
            },
            "wall_mae": {
                wall: float(np.mean([s.wall_mae[wall] for s in self.all])) for wall in WALLS
            },
            "decades": decades(self.all),
            "spectrum": self._spectrum.summary(),
        }


def errors(scores: list[Score]) -> dict[str, Any]:
    """Errors of u and v, together and apart, over some snapshots."""
    return {
        "relative_l2": spread([s.relative_l2 for s in scores]),
        **{
            name: {
                "mae": float(np.mean([s.mae[name] for s in scores])),
                "relative_l2": spread([s.relative[name] for s in scores]),
            }
            for name in COMPONENTS
        },
    }


def decades(scores: list[Score]) -> list[dict[str, Any]]:
    """Errors by the decade of the reference's rms velocity, slowest first."""
    found = sorted({s.decade for s in scores})
    groups = [(n, [s for s in scores if s.decade == n]) for n in found]
    return [
        {"from": 10.0**n, "to": 10.0 ** (n + 1), "snapshots": len(group), **errors(group)}
        for n, group in groups
    ]


def spread(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum."""
    return {
        "median": float(np.median(values)),
        "p95": float(np.percentile(values, 95)),
        "max": float(np.max(values)),
    }


def divergence(flow: Flow, grid: Grid) -> dict[str, tuple[float, float]]:
    """|div u| h / max|u|, h the smaller spacing, as largest value and mean square.

    "inside" are the cells that touch no wall, "walls" those that do.
    """
    found = np.diff(flow.u, axis=1) / grid.hx + np.diff(flow.v, axis=0) / grid.hy
    fastest = max(np.max(np.abs(flow.u)), np.max(np.abs(flow.v)))
    # A flow at rest is free of divergence.
    found *= min(grid.hx, grid.hy) / (fastest or 1.0)
    inside = np.zeros(grid.cells, dtype=bool)
    inside[1:-1, 1:-1] = True
    return {
        name: (float(np.max(np.abs(found[cells]))), float(np.mean(found[cells] ** 2)))
        for name, cells in (("inside", inside), ("walls", ~inside))
    }
