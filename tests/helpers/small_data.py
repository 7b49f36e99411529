"""Data sets small enough to train on within a test, as `tellus dataset` lays them out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tellus.config import load_dataset_config
from tellus.coupling.dataset.make import simulate
from tellus.coupling.dataset.sampling import members
from tellus.coupling.dataset.store import write_card
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

GRID = Grid(32, 16, 2.0)
SNAPSHOTS = 5

Member = tuple[str, Mapping[str, float], Mapping[str, np.ndarray]]


def temperature(seed: int, grid: Grid = GRID) -> Array:
    """A cold lid, a hot floor and a few random waves, without any symmetry in x.

    Fields of one seed are alike on all grids.
    """
    random = np.random.default_rng(seed)
    x, y = grid.x_cells / grid.aspect, grid.y_cells[:, None]
    waves = sum(
        random.normal() * np.cos(np.pi * k * x + random.uniform(0, 6.3)) for k in range(1, 5)
    )
    profile = 0.9 - 0.8 * np.exp(-(1 - y) / 0.15) + 0.1 * np.exp(-y / 0.1)
    return np.clip(profile + 0.05 * waves * np.sin(np.pi * y), 0.0, 1.0)


def problem(
    seed: int, gamma_T: float, gamma_p: float, heating: float, grid: Grid = GRID
) -> StokesProblem:
    """As float32 keeps it."""
    kept = temperature(seed, grid).astype(np.float32).astype(np.float64)
    return StokesProblem(grid, kept, FrankKamenetskii(gamma_T, gamma_p), heating=heating)


def arrays_of(problems: Iterable[StokesProblem], **fields: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of a simulation of these snapshots; `fields` are stored beside them."""
    asked = list(problems)
    solver = DirectSolver(asked[0].grid)
    return {
        "temperature": np.stack([p.temperature for p in asked]).astype(np.float32),
        "psi": np.stack([solver.solve(p).psi for p in asked]),
        "even": np.ones(len(asked), dtype=bool),
        **fields,
    }


def parameters(
    gamma_T: float, gamma_p: float, heating: float = 1.0, rayleigh: float = 1.0
) -> dict[str, float]:
    """Those of a simulation, by their names."""
    return {"gamma_T": gamma_T, "gamma_p": gamma_p, "heating": heating, "rayleigh": rayleigh}


def write_dataset(
    root: Path, grid: Grid, members: Iterable[Member], unpacked: bool = False, **more: Any
) -> None:
    """Simulations by split, parameters and arrays, and their card with what `more` it holds.

    As `tellus dataset` leaves them, or `unpacked` as `tellus unpack` does, which is quicker.
    """
    (root / "simulations").mkdir(parents=True, exist_ok=True)
    simulations = []
    for k, (split, values, arrays) in enumerate(members):
        name = f"sim_{k:03d}"
        if unpacked:
            np.savez(root / "simulations" / f"{name}.npz", **arrays)
        else:
            store = zarr.open_group(root / "simulations" / f"{name}.zarr", mode="w")
            for key, array in arrays.items():
                store.create_array(key, data=array)
            store.attrs.update(values)
        snapshots = len(arrays["temperature"])
        simulations.append({"name": name, "split": split, "snapshots": snapshots, **values})
    card = {
        "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
        "boundaries": "free-slip",
        "simulations": simulations,
        "hash": "synthetic",
        **more,
    }
    (root / "card.json").write_text(json.dumps(card))


def make_runs(out: Path, *changes: str) -> Path:
    """A data set of four short runs on 32x16 cells, made in this process."""
    few = ("dataset.train=2", "dataset.validation=1", "dataset.test=1", "dataset.corners=false")
    short = ("grid.nx=32", "grid.ny=16", "dataset.max_steps=60")
    config = load_dataset_config(None, (*few, *short, *changes))
    for member in members(config):
        simulate(config, member, out)
    write_card(config, out)
    return out


def write_still(root: Path) -> Path:
    """A data set of one snapshot of a fluid at rest."""
    arrays = {"temperature": np.ones((1, *GRID.cells), np.float32), "even": np.ones(1, bool)}
    arrays["psi"] = np.zeros((1, *GRID.nodes))
    write_dataset(root, GRID, [("test", parameters(1e3, 1.0), arrays)])
    return root


def waves() -> Iterator[Member]:
    """Eight simulations of `SNAPSHOTS` snapshots on `GRID`, parameters in general position."""
    random = np.random.default_rng(3)
    numbers = np.arange(SNAPSHOTS)
    for k, split in enumerate(["train"] * 5 + ["validation"] * 2 + ["test"]):
        gamma_T, gamma_p = 10 ** random.uniform(6, 8), 10 ** random.uniform(0, 2)
        heating = random.uniform(0, 10)
        problems = [problem(10 * k + n, gamma_T, gamma_p, heating) for n in numbers]
        arrays = arrays_of(problems, step=100 * numbers, time=1e-3 * numbers)
        yield split, parameters(gamma_T, gamma_p, heating), arrays


def pairs_of_snapshots(grid: Grid, splits: Iterable[str], every: int = 1) -> Iterator[Member]:
    """A simulation for each split, two snapshots of each, `every` steps apart."""
    numbers = np.arange(2)
    for k, split in enumerate(splits):
        problems = [problem(10 * k + n, 1e6, 10.0, 1.0, grid) for n in numbers]
        yield (
            split,
            parameters(1e6, 10.0),
            arrays_of(problems, step=every * numbers, time=1e-3 * numbers),
        )
