"""What the fields of a data set look like: mean, spread and range, per simulation and per split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii

Statistics = dict[str, Any]

FIELDS = ("temperature", "log10_viscosity", "u", "v")
LARGEST = ("largest_u", "largest_v")


def measure(
    temperature: NDArray[np.float32], psi: Array, law: FrankKamenetskii, grid: Grid
) -> Statistics:
    """Statistics of the snapshots of one simulation.

    Parameters
    ----------
    temperature : array, shape (n, ny, nx)
    psi : array, shape (n, ny+1, nx+1)
    law : FrankKamenetskii
    grid : Grid

    Returns
    -------
    dict
        ``snapshots``, their number; for each of `FIELDS` its ``mean``, ``spread`` (standard
        deviation), ``min`` and ``max``; for each of `LARGEST` the smallest and the largest,
        over the snapshots, of the greatest speed along that axis.
    """
    eta = np.stack([law.viscosity(one.astype(np.float64), grid) for one in temperature])
    u, v = np.diff(psi, axis=1) / grid.hy, -np.diff(psi, axis=2) / grid.hx
    fields = (temperature.astype(np.float64), np.log10(eta), u, v)
    found: Statistics = {"snapshots": len(psi)}
    for name, values in zip(FIELDS, fields, strict=True):
        found[name] = {
            "mean": float(values.mean()),
            "spread": float(values.std()),
            "min": float(values.min()),
            "max": float(values.max()),
        }
    for name, values in zip(LARGEST, (u, v), strict=True):
        largest = np.abs(values).max(axis=(1, 2))
        found[name] = [float(largest.min()), float(largest.max())]
    return found


def pool(parts: Sequence[Statistics]) -> Statistics:
    """The statistics of several simulations together, every snapshot counting alike."""
    counts = np.array([part["snapshots"] for part in parts], dtype=np.float64)
    found: Statistics = {"snapshots": int(counts.sum())}
    for name in FIELDS:
        means, spreads = (np.array([p[name][key] for p in parts]) for key in ("mean", "spread"))
        mean = float(np.average(means, weights=counts))
        variance = float(np.average(spreads**2 + (means - mean) ** 2, weights=counts))
        found[name] = {
            "mean": mean,
            "spread": float(np.sqrt(variance)),
            "min": min(part[name]["min"] for part in parts),
            "max": max(part[name]["max"] for part in parts),
        }
    for name in LARGEST:
        found[name] = [min(p[name][0] for p in parts), max(p[name][1] for p in parts)]
    return found
