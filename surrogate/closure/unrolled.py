"""Steps unrolled with a closure or without one, and their errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from tellus.solver.grid import Grid
from tellus.surrogate.features import face_velocity
from tellus.surrogate.rows import Rows

from .data import Stretches
from .momentum import own_flow, row_errors
from .network import ClosureNetworks
from .transport import TorchTransport

BATCH = 16
"""Stretches at a time where nothing is learned."""

BEYOND = 0.05
"""How far T may leave its range in the truth: the solver keeps it within bounds."""


@dataclass(frozen=True)
class Errors(Rows):
    """Mean squares over the steps of each segment, shape (n, segments).

    `temperature` of T at the cells, `profile` of its horizontal mean, `heat` of the mean heat
    through bottom and top, `within` of T at the quarters of cells where the segment begins; `rows`
    of the velocity in each row over that row's own; 0 where data or settings do not have it.
    """

    temperature: Tensor
    profile: Tensor
    heat: Tensor
    within: Tensor
    rows: Tensor


class UnrolledStep(NamedTuple):
    """A step taken: T after it, (n, ny, nx), heat through bottom and top meanwhile, (n, 2).

    And psi at its start, (n, ny+1, nx+1), where that was solved for.
    """

    temperature: Tensor
    entering: Tensor
    psi: Tensor | None


class Segment(NamedTuple):
    """A segment as it is entered, its errors, (n, 1), and by how much T(y) is off at its end."""

    part: Stretches
    errors: Errors
    gap: Tensor


def followed(
    grid: Grid, each: Stretches, networks: ClosureNetworks | None, own: bool
) -> Iterator[Segment]:
    """Segment after segment, with this closure or with none; `own` as in `unrolled`."""
    now = each.temperature[:, 0]
    for number in range(each.segments):
        part = each.segment(number, now)
        squares, profile, heat, rows = [], [], [], []
        for step, (now, entering, psi) in enumerate(unrolled(grid, part, networks, own)):
            gap = now - part.temperature[:, step + 1]
            squares.append(gap.square().mean(dim=(1, 2)))
            profile.append(gap.mean(dim=2).square().mean(dim=1))
            heat.append((entering - part.wall_heat[:, step]).square().mean(dim=1))
            rows.append(0.0 * heat[0] if psi is None else row_errors(psi, part.psi[:, step]))
        within = torch.zeros_like(heat[0])
        if part.within.numel():
            found = part.guess(grid)
            if networks is not None:
                found = found + networks.detail(part.seen(part.temperature[:, 0]))
            within = (found - part.within[:, 0]).square().mean(dim=(1, 2))
        T, mean, through, flow = (
            torch.stack(one).mean(dim=0) for one in (squares, profile, heat, rows)
        )
        found_errors = Errors(*(one[:, None] for one in (T, mean, through, within, flow)))
        yield Segment(part, found_errors, gap.mean(dim=2))
        now = now.detach()


def errors(grid: Grid, each: Stretches, networks: ClosureNetworks | None, own: bool) -> Errors:
    """`Errors` of stretches of steps taken with a closure, or with none; no gradients."""
    with torch.inference_mode():
        entered = (followed(grid, part, networks, own) for part in each.batches(BATCH))
        found = [Errors.joined([one.errors for one in segments], axis=1) for segments in entered]
        return Errors.joined(found)


def unrolled(
    grid: Grid, each: Stretches, networks: ClosureNetworks | None, own: bool
) -> list[UnrolledStep]:
    """The steps of stretches, with a closure or with none.

    With the velocities of the fine run, or with the `own` ones, which follow from T on this grid
    and are held over a step.
    """
    transport = TorchTransport(grid)
    now, found = each.temperature[:, 0], []
    ends = each.temperature.min() - BEYOND, each.temperature.max() + BEYOND
    for step in range(each.dt.shape[1]):
        viscosity = None if networks is None else networks.viscosity
        psi = own_flow(grid, now, each, viscosity) if own else None
        moments = (each.psi[:, step], each.psi[:, step + 1], each.mean_psi[:, step])
        moving = moments if psi is None else (psi, psi, psi)
        start, end, middle = (face_velocity(one, grid) for one in moving)
        added = None if networks is None else networks.flux(each.seen(now), middle, grid)
        now, (_, along_y) = transport.step(
            now, [start, end, middle], each.dt[:, step], each.heating[:, step], added
        )
        now = now.clamp(*ends)
        entering = torch.stack([along_y[:, 0], along_y[:, -1]], dim=1).mean(dim=2)
        found.append(UnrolledStep(now, entering, psi))
    return found
