"""What a closure sees: numbers without units, each of a cell and those next to it.

Nothing in them says how wide a cell is or how large the box, so that one network serves every
grid. Of a mirrored state they are the mirrored features, odd ones with the other sign, bit for bit.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from tellus.solver.grid import Grid

STATE = {
    "T, slope along x": True,
    "T, slope along y": False,
    "T, curvature along x": False,
    "T, curvature along y": False,
    "T, twist": True,
    "range of T": False,
    "log viscosity, slope along x": True,
    "log viscosity, slope along y": False,
    "bottom": False,
    "top": False,
    "side": False,
}
"""Features of T and viscosity, and whether each changes its sign in the mirror."""

FLOW = {
    "cell Peclet number along x": True,
    "cell Peclet number along y": False,
    "direction, x": True,
    "direction, y": False,
    "stretching": False,
    "shear of u": True,
    "shear of v": True,
}
"""Features of the velocity, and whether each changes its sign in the mirror."""

SOFT = 1e-3
"""Differences of T below this are noise."""

WALL_CELLS = 3.0
"""Cells within which the distance to a wall is felt."""


class Seen(NamedTuple):
    """T and the natural logarithm of viscosity at the cells, shape (n, ny, nx)."""

    temperature: Tensor
    log_viscosity: Tensor


def state_features(seen: Seen) -> tuple[list[Tensor], Tensor]:
    """The features `STATE`, shape (n, ny, nx) each, and the range of T around, (n, ny, nx).

    The walls are those of data sets: T is 1 at the bottom, 0 at the top, and no heat passes the
    sides.
    """
    T, C = _beyond(seen.temperature, bottom=1.0, top=0.0), seen.temperature
    west, east, south, north = T[:, 1:-1, :-2], T[:, 1:-1, 2:], T[:, :-2, 1:-1], T[:, 2:, 1:-1]
    highest, lowest = (max_pool2d(sign * T, 3, stride=1) for sign in (1.0, -1.0))
    spread = highest + lowest
    over = 1.0 / (spread + SOFT)
    twist = (T[:, 2:, 2:] + T[:, :-2, :-2]) - (T[:, 2:, :-2] + T[:, :-2, 2:])
    logs = pad(seen.log_viscosity, (1, 1, 1, 1), mode="replicate")
    return [
        (east - west) * over,
        (north - south) * over,
        ((east + west) - 2.0 * C) * over,
        ((north + south) - 2.0 * C) * over,
        twist * over,
        spread / (spread + 0.1),
        _squashed(0.5 * (logs[:, 1:-1, 2:] - logs[:, 1:-1, :-2])),
        _squashed(0.5 * (logs[:, 2:, 1:-1] - logs[:, :-2, 1:-1])),
        *_near_walls(C),
    ], spread


def flow_features(u: Tensor, v: Tensor, grid: Grid) -> list[Tensor]:
    """The features `FLOW`, shape (n, ny, nx) each, of velocities at the faces."""
    across = 0.5 * (u[..., 1:] + u[..., :-1]) * grid.hx
    up = 0.5 * (v[:, 1:] + v[:, :-1]) * grid.hy
    around, above = (pad(part, (1, 1, 1, 1), mode="replicate") for part in (across, up))
    calm = 1.0 / (across.abs() + up.abs() + 1.0)
    return [
        _squashed(across),
        _squashed(up),
        across * calm,
        up * calm,
        (u[..., 1:] - u[..., :-1]) * grid.hx * calm,
        0.5 * (around[:, 2:, 1:-1] - around[:, :-2, 1:-1]) * calm,
        0.5 * (above[:, 1:-1, 2:] - above[:, 1:-1, :-2]) * calm,
    ]


def mirrored(found: Tensor, odd: Iterable[bool]) -> Tensor:
    """The features of the mirrored state, of those that are `odd` or not, (n, channels, ny, nx)."""
    sign = 1.0 - 2.0 * torch.tensor(list(odd), dtype=found.dtype, device=found.device)
    return found.flip(-1) * sign[:, None, None]


def _squashed(values: Tensor) -> Tensor:
    """Linear where small, growing as the fourth root where large."""
    root = torch.sqrt(1.0 + values.abs())
    return 0.5 * values / (root * torch.sqrt(root))


def _beyond(temperature: Tensor, bottom: float, top: float) -> Tensor:
    """T with a cell beyond each wall."""
    below, above = 2.0 * bottom - temperature[:, :1], 2.0 * top - temperature[:, -1:]
    wider = torch.cat([below, temperature, above], dim=1)
    return pad(wider, (1, 1, 0, 0), mode="replicate")


def _near_walls(like: Tensor) -> list[Tensor]:
    """1 beside the bottom, the top and the nearer side, falling to 0 over `WALL_CELLS`."""
    ny, nx = like.shape[-2:]

    def fading(cells: int) -> Tensor:
        away = torch.arange(cells, dtype=like.dtype, device=like.device)
        return torch.clamp(1.0 - away / WALL_CELLS, min=0.0)

    rows, columns = fading(ny), fading(nx)
    sides = torch.maximum(columns, columns.flip(0))
    return [
        rows[:, None].expand_as(like),
        rows.flip(0)[:, None].expand_as(like),
        sides.expand_as(like),
    ]
