"""Stretches of filtered data: some time steps of a grid, one after another, with the truth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.limits import FEWEST_CELLS
from tellus.solver.transport.regridding import regridded
from tellus.surrogate.data import Dataset, Numbers
from tellus.surrogate.features import face_velocity, square_sum
from tellus.surrogate.rows import Rows

from .features import Seen
from .settings import ClosureSettings

Floats = NDArray[np.floating]


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
    within : Tensor
        Means of T over the quarters of each cell where each segment begins, (n, segments, 2 ny,
        2 nx); none, (n, segments, 0, 0), on the grid of the data.
    log_gamma : Tensor
        ln gamma_T and ln gamma_p, (n, 2).
    rayleigh : Tensor
        Shape (n,).
    simulation : Tensor
        Number of the simulation in its split, (n,).
    """

    temperature: Tensor
    psi: Tensor
    mean_psi: Tensor
    dt: Tensor
    heating: Tensor
    wall_heat: Tensor
    within: Tensor
    log_gamma: Tensor
    rayleigh: Tensor
    simulation: Tensor

    @property
    def segments(self) -> int:
        """Parts of equal length, each of which begins where the one before ended."""
        return self.within.shape[1]

    def segment(self, number: int, temperature: Tensor) -> Self:
        """One segment alone, which begins with `temperature`, (n, ny, nx), not with the truth."""
        steps = self.dt.shape[1] // self.segments
        first, last = number * steps, (number + 1) * steps
        truth = self.temperature[:, first + 1 : last + 1]
        return replace(
            self,
            temperature=torch.cat([temperature[:, None], truth], dim=1),
            psi=self.psi[:, first : last + 1],
            within=self.within[:, number : number + 1],
            **{
                name: getattr(self, name)[:, first:last]
                for name in ("mean_psi", "dt", "heating", "wall_heat")
            },
        )

    def seen(self, temperature: Tensor) -> Seen:
        """What a closure looks at of a T, on any grid: data sets are of Frank-Kamenetskii's law."""
        ny = temperature.shape[1]
        depth = torch.linspace(1.0 - 0.5 / ny, 0.5 / ny, ny).to(temperature)
        of_T, of_p = (self.log_gamma[:, k, None, None] for k in range(2))
        return Seen(temperature, of_p * depth[:, None] - of_T * temperature)

    def guess(self, grid: Grid) -> Tensor:
        """What is known without a closure of T at the quarters of cells where stretches begin."""
        begun, finer, walls = self.temperature[:, 0], grid.finer(2), BoundaryConditions()
        found = [regridded(one, grid, finer, walls) for one in begun.detach().cpu().numpy()]
        return torch.from_numpy(np.array(found)).to(begun)


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
        """The stretches numbered `index`, by grid: the grid, their rows on it, the stretches."""
        first = 0
        for grid, each in self.stretches.items():
            mine = index[(index >= first) & (index < first + len(each))] - first
            if len(mine):
                yield grid, mine, each.select(mine)
            first += len(each)


def load_part(dataset: Dataset, split: str, settings: ClosureSettings) -> Part:
    """The stretches of a split; InputError where it holds none, or no filtered data."""
    if not dataset.grid.of_squares:
        raise InputError(
            f"{dataset.path}: a closure is trained on square cells, not on {dataset.grid} in a box "
            f"of aspect {dataset.grid.aspect:g}: make a data set with grid.nx = aspect grid.ny."
        )
    gathered: dict[Grid, list[Stretches]] = {}
    for number, entry in enumerate(dataset.entries(split)):
        name = str(entry["name"])
        if not dataset.has(name, "first"):
            raise InputError(
                f"{dataset.path} keeps no windows of finer runs: make a data set with "
                'dataset.kind = "filtered" to train a closure on, or, if it is one, make it again.'
            )
        for grid, each in _of_simulation(dataset, entry, number, settings):
            gathered.setdefault(grid, []).append(each)
    if not gathered:
        raise InputError(
            f'{dataset.path}: no sequence of "{split}" is long enough for model.steps = '
            f"{settings.steps}: lower it or model.coarsenings, or keep more windows."
        )
    return Part({grid: Stretches.joined(each) for grid, each in gathered.items()})


