"""Galerkin coarse operators P^T A P for cubic-spline prolongation, as 7 x 7 stencils.

P subdivides cubic B-splines, so that the columns of all levels together span nested spaces of
tensor-product splines, and the operator of every level comes straight from the viscosity of the
finest. Its entries are sums over the box of weights times products of two functions that are
themselves products of one in x and one in y: a strided convolution along x, then one along y.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from tellus.solver.grid import Array
from tellus.solver.psi.torch_operator import TorchPsiOperator

REACH = 3
"""Coarse nodes to which a coarse operator reaches, in either direction."""

WIDTH = 2 * REACH + 1


class Coarsening(NamedTuple):
    """Cells of the finest grid in one coarse cell, along y and x."""

    y: int
    x: int


def spline_mask(ratio: int) -> Array:
    """A cubic B-spline's coefficients on a grid `ratio` times finer: 4 ratio - 3 numbers."""
    mask = np.ones(1)
    for _ in range(4):
        mask = np.convolve(mask, np.ones(ratio))
    return mask / ratio**3


def wall_share(ratio: int) -> float:
    """How much of the first coefficient inside a no-slip wall the one on it takes back.

    With c_-1 = c_1 the normal derivative vanishes on the wall, with c_0 = -share c_1 psi does.
    """
    mask = spline_mask(ratio)
    on_wall = len(mask) // 2
    return float(2.0 * mask[on_wall + ratio] / mask[on_wall]) if ratio > 1 else 0.0


def galerkin_stencils(operator: TorchPsiOperator, ratio: Coarsening) -> Tensor:
    """P^T A P on a grid `ratio` coarser, shape (batch, 7, 7, ny/ratio - 1, nx/ratio - 1).

    Element [b, 3 + dy, 3 + dx, j, i] couples the interior node (j, i) with (j + dy, i + dx).
    The number of coarse cells must be at least 4 either way.
    """
    grid, device = operator.grid, operator.cell_weights.device
    spacing = (grid.hy, grid.hx)
    cells, nodes = operator.cell_weights, operator.node_weights
    on_cells, at_nodes = _taps(ratio, spacing, device)
    half = _half_stencils(cells, ratio, on_cells, on_nodes=False)
    half += _half_stencils(nodes, ratio, at_nodes, on_nodes=True)
    stencils = _whole(half)
    left, right, bottom, top = operator.no_slip
    along_x = stencils.transpose(1, 2).transpose(3, 4)
    for view, share, walls in (
        (stencils, wall_share(ratio.y), (bottom, top)),
        (along_x, wall_share(ratio.x), (left, right)),
    ):
        for clamped, low in zip(walls, (True, False), strict=True):
            _fold_wall(view, low, clamped, share)
    return stencils[:, :, :, 1:-1, 1:-1].contiguous()


class _Taps(NamedTuple):
    """Weights of the two convolutions.

    Those along x come as one tensor of shape (pairs, 1, 1, taps), those along y as one of shape
    (7, families, taps, 1) for each distance 0..3 in x; families whose product vanishes at that
    distance are left out.
    """

    x: Tensor
    y: list[Tensor]


@lru_cache(maxsize=64)
def _taps(
    ratio: Coarsening, spacing: tuple[float, float], device: torch.device
) -> tuple[_Taps, _Taps]:
    """Weights of coarse psi in psi_xy at the cells, and in psi_yy - psi_xx at the nodes.

    The one is a product of two first differences, each from node to node over a cell, the other
    four products of a second difference and a value.
    """
    (py, dy, qy), (px, dx, qx) = (
        (np.pad(mask, 1), np.diff(np.pad(mask, 1)), np.diff(np.pad(mask, 2), n=2) / h**2)
        for mask, h in zip(map(spline_mask, ratio), spacing, strict=True)
    )
    along_x = [(px, px), (px, qx), (qx, px), (qx, qx)]
    along_y = [(qy, qy, 1.0), (qy, py, -1.0), (py, qy, -1.0), (py, py, 1.0)]
    return (
        _products([(dx, dx)], [(dy, dy, 1.0)], ratio, device),
        _products(along_x, along_y, ratio, device),
    )


def _products(
    along_x: list[tuple[Array, Array]],
    along_y: list[tuple[Array, Array, float]],
    ratio: Coarsening,
    device: torch.device,
) -> _Taps:
    x: list[Array] = []
    y: list[Tensor] = []
    for dx in range(REACH + 1):
        products = [_shifted_product(a, b, dx * ratio.x) for a, b in along_x]
        kept = [k for k, product in enumerate(products) if np.any(product)]
        x += [products[k] for k in kept]
        weights = np.array(
            [
                [sign * _shifted_product(a, b, dy * ratio.y) for a, b, sign in along_y]
                for dy in range(-REACH, REACH + 1)
            ]
        )
        y.append(torch.from_numpy(weights[:, kept, :, None]).to(device))
    return _Taps(torch.from_numpy(np.array(x)[:, None, None]).to(device), y)


