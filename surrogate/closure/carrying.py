"""States carried over some steps with a closure or without one, and how far from the truth."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
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
    """Mean squares over the steps of each stretch, shape (n,).

    `temperature` of T at the cells, `heat` of the mean heat through bottom and top, `within` of T
    at the quarters of cells where the stretch begins; 0 where the data do not hold it.
    """

    temperature: Tensor
    heat: Tensor
    within: Tensor


def errors(grid: Grid, each: Stretches, networks: ClosureNetworks | None) -> Errors:
    """Of stretches carried with this closure, or with none."""
    squares, heat = [], []
    flux = None if networks is None else networks.flux
    for step, (temperature, through) in enumerate(carried(grid, each, flux)):
        squares.append((temperature - each.temperature[:, step + 1]).square().mean(dim=(1, 2)))
        heat.append((through - each.wall_heat[:, step]).square().mean(dim=1))
    within = torch.zeros_like(heat[0])
    if each.within.numel():
        found = each.guess
        if networks is not None:
            found = found + networks.detail(seen(each.temperature[:, 0], each))
        within = (found - each.within).square().mean(dim=(1, 2))
    return Errors(torch.stack(squares).mean(dim=0), torch.stack(heat).mean(dim=0), within)


def plain_errors(grid: Grid, each: Stretches) -> Errors:
    """Of all of them without a closure."""
    with torch.inference_mode():
        batches = torch.arange(len(each)).split(BATCH)  # type: ignore[no-untyped-call]
        return Errors.joined([errors(grid, each.select(rows), None) for rows in batches])


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
