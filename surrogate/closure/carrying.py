"""States carried over some steps with a closure or without one, and how far from the truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.transport.regridding import regridded
from tellus.surrogate.features import face_velocity
from tellus.surrogate.rows import Rows

from .data import Stretches
from .features import Seen
from .network import ClosureNetworks, FluxNetwork
from .transport import TorchTransport

BATCH = 16
"""Stretches at a time where nothing is learned."""


@dataclass(frozen=True)
class Errors(Rows):
    """Mean squares over the steps of each segment, shape (n, segments).

    `temperature` of T at the cells, `profile` of its horizontal mean, `heat` of the mean heat
    through bottom and top, `within` of T at the quarters of cells where the segment begins; 0
    where the data do not hold it.
    """

    temperature: Tensor
    profile: Tensor
    heat: Tensor
    within: Tensor


def followed(
    grid: Grid, each: Stretches, networks: ClosureNetworks | None
) -> Iterator[tuple[Stretches, Errors]]:
    """Each segment as it is entered, with this closure or with none, and its errors, (n, 1)."""
    now = each.temperature[:, 0]
    flux = None if networks is None else networks.flux
    for number in range(each.segments):
        part = each.segment(number, now)
        squares, profile, heat = [], [], []
        for step, (now, entering) in enumerate(carried(grid, part, flux)):
            gap = now - part.temperature[:, step + 1]
            squares.append(gap.square().mean(dim=(1, 2)))
            profile.append(gap.mean(dim=2).square().mean(dim=1))
            heat.append((entering - part.wall_heat[:, step]).square().mean(dim=1))
        within = torch.zeros_like(heat[0])
        if part.within.numel():
            found = guess(grid, part)
            if networks is not None:
                found = found + networks.detail(seen(part.temperature[:, 0], part))
            within = (found - part.within[:, 0]).square().mean(dim=(1, 2))
        T, mean, through = (torch.stack(one).mean(dim=0) for one in (squares, profile, heat))
        yield part, Errors(*(one[:, None] for one in (T, mean, through, within)))
        now = now.detach()


def errors(grid: Grid, each: Stretches, networks: ClosureNetworks | None) -> Errors:
    """Of stretches carried with this closure, or with none."""
    return beside([found for _, found in followed(grid, each, networks)])


def beside(found: Sequence[Errors]) -> Errors:
    """Those of several segments as one."""
    names = [own.name for own in fields(Errors)]
    return Errors(*(torch.cat([getattr(one, name) for one in found], dim=1) for name in names))


def plain_errors(grid: Grid, each: Stretches) -> Errors:
    """Of all of them without a closure."""
    with torch.inference_mode():
        batches = torch.arange(len(each)).split(BATCH)  # type: ignore[no-untyped-call]
        return Errors.joined([errors(grid, each.select(rows), None) for rows in batches])


def guess(grid: Grid, each: Stretches) -> Tensor:
    """What is known without a closure of T at the quarters of cells where stretches begin."""
    begun, walls = each.temperature[:, 0], BoundaryConditions()
    finer = grid.finer(2)
    found = [regridded(one, grid, finer, walls) for one in begun.detach().cpu().numpy()]
    return torch.from_numpy(np.array(found)).to(begun)


def carried(
    grid: Grid, each: Stretches, network: FluxNetwork | None
) -> list[tuple[Tensor, Tensor]]:
    """T after each step, (n, ny, nx), and the heat through bottom and top meanwhile, (n, 2)."""
    transport = TorchTransport(grid, BoundaryConditions())
    now, found = each.temperature[:, 0], []
    for step in range(each.dt.shape[1]):
        start, end, middle = (
            face_velocity(psi, grid)
            for psi in (each.psi[:, step], each.psi[:, step + 1], each.mean_psi[:, step])
        )
        added = None if network is None else network(seen(now, each), middle, grid)
        now, (_, along_y) = transport.step(
            now, [start, end, middle], each.dt[:, step], each.heating[:, step], added
        )
        found.append((now, torch.stack([along_y[:, 0], along_y[:, -1]], dim=1).mean(dim=2)))
    return found


def seen(temperature: Tensor, each: Stretches) -> Seen:
    """What the closure looks at: the law of data sets is Frank-Kamenetskii's."""
    ny = temperature.shape[1]
    depth = torch.linspace(1.0 - 0.5 / ny, 0.5 / ny, ny).to(temperature)
    of_T, of_p = (each.log_gamma[:, k, None, None] for k in range(2))
    return Seen(temperature, of_p * depth[:, None] - of_T * temperature)
