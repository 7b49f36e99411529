"""A data set small enough to train on within a test, as `tellus dataset` lays it out."""

import json
from pathlib import Path

import numpy as np
import zarr

from tellus.solver.direct.solver import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

GRID = Grid(32, 16, 2.0)
SNAPSHOTS = 5


def temperature(seed: int) -> Array:
    """A cold lid, a hot floor and a few random waves, without any symmetry in x."""
    random = np.random.default_rng(seed)
    x, y = GRID.x_cells / GRID.aspect, GRID.y_cells[:, None]
    waves = sum(
        random.normal() * np.cos(np.pi * k * x + random.uniform(0, 6.3)) for k in range(1, 5)
    )
    profile = 0.9 - 0.8 * np.exp(-(1 - y) / 0.15) + 0.1 * np.exp(-y / 0.1)
    return np.clip(profile + 0.05 * waves * np.sin(np.pi * y), 0.0, 1.0)


def problem(seed: int, gamma_T: float, gamma_p: float, heating: float) -> StokesProblem:
    """As float32 keeps it."""
    kept = temperature(seed).astype(np.float32).astype(np.float64)
    return StokesProblem(GRID, kept, FrankKamenetskii(gamma_T, gamma_p), heating=heating)


def write_dataset(root: Path) -> None:
    """Eight simulations of `SNAPSHOTS` snapshots, parameters in general position."""
    solver, simulations = DirectSolver(GRID), []
    random = np.random.default_rng(3)
    for k, split in enumerate(["train"] * 5 + ["validation"] * 2 + ["test"]):
        gamma_T, gamma_p = 10 ** random.uniform(6, 8), 10 ** random.uniform(0, 2)
        heating = random.uniform(0, 10)
        problems = [problem(10 * k + n, gamma_T, gamma_p, heating) for n in range(SNAPSHOTS)]
        fields = {
            "temperature": np.stack([p.temperature for p in problems]).astype(np.float32),
            "psi": np.stack([solver.stream_function(p) for p in problems]),
            "even": np.ones(SNAPSHOTS, dtype=bool),
            "step": 100 * np.arange(SNAPSHOTS),
            "time": 1e-3 * np.arange(SNAPSHOTS),
        }
        store = zarr.open_group(root / "simulations" / f"sim_{k:03d}.zarr", mode="w")
        for key, values in fields.items():
            store.create_array(key, data=values)
        parameters = {"gamma_T": gamma_T, "gamma_p": gamma_p, "heating": heating, "rayleigh": 1.0}
        entry = {"name": f"sim_{k:03d}", "split": split, "snapshots": SNAPSHOTS}
        simulations.append(entry | parameters)
    card = {
        "grid": {"nx": GRID.nx, "ny": GRID.ny, "aspect": GRID.aspect},
        "boundaries": "free-slip",
        "simulations": simulations,
        "hash": "synthetic",
    }
    (root / "card.json").write_text(json.dumps(card))