def _shifted_product(a: Array, b: Array, shift: int) -> Array:
    """a[o] b[o - shift], zero where one of them ends."""
    before, after = max(shift, 0), max(-shift, 0)
    product: Array = a * np.pad(b, (before, after))[after : after + b.size]
    return product


def _half_stencils(weights: Tensor, ratio: Coarsening, taps: _Taps, on_nodes: bool) -> Tensor:
    """Entries for dx = 0..3 and dy = -3..3, shape (batch, 4, 7, ny/ratio + 1, nx/ratio + 4).

    At all coarse nodes and three more beyond the left wall; the box is mirrored at its walls.
    """
    sizes = [size - int(on_nodes) for size in weights.shape[1:]]
    beyond = weights
    for dim, (size, r, more) in enumerate(zip(sizes, ratio, (0, REACH), strict=True), 1):
        beyond = beyond.index_select(dim, _mirrored(size, r, more, on_nodes, weights.device))
    pairs = conv2d(beyond[:, None], taps.x, stride=(1, ratio.x))
    families = torch.split(pairs, [y.shape[1] for y in taps.y], dim=1)
    my, mx = (size // r for size, r in zip(sizes, ratio, strict=True))
    half = weights.new_zeros((weights.shape[0], REACH + 1, WIDTH, my + 1, mx + REACH + 1))
    for dx, (family, along_y) in enumerate(zip(families, taps.y, strict=True)):
        if along_y.shape[1] > 0:
            half[:, dx] = conv2d(family, along_y, stride=(ratio.y, 1))
    return half


@lru_cache(maxsize=64)
def _mirrored(size: int, ratio: int, more: int, on_nodes: bool, device: torch.device) -> Tensor:
    """Indices of a convolution's input, mirrored at walls; it begins `more` coarse nodes early."""
    support = 2 * ratio - 1
    wanted = np.arange(-more * ratio - support, size + support + int(on_nodes)) % (2 * size)
    image = 2 * size - int(not on_nodes) - wanted
    return torch.from_numpy(np.where(wanted >= size + int(on_nodes), image, wanted)).to(device)


def _whole(half: Tensor) -> Tensor:
    """All 7 x 7 entries at the coarse nodes, walls included, by symmetry and by mirroring in y."""
    batch, _, _, rows, columns = half.shape
    columns -= REACH
    whole = half.new_empty((batch, WIDTH, WIDTH, rows, columns))
    whole[:, :, REACH:] = half[..., REACH:].transpose(1, 2)
    for dx in range(-REACH, 0):
        for dy in range(-REACH, REACH + 1):
            entry = whole[:, REACH + dy, REACH + dx]
            there = half[:, -dx, :, :, REACH + dx : REACH + dx + columns]
            low, high = max(-dy, 0), rows - max(dy, 0)
            entry[:, low:high] = there[:, REACH - dy, low + dy : high + dy]
            for row in (*range(low), *range(high, rows)):
                mirrored = abs(row + dy) if row < low else 2 * (rows - 1) - row - dy
                entry[:, row] = there[:, REACH + dy, mirrored]
    return whole


def _fold_wall(stencils: Tensor, low: bool, clamped: bool, share: float) -> None:
    """Express nodes on and beyond a wall across y by those inside, in place.

    Mirrored coefficients are c_-k = -c_k at a free-slip wall, where c_0 = 0, and c_-k = c_k at
    a no-slip one, where c_0 is a `share` of -c_1.
    """

    def at(row: int, offset: int) -> Tensor:
        side = 1 if low else -1
        return stencils[:, REACH + side * offset, :, row if low else -1 - row]

    for row in range(REACH):
        for beyond in range(1, REACH - row + 1):
            ghost = at(row, -row - beyond)
            at(row, beyond - row).add_(ghost, alpha=1.0 if clamped else -1.0)
            ghost.zero_()
    for row in range(REACH + 1):
        wall = at(row, -row)
        if clamped:
            at(row, 1 - row).sub_(wall, alpha=share)
        wall.zero_()
    if clamped:
        for column in range(1, REACH + 1):
            at(1, column - 1).sub_(at(0, column), alpha=0.5 * share)
