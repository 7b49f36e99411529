"""Snapshots with the base solution of each beside them, which a cache keeps with the data set."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellus.errors import InputError
from tellus.io.arrays import Arrays, Expected, read_npz, write_npz
from tellus.io.whole_file import own_folder
from tellus.solver.coarse import CoarseSolver
from tellus.solver.grid import Array, Grid
from tellus.surrogate.data import Dataset, Snapshots, too_quiet
from tellus.surrogate.features import Inputs, observe
from tellus.surrogate.rows import Rows
from tellus.surrogate.settings import coarsening

log = logging.getLogger("tellus")

CACHE_FORMAT = 1


@dataclass(frozen=True)
class Examples(Rows):
    """Snapshots as the network meets them.

    `target` is the direct psi over the base's rms velocity.
    """

    inputs: Inputs
    target: Tensor
    vrms: Array
    even: NDArray[np.bool_]


def make_base(name: str, grid: Grid) -> CoarseSolver:
    """The base called `name` ("coarse:N") on `grid`; raises InputError for another name."""
    factor = coarsening(name)
    if factor < 1:
        raise InputError(f'base "{name}" is not known: write "coarse:2" or "coarse:4".')
    grid.require(4 * factor, f'base.solver = "{name}"', "name one of a smaller factor")
    return CoarseSolver(grid, factor)


def load_examples(dataset: Dataset, split: str, base: CoarseSolver, quiet_vrms: float) -> Examples:
    """All snapshots of a split with rms velocity of at least `quiet_vrms`, in memory.

    Raises InputError if the split is unknown, damaged, or too quiet.
    """
    found = Examples.joined([_of_one(dataset, s, base) for s in dataset.simulations(split)])
    lively = found.vrms >= quiet_vrms
    if not lively.any():
        raise too_quiet(dataset, split, quiet_vrms)
    return found.select(lively)


def _of_one(dataset: Dataset, simulation: Snapshots, base: CoarseSolver) -> Examples:
    """The snapshots of one simulation, their bases from the cache where it has them."""
    path = dataset.path / "cache" / base.name.replace(":", "-") / f"{simulation.names[0]}.npz"
    key = f"{CACHE_FORMAT} {dataset.card['hash']}"
    cached = _read_cache(path, key, len(simulation), dataset.grid)
    if cached is None:
        cached = _observe_base(simulation, base)
        _write_cache(path, key, cached)
    viscosity = [np.log10(p.viscosity_of_means()).astype(np.float32) for p in simulation.problems()]
    seen = (simulation.temperature, np.stack(viscosity), cached["psi"], cached["residual"])
    target = (simulation.psi / cached["scale"][:, None, None]).astype(np.float32)
    return Examples(
        Inputs(*map(torch.from_numpy, seen)),
        torch.from_numpy(target),
        simulation.vrms,
        simulation.even,
    )


def _observe_base(simulation: Snapshots, base: CoarseSolver) -> Arrays:
    """psi and residual of the base, scaled, and the scales."""
    from tellus.solver.psi.operator import PsiOperator

    operator = PsiOperator(simulation.grid)
    rows = []
    for problem in simulation.problems():
        seen, scale = observe(problem, base.stream_function(problem), operator)
        rows.append((seen["psi"].astype(np.float32), seen["residual"].astype(np.float32), scale))
    names = ("psi", "residual", "scale")
    return {name: np.array(part) for name, part in zip(names, zip(*rows, strict=True), strict=True)}


def _read_cache(path: Path, key: str, snapshots: int, grid: Grid) -> Arrays | None:
    """What `_write_cache` wrote for the same data, else None."""
    nodes = Expected((snapshots, *grid.nodes))
    expected = {"psi": nodes, "residual": nodes, "scale": Expected((snapshots,))}
    try:
        arrays = read_npz(path, expected | {"key": Expected((), "U")})
    except (OSError, ValueError):
        return None
    return arrays if str(arrays.pop("key")) == key else None


def _write_cache(path: Path, key: str, values: Arrays) -> None:
    """Best effort: a full or read-only disk costs the next training the time, not this one."""
    try:
        own_folder(own_folder(path.parent.parent) / path.parent.name)
        write_npz(path, {"key": np.array(key), **values})
    except (OSError, InputError) as error:
        log.warning("%s: base solutions could not be kept for the next training: %s", path, error)
