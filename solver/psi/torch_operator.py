"""The stream-function operator in torch: matrix-free, a batch of viscosities at a time."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid

from .matrix import upper_entries, weigh_walls


class TorchPsiOperator:
    """The operator A of `PsiOperator` on any device, for many independent viscosities at once.

    A adds up the dissipation of two strain rates: psi_xy at the cells, weighted by
    4 eta / (hx hy), and psi_yy - psi_xx at the nodes, weighted by hx hy eta with the geometric
    mean of four cells. Walls are mirrors of the viscosity. At free-slip walls the shear rate
    vanishes, and so does its weight; at no-slip walls it is 2 psi_1 / h^2 over half a cell.

    Parameters
    ----------
    grid : Grid
    boundaries : BoundaryConditions
    viscosity : Tensor
        At the cells, shape (batch, ny, nx), or (batch, 2, ny, nx) to stretching and to shear;
        float64. Results live on its device.

    Attributes
    ----------
    cell_weights : Tensor
        Shape (batch, ny, nx).
    node_weights : Tensor
        hx hy eta at all nodes, the box being mirrored at its walls; shape (batch, ny+1, nx+1).

    Stream functions, and what becomes of them, are given at the interior nodes, shape (batch,
    ny-1, nx-1).
    """

    def __init__(self, grid: Grid, boundaries: BoundaryConditions, viscosity: Tensor) -> None:
        self.grid, self.no_slip = grid, boundaries.no_slip
        both = (viscosity, viscosity) if viscosity.dim() == 3 else viscosity.unbind(1)
        to_stretching, to_shear = both
        self.cell_weights = (4.0 / (grid.hx * grid.hy)) * to_stretching
        self.node_weights = (grid.hx * grid.hy) * _node_means(to_shear)
        self._squared = (grid.hy / grid.hx) ** 2
        self._centre = 2.0 - 2.0 * self._squared
        # The shear rate is taken without its factor 1 / hy^2, which is here instead.
        self._shear = self._bounded(self.node_weights) / grid.hy**4

    def entries(self) -> Tensor:
        """The entries of A at the places of `UpperPattern(ny, nx)`, shape (batch, unknowns, 7)."""
        p, q = 1.0 / self.grid.hx**2, 1.0 / self.grid.hy**2
        nodes = self._bounded(self.node_weights)
        of_each = (
            torch.stack(upper_entries(*weights, p, q), dim=-1).flatten(0, 1)
            for weights in zip(self.cell_weights, nodes, strict=True)
        )
        return torch.stack(list(of_each))

    def _bounded(self, weights: Tensor) -> Tensor:
        """The weights of the shear rate of a psi that is zero on the walls and beyond them."""
        walls = weights.clone()
        weigh_walls(walls, self.no_slip)
        return walls

    def __call__(self, psi: Tensor) -> Tensor:
        beyond = pad(psi, (2, 2, 2, 2))
        nodes = beyond[:, 1:-1, 1:-1]
        normal = _across(nodes).mul_(self.cell_weights)
        shear = beyond[:, 1:-1, 2:] + beyond[:, 1:-1, :-2]
        if self._squared != 1.0:
            shear.mul_(self._squared).add_(nodes, alpha=self._centre)
        shear.sub_(beyond[:, 2:, 1:-1]).sub_(beyond[:, :-2, 1:-1]).mul_(self._shear)
        product = _across(normal)
        product.add_(shear[:, 1:-1, 2:], alpha=self._squared)
        product.add_(shear[:, 1:-1, :-2], alpha=self._squared)
        product.sub_(shear[:, 2:, 1:-1]).sub_(shear[:, :-2, 1:-1])
        if self._centre != 0.0:
            product.add_(shear[:, 1:-1, 1:-1], alpha=self._centre)
        return product

    def diagonal(self) -> Tensor:
        cells, shear = self.cell_weights, self._shear
        corners = cells[:, 1:] + cells[:, :-1]
        own = corners[:, :, 1:] + corners[:, :, :-1]
        own.add_(shear[:, 1:-1, 1:-1], alpha=self._centre**2)
        return own.add_(self._reach())

    def _reach(self) -> Tensor:
        """Entries of A at two nodes' distance, summed over the four directions."""
        shear = self._shear
        along_x = (shear[:, 1:-1, 2:] + shear[:, 1:-1, :-2]).mul_(self._squared**2)
        return along_x.add_(shear[:, 2:, 1:-1]).add_(shear[:, :-2, 1:-1])

    def row_sums(self) -> Tensor:
        """An upper bound of sum_j |A_ij|, exact away from the walls; shape (batch, ny-1, nx-1)."""
        cells, shear, squared = self.cell_weights, self._shear, self._squared
        row, column = shear[:, 1:-1], shear[:, :, 1:-1]
        along_x = (row[:, :, 1:] + row[:, :, :-1]).mul_(self._centre * squared)
        along_x.sub_(cells[:, 1:]).sub_(cells[:, :-1]).abs_()
        along_y = (column[:, 1:] + column[:, :-1]).mul_(-self._centre)
        along_y.sub_(cells[:, :, 1:]).sub_(cells[:, :, :-1]).abs_()
        rising = cells - squared * (shear[:, :-1, 1:] + shear[:, 1:, :-1])
        falling = cells - squared * (shear[:, :-1, :-1] + shear[:, 1:, 1:])
        sums = self.diagonal().add_(self._reach())
        for ahead, behind in (
            (along_x[:, :, 1:], along_x[:, :, :-1]),
            (along_y[:, 1:], along_y[:, :-1]),
            (rising.abs_()[:, 1:, 1:], rising[:, :-1, :-1]),
            (falling.abs_()[:, 1:, :-1], falling[:, :-1, 1:]),
        ):
            sums.add_(ahead).add_(behind)
        return sums

    def speed(self, psi: Tensor) -> Tensor:
        """Root of the sum of u^2 + v^2 over all faces, shape (batch, 1, 1)."""
        nodes = pad(psi, (1, 1, 1, 1))
        u = (nodes[:, 1:] - nodes[:, :-1]).div_(self.grid.hy)
        v = (nodes[:, :, 1:] - nodes[:, :, :-1]).div_(self.grid.hx)
        return (inner(u, u) + inner(v, v)).sqrt_()


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Scalar products of two batches of fields, shape (batch, 1, 1)."""
    return (a * b).sum((1, 2), keepdim=True)


def buoyancy(grid: Grid, temperature: Tensor, rayleigh: float | Tensor) -> Tensor:
    """b of the forces Ra T e_y, shape (batch, ny-1, nx-1); temperature is (batch, ny, nx).

    One Rayleigh number for all, or one each, shape (batch, 1, 1).
    """
    on_v_faces = 0.5 * (temperature[:, 1:] + temperature[:, :-1])
    return (on_v_faces[:, :, 1:] - on_v_faces[:, :, :-1]) * (rayleigh * grid.hy)


def one_of_a_batch(array: Array, device: str) -> Tensor:
    """A field of any shape (...) as a batch (1, ...) of float64, on a device."""
    return torch.as_tensor(np.ascontiguousarray(array, float), device=device)[None]


def _across(nodes: Tensor) -> Tensor:
    """Second mixed difference, on what lies between."""
    along_y = nodes[:, 1:] - nodes[:, :-1]
    return along_y[:, :, 1:] - along_y[:, :, :-1]


def _node_means(viscosity: Tensor) -> Tensor:
    """Geometric means of the four cells around each node, the box being mirrored at its walls."""
    beyond = pad(viscosity[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    along_x = (beyond[:, :, 1:] * beyond[:, :, :-1]).sqrt_()
    return (along_x[:, 1:] * along_x[:, :-1]).sqrt_()
