"""Prolongation by cubic-spline subdivision between two grids, and its transpose."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from .multigrid_stencils import Coarsening, spline_mask, wall_share


class Side(NamedTuple):
    """What a coefficient c_1 inside a wall puts at c_0 on it and at c_-1 beyond it."""

    on_wall: float
    beyond: float

    @classmethod
    def of(cls, clamped: bool, ratio: int) -> "Side":
        """No-slip or free-slip; `ratio` counts cells of the finest grid in a coarse one."""
        return cls(-wall_share(ratio), 1.0) if clamped else cls(0.0, -1.0)


class Transfer:
    """Between a grid and one `step` times coarser, itself `ratio` coarser than the finest.

    Fields live on interior nodes: (batch, my-1, mx-1) and (batch, step.y my - 1, step.x mx - 1).
    """

    def __init__(
        self, step: Coarsening, ratio: Coarsening, no_slip: tuple[bool, bool, bool, bool]
    ) -> None:
        left, right, bottom, top = no_slip
        self._y = _Line(1, step.y, Side.of(bottom, ratio.y), Side.of(top, ratio.y))
        self._x = _Line(2, step.x, Side.of(left, ratio.x), Side.of(right, ratio.x))

    def prolong(self, coarse: Tensor) -> Tensor:
        """P c."""
        return self._x.prolong(self._y.prolong(coarse))

    def restrict(self, fine: Tensor) -> Tensor:
        """P^T r."""
        return self._y.restrict(self._x.restrict(fine))


class _Line:
    """The same along dimension `dim` of the arrays, `step` times coarser."""

    def __init__(self, dim: int, step: int, low: Side, high: Side) -> None:
        self.dim, self.step = dim, step
        self._walls = ((1, 0, 2, low), (-2, -1, -3, high))
        mask = spline_mask(step).tolist()
        self._weights = {o - len(mask) // 2: weight for o, weight in enumerate(mask)}

    def prolong(self, coarse: Tensor) -> Tensor:
        """From m - 1 to step m - 1 coefficients."""
        if self.step == 1:
            return coarse
        cells = coarse.shape[self.dim] + 1
        nodes = self._padded(coarse, 2)  # from -1 to cells + 1
        for wall, beyond, inside, side in self._walls:
            nodes.select(self.dim, beyond).add_(nodes.select(self.dim, inside), alpha=side.beyond)
            nodes.select(self.dim, wall).add_(nodes.select(self.dim, inside), alpha=side.on_wall)
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
        for wall, beyond, inside, side in self._walls:
            at_inside = coarse.select(self.dim, inside)
            at_inside.add_(coarse.select(self.dim, beyond), alpha=side.beyond)
            at_inside.add_(coarse.select(self.dim, wall), alpha=side.on_wall)
        within: Tensor = coarse.narrow(self.dim, 2, cells - 1)
        return within

    def _padded(self, field: Tensor, width: int) -> Tensor:
        return pad(field, (0, 0, width, width) if self.dim == 1 else (width, width))

    def _every(self, field: Tensor, start: int = 0) -> Tensor:
        """Every `step`-th entry."""
        return field[:, start :: self.step] if self.dim == 1 else field[:, :, start :: self.step]
