"""A symmetric multigrid V-cycle for A psi = b in torch: splines between grids, Chebyshev on each.

Coarse operators are Galerkin ones, with the viscosity of the finest grid in them. The smoother
divides by row sums of |A|, so that no eigenvalue needs to be estimated, and smooths by the
fourth-kind Chebyshev polynomials of Lottes (2023), "Optimal polynomial smoothers for multigrid
V-cycles", whose coefficients are those that make the cycle contract most.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from math import gcd
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.psi.torch_operator import TorchPsiOperator

from .multigrid_stencils import (
    REACH,
    WIDTH,
    Coarsening,
    galerkin_stencils,
    spline_mask,
    wall_share,
)

GAINS = {
    2: (1.00842544782028, 1.08867839208730, 1.33753125909618),
    3: (1.00212930146164, 1.02173711549260, 1.07872433192603, 1.19810065292663, 1.41322542791682),
    5: (
        *(1.00128517255940, 1.01304293035233, 1.04678215124113),
        *(1.11616489419675, 1.23829020218444, 1.43524297106744),
    ),
}
"""Lottes (2023), table 1: coefficients of as many steps as a grid that many times coarser needs.
Fewer or more than three for 2 make a solve slower: iterations to 1e-6 at 256x64 and contrasts of
1e8 / 1e10 are 13 / 20 with two, 9 / 16 with three, 8 / 13 with four."""

COARSEST = 400
"""Unknowns that are solved for directly, by a dense inverse."""

MOST_UNKNOWNS = 2500
"""The most that are where a grid cannot be made coarser."""

FEW = 300_000
"""Entries of stencils up to which all products at once, and one sum over them, are faster."""


class Multigrid:
    """A symmetric positive definite approximation of A^-1 for a batch of viscosities.

    With one viscosity it takes a batch of any number of residuals. Where the coarsest operator is
    not positive definite it hands out NaN.

    Attributes
    ----------
    products : int
        Products with A on the finest grid that one cycle takes.
    """

    def __init__(self, operator: TorchPsiOperator) -> None:
        self._levels: list[_Level] = []
        ratio = Coarsening(1, 1)
        for step in coarsenings(operator.grid):
            product: Callable[[Tensor], Tensor] = operator
            if ratio == (1, 1):
                sums = operator.row_sums()
            else:
                stencils = galerkin_stencils(operator, ratio)
                product, sums = partial(_product, stencils), stencils.abs().sum((1, 2))
            ratio = Coarsening(ratio.y * step.y, ratio.x * step.x)
            transfer = Transfer(step, ratio, operator.no_slip)
            level = _Level(product, sums.reciprocal_(), GAINS[max(step)], transfer)
            self._levels.append(level)
        self.products = 2 * len(self._levels[0].gains) if self._levels else 0
        self._inverse = _inverse(galerkin_stencils(operator, ratio))

    def __call__(self, residual: Tensor) -> Tensor:
        """Nearly A^-1 of a residual, shape (batch, ny-1, nx-1)."""
        return self._cycle(residual, 0)

    def _cycle(self, b: Tensor, depth: int) -> Tensor:
        if depth == len(self._levels):
            return torch.matmul(self._inverse, b.flatten(1).unsqueeze(-1)).view_as(b)
        level = self._levels[depth]
        psi = _smoothing(level, b)
        left = b - level.product(psi)
        psi += level.transfer.prolong(self._cycle(level.transfer.restrict(left), depth + 1))
        return psi.add_(_smoothing(level, b - level.product(psi)))


class _Level(NamedTuple):
    """An operator, the inverse row sums of |A|, how to smooth, and the way to the next grid."""

    product: Callable[[Tensor], Tensor]
    scale: Tensor
    gains: tuple[float, ...]
    transfer: "Transfer"


def _smoothing(level: _Level, residual: Tensor) -> Tensor:
    """What the Chebyshev steps add to psi."""
    step = (level.scale * residual).mul_(4 / 3)
    change = step * level.gains[0]
    for k, gain in enumerate(level.gains[1:], 2):
        residual = residual - level.product(step)
        step.mul_((2 * k - 3) / (2 * k + 1))
        step.addcmul_(level.scale, residual, value=(8 * k - 4) / (2 * k + 1))
        change.add_(step, alpha=gain)
    return change


def _product(stencils: Tensor, psi: Tensor) -> Tensor:
    """The product with 7 x 7 stencils, stored as `galerkin_stencils` returns them."""
    around = pad(psi, (REACH,) * 4)
    batch, row, column = around.stride()
    shape = (psi.shape[0], *stencils.shape[1:])
    windows = around.as_strided(shape, (batch, row, column, row, column))
    if stencils.numel() <= FEW:
        return (stencils * windows).sum((1, 2))
    rows = stencils[:, 0] * windows[:, 0]
    for k in range(1, WIDTH):
        rows.addcmul_(stencils[:, k], windows[:, k])
    return rows.sum(1)


class Transfer:
    """Transfer between a grid and one `step` coarser, which is `ratio` coarser than the finest.

    Fields live on interior nodes: (batch, my-1, mx-1) and (batch, step.y my - 1, step.x mx - 1).
    """

    def __init__(
        self, step: Coarsening, ratio: Coarsening, no_slip: tuple[bool, bool, bool, bool]
    ) -> None:
        self._y = _Line(1, step.y, ratio.y, no_slip[2:])
        self._x = _Line(2, step.x, ratio.x, no_slip[:2])

    def prolong(self, coarse: Tensor) -> Tensor:
        return self._x.prolong(self._y.prolong(coarse))

    def restrict(self, fine: Tensor) -> Tensor:
        return self._y.restrict(self._x.restrict(fine))


class _Line:
    """A `Transfer` along one dimension of the arrays, `dim`, by a factor of `step`.

    A coefficient c_1 inside a wall puts a part of itself on it and beyond it.
    """

    def __init__(self, dim: int, step: int, ratio: int, clamped: tuple[bool, bool]) -> None:
        self.dim, self.step = dim, step
        parts = [(-wall_share(ratio), 1.0) if fast else (0.0, -1.0) for fast in clamped]
        self._walls = ((1, 0, 2, *parts[0]), (-2, -1, -3, *parts[1]))
        mask = spline_mask(step).tolist()
        self._weights = {o - len(mask) // 2: weight for o, weight in enumerate(mask)}

    def prolong(self, coarse: Tensor) -> Tensor:
        """Interpolate m - 1 coefficients along `dim` to step m - 1."""
        if self.step == 1:
            return coarse
        cells = coarse.shape[self.dim] + 1
        nodes = self._padded(coarse, 2)  # from -1 to cells + 1
        for wall, beyond, inside, on_wall, past in self._walls:
            nodes.select(self.dim, beyond).add_(nodes.select(self.dim, inside), alpha=past)
            nodes.select(self.dim, wall).add_(nodes.select(self.dim, inside), alpha=on_wall)
        shape = list(coarse.shape)
        shape[self.dim] = self.step * cells - 1
        fine = coarse.new_empty(shape)
        for phase in range(self.step):
            first = int(phase == 0)
            target = self._every(fine, self.step * first + phase - 1)
            taps = ((j, self._weights.get(phase - self.step * j)) for j in range(-1, 3))
            (j, weight), *others = ((j, weight) for j, weight in taps if weight is not None)
            count = cells - first
            torch.mul(nodes.narrow(self.dim, first + j + 1, count), weight, out=target)
            for j, weight in others:
                target.add_(nodes.narrow(self.dim, first + j + 1, count), alpha=weight)
        return fine

    def restrict(self, fine: Tensor) -> Tensor:
        """The transpose: from step m - 1 to m - 1."""
        if self.step == 1:
            return fine
        cells = (fine.shape[self.dim] + 1) // self.step
        margin = 3 * self.step - 1
        nodes = self._padded(fine, margin)  # zero on the walls and beyond
        length = self.step * (cells + 2) + 1  # from -1 to cells + 1, coarse
        (offset, weight), *others = self._weights.items()
        start = margin - 1 - self.step
        coarse = self._every(nodes.narrow(self.dim, start + offset, length)) * weight
        for offset, weight in others:
            there = self._every(nodes.narrow(self.dim, start + offset, length))
            coarse.add_(there, alpha=weight)
        for wall, beyond, inside, on_wall, past in self._walls:
            at_inside = coarse.select(self.dim, inside)
            at_inside.add_(coarse.select(self.dim, beyond), alpha=past)
            at_inside.add_(coarse.select(self.dim, wall), alpha=on_wall)
        within: Tensor = coarse.narrow(self.dim, 2, cells - 1)
        return within

    def _padded(self, field: Tensor, width: int) -> Tensor:
        return pad(field, (0, 0, width, width) if self.dim == 1 else (width, width))

    def _every(self, field: Tensor, start: int = 0) -> Tensor:
        return field[:, start :: self.step] if self.dim == 1 else field[:, :, start :: self.step]


def coarsenings(grid: Grid) -> list[Coarsening]:
    """How many times coarser each grid is than the one before, until the rest is solved directly.

    Factors are 2, 3 or 5, if possible the same both ways. The direction with much wider cells
    waits for the other one.

    Raises InputError where too many unknowns are left that no such factor divides.
    """
    ny, nx, hy, hx = grid.ny, grid.nx, grid.hy, grid.hx
    steps: list[Coarsening] = []
    while (ny - 1) * (nx - 1) > COARSEST:
        common = _factor(gcd(ny, nx), min(ny, nx))
        y, x = (common, common) if common > 1 else (_factor(ny, ny), _factor(nx, nx))
        if y > 1 and hx > 1.5 * hy:
            x = 1
        elif x > 1 and hy > 1.5 * hx:
            y = 1
        if y == x == 1:
            break
        ny, nx, hy, hx = ny // y, nx // x, hy * y, hx * x
        steps.append(Coarsening(y, x))
    if (ny - 1) * (nx - 1) > MOST_UNKNOWNS:
        raise InputError(
            f"grid.nx, grid.ny: multigrid cannot make a {grid} grid coarser than {nx}x{ny}: choose "
            "numbers of cells that 2, 3 and 5 divide often, or use --stokes direct."
        )
    return steps


def _factor(number: int, cells: int) -> int:
    """The first that divides the number and leaves enough of the cells."""
    return next((f for f in (2, 3, 5) if number % f == 0 and cells // f > REACH), 1)


def _inverse(stencils: Tensor) -> Tensor:
    """Dense inverses, shape (batch, n, n); NaN where there is none."""
    batch, _, _, ny, nx = stencils.shape
    where, source = _dense_pattern(ny, nx, stencils.device)
    dense = stencils.new_zeros((batch, (ny * nx) ** 2))
    dense[:, where] = stencils.flatten(1)[:, source]
    factor, info = torch.linalg.cholesky_ex(dense.view(batch, ny * nx, ny * nx))
    definite = (info == 0)[:, None, None]
    identity = torch.eye(ny * nx, dtype=factor.dtype, device=factor.device)
    inverse = torch.cholesky_inverse(torch.where(definite, factor, identity))
    return torch.where(definite, inverse, torch.nan)


@lru_cache(maxsize=16)
def _dense_pattern(ny: int, nx: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Flat indices of a stencil's entries in the dense matrix, and in the array of stencils."""
    dy, dx, j, i = np.indices((WIDTH, WIDTH, ny, nx)).reshape(4, -1)
    row, other_j, other_i = j * nx + i, j + dy - REACH, i + dx - REACH
    inside = (other_j >= 0) & (other_j < ny) & (other_i >= 0) & (other_i < nx)
    where = row * ny * nx + other_j * nx + other_i
    return (
        torch.from_numpy(where[inside]).to(device),
        torch.from_numpy(np.flatnonzero(inside)).to(device),
    )
