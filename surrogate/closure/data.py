"""Stretches of filtered data: some time steps of a grid, one after another, with the truth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.regridding import regridded
from tellus.surrogate.data import Dataset
from tellus.surrogate.rows import Rows

from .settings import ClosureSettings

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Stretches(Rows):
    """Examples on one grid, a row each, of so many steps.

    Parameters
    ----------
    temperature, psi : Tensor
        At the edges of the steps, shapes (n, steps+1, ny, nx) and (n, steps+1, ny+1, nx+1).
    mean_psi : Tensor
        Over each step, (n, steps, ny+1, nx+1).
    dt, heating : Tensor
        Of each step, (n, steps); sources in temperature per time.
    wall_heat : Tensor
        Through the bottom and the top over each step, means over the walls, (n, steps, 2).
    log_gamma : Tensor
        ln gamma_T and ln gamma_p, (n, 2).
    rayleigh : Tensor
        Shape (n,).
    within, guess : Tensor
        Means over the quarters of each cell where a stretch begins, and what is known of them
        without a closure, (n, 2 ny, 2 nx); none, (n, 0, 0), on the grid of the data.
    """

    temperature: Tensor
    psi: Tensor
    mean_psi: Tensor
    dt: Tensor
    heating: Tensor
    wall_heat: Tensor
    log_gamma: Tensor
    rayleigh: Tensor
    within: Tensor
    guess: Tensor


class Part:
    """The stretches of a split, numbered through its grids.

    `vrms` is the rms velocity of each.
    """

    def __init__(self, stretches: Mapping[Grid, Stretches]) -> None:
        self.stretches = dict(stretches)
        self.vrms: Array = np.concatenate(
            [_speeds(grid, each) for grid, each in self.stretches.items()]
        )

    def __len__(self) -> int:
        return len(self.vrms)

    def chosen(self, index: Tensor) -> Iterator[tuple[Grid, Tensor, Stretches]]:
        """Of each grid that has any, the stretches among those numbered `index` and their rows."""
        first = 0
        for grid, each in self.stretches.items():
            mine = index[(index >= first) & (index < first + len(each))] - first
            if len(mine):
                yield grid, mine, each.select(mine)
            first += len(each)


def load_part(dataset: Dataset, split: str, settings: ClosureSettings) -> Part:
    """The stretches of a split; InputError where it holds none, or no filtered data."""
    gathered: dict[Grid, list[Stretches]] = {}
    for entry in dataset.entries(split):
        name = str(entry["name"])
        if not dataset.has(name, "first"):
            raise InputError(
                f"{dataset.path} keeps no windows of finer runs: make a data set with "
                'dataset.kind = "filtered" to train a closure on.'
            )
        for grid, each in _of_simulation(dataset, entry, settings):
            gathered.setdefault(grid, []).append(each)
    if not gathered:
        raise InputError(
            f'{dataset.path}: no sequence of "{split}" is long enough for model.steps = '
            f"{settings.steps}: lower it or model.coarsenings, or keep more windows."
        )
    return Part({grid: Stretches.joined(each) for grid, each in gathered.items()})


def _of_simulation(
    dataset: Dataset, entry: Mapping[str, float], settings: ClosureSettings
) -> Iterator[tuple[Grid, Stretches]]:
    name, fine = str(entry["name"]), dataset.grid
    moments = dataset.arrays(name, "temperature", "psi", "time")
    windows = dataset.arrays(name, "first", "mean_psi", "along_y", "heated")
    first = windows["first"]
    if np.any(first < 0) or np.any(first.astype(np.int64) + 1 >= len(moments["time"])):
        raise InputError(f"{dataset.path}: {name} has windows without moments: make it again.")
    log_gamma = [np.log(entry[key]) for key in ("gamma_T", "gamma_p")]
    for ratio in settings.coarsenings:
        if fine.nx % ratio or fine.ny % ratio:
            raise InputError(
                f"model.coarsenings: {ratio} does not divide the {fine} cells of {dataset.path}: "
                "leave it out."
            )
        grid = Grid(fine.nx // ratio, fine.ny // ratio, fine.aspect)
        starts = _starts(windows["first"], ratio * settings.steps)
        if len(starts):
            found = _stretches(moments, windows, starts, ratio, settings.steps, log_gamma)
            found = replace(found, rayleigh=float(entry["rayleigh"]) * found.rayleigh)
            yield grid, replace(found, **_within(moments, windows, starts, ratio, grid))


def _starts(first: Numbers, length: int) -> Numbers:
    """Windows with which a stretch of so many begins, none in two of them."""
    found, window = [], 0
    while window + length <= len(first):
        if first[window + length - 1] - first[window] == length - 1:
            found.append(window)
            window += length
        else:
            window += 1
    return np.array(found, dtype=np.int64)


def _stretches(
    moments: Mapping[str, NDArray[np.floating]],
    windows: Mapping[str, NDArray[np.floating]],
    starts: Numbers,
    ratio: int,
    steps: int,
    log_gamma: list[float],
) -> Stretches:
    """Those of one simulation on the grid whose cells are `ratio` times longer."""
    within = starts[:, None] + np.arange(ratio * steps)
    edges = windows["first"][starts].astype(np.int64)[:, None] + ratio * np.arange(steps + 1)
    time, first = moments["time"], windows["first"].astype(np.int64)
    dt = np.diff(time[edges], axis=1)
    lengths = (time[first + 1] - time[first])[within].reshape(len(starts), steps, ratio)
    nodes = slice(None, None, ratio)
    psi = windows["mean_psi"][:, nodes, nodes]
    psi = psi[within].reshape(len(starts), steps, ratio, *psi.shape[1:])
    heat = windows["along_y"][:, [0, -1]].mean(axis=2, dtype=np.float64)

    def summed(values: NDArray[np.floating]) -> Array:
        each = values[within]
        return np.asarray(each.reshape(len(starts), steps, ratio, *each.shape[2:]).sum(axis=2))

    return Stretches(
        _single(_means(moments["temperature"], ratio)[edges]),
        _single(moments["psi"][:, nodes, nodes][edges]),
        _single(np.einsum("nsr,nsrij->nsij", lengths, psi) / dt[..., None, None]),
        _single(dt),
        _single(summed(windows["heated"]) / dt),
        _single(summed(heat) / dt[..., None]),
        _single(np.tile(log_gamma, (len(starts), 1))),
        torch.ones(len(starts)),
        *2 * [torch.zeros(len(starts), 0, 0)],
    )


def _within(
    moments: Mapping[str, NDArray[np.floating]],
    windows: Mapping[str, NDArray[np.floating]],
    starts: Numbers,
    ratio: int,
    grid: Grid,
) -> dict[str, Tensor]:
    """What stretches on this grid know of T within cells, where the data hold it."""
    if ratio % 2:
        return {}
    begun = moments["temperature"][windows["first"][starts]]
    finer, walls = Grid(2 * grid.nx, 2 * grid.ny, grid.aspect), BoundaryConditions()
    guess = [regridded(each, grid, finer, walls) for each in _means(begun, ratio)]
    return {"within": _single(_means(begun, ratio // 2)), "guess": _single(np.array(guess))}


def _means(fields: NDArray[np.floating], ratio: int) -> NDArray[np.floating]:
    """Over blocks of so many cells each way."""
    n, ny, nx = fields.shape
    blocks = fields.reshape(n, ny // ratio, ratio, nx // ratio, ratio)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float64))


def _single(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _speeds(grid: Grid, each: Stretches) -> Array:
    psi = each.psi[:, 0].double()
    u, v = torch.diff(psi, dim=1) / grid.hy, torch.diff(psi, dim=2) / grid.hx
    squares = u.square().sum(dim=(1, 2)) + v.square().sum(dim=(1, 2))
    return np.asarray(torch.sqrt(squares / (grid.nx * grid.ny)).numpy())
