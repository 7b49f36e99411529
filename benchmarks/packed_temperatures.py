"""Temperatures that travel: states of real runs in a small file, for machines that can make none.

Two bytes a cell, evenly spaced between the coldest and the warmest: errors of T are below 1e-5.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellus.errors import InputError
from tellus.io.arrays import read_npz, write_npz
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

LEVELS = 65535


def write(path: Path, grids: Sequence[Grid], sequences: Sequence[Sequence[StokesProblem]]) -> None:
    """Consecutive time steps on each grid, all of one Frank-Kamenetskii law."""
    arrays: dict[str, Array] = {}
    described: dict[str, Any] = {}
    for grid, problems in zip(grids, sequences, strict=True):
        temperature = np.stack([problem.temperature for problem in problems])
        low, high = float(temperature.min()), float(temperature.max())
        codes = np.rint((temperature - low) / ((high - low) or 1.0) * LEVELS)
        arrays[str(grid)] = codes.astype(np.uint16)
        times = [problem.time for problem in problems]
        described[str(grid)] = {"low": low, "high": high, "times": times}
    law = sequences[0][0].rheology
    assert isinstance(law, FrankKamenetskii)
    about = {
        "gamma_T": law.gamma_T,
        "gamma_p": law.gamma_p,
        "rayleigh": sequences[0][0].rayleigh,
        "grids": described,
    }
    write_npz(path, {"about": np.array(json.dumps(about)), **arrays}, compressed=True)


def read(path: Path, grids: Sequence[Grid]) -> tuple[dict[str, Any], list[list[StokesProblem]]]:
    """What the file says of the runs, and for each grid the problems of consecutive time steps.

    Raises InputError where it is missing or damaged, or has no such grid.
    """
    try:
        arrays = read_npz(path)
        about = json.loads(str(arrays["about"]))
        law = FrankKamenetskii(about["gamma_T"], about["gamma_p"])
        kept = about["grids"]
        sequences = [
            [
                StokesProblem(grid, temperature, law, about["rayleigh"], time=time)
                for temperature, time in zip(
                    _temperatures(arrays[str(grid)], kept[str(grid)]),
                    kept[str(grid)]["times"],
                    strict=True,
                )
            ]
            for grid in grids
            if str(grid) in kept
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no temperatures of --write ({error}).") from None
    if missing := [str(grid) for grid in grids if str(grid) not in kept]:
        raise InputError(
            f"{path} has no temperatures of {', '.join(missing)}: name these grids to --write."
        )
    return {key: about[key] for key in ("gamma_T", "gamma_p", "rayleigh")}, sequences


def _temperatures(codes: Array, kept: dict[str, Any]) -> Array:
    low, high = kept["low"], kept["high"]
    temperature: Array = low + (high - low) / LEVELS * codes.astype(np.float64)
    return temperature