def _of_simulation(
    dataset: Dataset, entry: Mapping[str, float], number: int, settings: ClosureSettings
) -> Iterator[tuple[Grid, Stretches]]:
    name, fine = str(entry["name"]), dataset.grid
    moments = dataset.arrays(name, "temperature", "psi", "time")
    windows = dataset.arrays(name, "first", "mean_psi", "along_y", "heated")
    first = windows["first"].astype(np.int64)
    if np.any(first < 0) or np.any(first + 1 >= len(moments["time"])):
        raise InputError(f"{dataset.path}: {name} has windows without moments: make it again.")
    if np.any(moments["time"][first + 1] <= moments["time"][first]):
        raise InputError(f"{dataset.path}: {name} has windows without length: make it again.")
    simulation = _Simulation(
        **moments,
        **{**windows, "first": first},
        rayleigh=float(entry["rayleigh"]),
        log_gamma=[float(np.log(entry[key])) for key in ("gamma_T", "gamma_p")],
        number=number,
    )
    if len(set(settings.coarsenings)) < len(settings.coarsenings):
        raise InputError("model.coarsenings names one of its lengths twice: leave it out.")
    for ratio in settings.coarsenings:
        if min(fine.nx, fine.ny) // ratio < FEWEST_CELLS:
            raise InputError(
                f"model.coarsenings: {ratio} leaves fewer than {FEWEST_CELLS} cells along a side "
                f"of the {fine} of {dataset.path}: leave it out."
            )
        if fine.nx % ratio or fine.ny % ratio:
            raise InputError(
                f"model.coarsenings: {ratio} does not divide the {fine} cells of {dataset.path}: "
                "leave it out."
            )
        found = simulation.stretches(ratio, settings.steps, settings.segments)
        if found is not None:
            yield Grid(fine.nx // ratio, fine.ny // ratio, fine.aspect), found


@dataclass(frozen=True)
class _Simulation:
    """What the data hold of one simulation: moments, and windows from one to the next."""

    temperature: Floats
    psi: Floats
    time: Floats
    first: Numbers
    mean_psi: Floats
    along_y: Floats
    heated: Floats
    log_gamma: list[float]
    rayleigh: float
    number: int

    def stretches(self, ratio: int, steps: int, segments: int) -> Stretches | None:
        """Stretches on the grid whose cells are `ratio` times longer, of as many segments as fit.

        At most `segments` of so many steps, in the longest sequence of windows; None where no
        sequence holds one.
        """
        ends = np.flatnonzero(np.diff(self.first, append=-1) != 1) + 1
        longest = int(np.diff(ends, prepend=0).max(initial=0))
        segments = min(segments, longest // (ratio * steps))
        if not segments:
            return None
        total = segments * steps
        starts = _starts(self.first, ratio * total)
        rows = starts[:, None] + np.arange(ratio * total)
        edges = self.first[starts][:, None] + ratio * np.arange(total + 1)
        dt = np.diff(self.time[edges], axis=1)

        def grouped(values: Floats) -> Floats:
            each: Floats = values[rows]
            return each.reshape(len(starts), total, ratio, *each.shape[2:])

        lengths = grouped(self.time[self.first + 1] - self.time[self.first])
        nodes = slice(None, None, ratio)
        psi = grouped(self.mean_psi[:, nodes, nodes])
        heat = grouped(self.along_y[:, [0, -1]].mean(axis=2, dtype=np.float64)).sum(axis=2)
        begun = edges[:, :-1:steps]
        within = self.temperature[begun.ravel()] if ratio % 2 == 0 else np.zeros((begun.size, 0, 0))
        within = _means(within, ratio // 2) if within.size else within
        return Stretches(
            _single(_means(self.temperature, ratio)[edges]),
            _single(self.psi[:, nodes, nodes][edges]),
            _single(np.einsum("nsr,nsrij->nsij", lengths, psi) / dt[..., None, None]),
            _single(dt),
            _single(grouped(self.heated).sum(axis=2) / dt),
            _single(heat / dt[..., None]),
            _single(within.reshape(*begun.shape, *within.shape[1:])),
            _single(np.tile(self.log_gamma, (len(starts), 1))),
            torch.full((len(starts),), self.rayleigh),
            torch.full((len(starts),), self.number),
        )


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


def _means(fields: NDArray[np.floating], ratio: int) -> NDArray[np.floating]:
    """Means over blocks of `ratio` x `ratio` cells, shape (n, ny / ratio, nx / ratio)."""
    n, ny, nx = fields.shape
    blocks = fields.reshape(n, ny // ratio, ratio, nx // ratio, ratio)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float64))


def _single(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _speeds(grid: Grid, each: Stretches) -> Array:
    squares = square_sum(*face_velocity(each.psi[:, 0].double(), grid))
    return np.asarray(torch.sqrt(squares / (grid.nx * grid.ny)).numpy())
