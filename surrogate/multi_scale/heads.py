"""Three ways from a network's answer to velocities, and what each promises about mass.

Each head says where its network looks (`ring`: at the cells, or at the cells and one
row of points more on every side), how many fields the network answers with, and turns
the answer into velocities at the points where it is trained, and on the faces, where
the energy equation wants them. Velocities are in units of the example's velocity scale.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import pad

from tellus.solver.grid import Grid
from tellus.surrogate.features import Velocity, cell_means, face_velocity, unfold

A_BOUND = 10.0
"""Agarwal et al. 2025, section II.3.2: brings the network's answer to about -1..1."""


class Head(ABC):
    """What stands between a network and the solver; by default on the faces, where it ends."""

    ring = False
    outputs = 1
    divergent = False

    @abstractmethod
    def velocity(self, answer: Tensor, grid: Grid) -> Velocity:
        """u and v where the loss compares them."""

    def target(self, u: Tensor, v: Tensor) -> Velocity:
        """Velocities on the faces, brought to the points of `velocity`."""
        return u, v

    def faces(self, answer: Tensor, grid: Grid) -> Velocity:
        """u (n, ny, nx+1) and v (n, ny+1, nx), the normal velocity zero on the walls."""
        return self.velocity(answer, grid)

    def divergence(self, velocity: Velocity, grid: Grid) -> Tensor | None:
        """div u times cell height where the loss asks for it; None where it vanishes anyway."""
        return None


class ExactWalls(Head):
    """psi at the nodes, zero on the walls: no divergence in any cell."""

    def stream_function(self, answer: Tensor, grid: Grid) -> Tensor:
        """psi (n, ny+1, nx+1) of an answer (n, 1, ny, nx)."""
        return unfold(answer[:, 0]) * (A_BOUND * grid.hy)

    def velocity(self, answer: Tensor, grid: Grid) -> Velocity:
        return face_velocity(self.stream_function(answer, grid), grid)


class PaperWalls(Head):
    """A field a without mean, its curl by central differences at the cells.

    The ring of points outside is what central differences at the outermost cells
    need. On the faces the mean of two cells has no divergence away from walls,
    as the two stencils commute; on the walls the normal velocity is set to zero,
    which leaves a divergence in the cells beside them (section II.3.2).
    """

    ring = True
    divergent = True

    def velocity(self, answer: Tensor, grid: Grid) -> Velocity:
        """Velocity at the cells, each component (n, ny, nx)."""
        a = answer[:, 0]
        a = (a - a.mean(dim=(1, 2), keepdim=True)) * (A_BOUND * grid.hy)
        u = (a[:, 2:, 1:-1] - a[:, :-2, 1:-1]) / (2 * grid.hy)
        v = (a[:, 1:-1, 2:] - a[:, 1:-1, :-2]) / (-2 * grid.hx)
        return u, v

    def target(self, u: Tensor, v: Tensor) -> Velocity:
        return cell_means(u, v)

    def faces(self, answer: Tensor, grid: Grid) -> Velocity:
        return faces_from_cells(*self.velocity(answer, grid))

    def divergence(self, velocity: Velocity, grid: Grid) -> Tensor | None:
        """Divergence in the cells beside the walls, (n, 2 (ny + nx))."""
        d = cell_divergence(velocity, grid)
        return torch.cat([d[:, 0], d[:, -1], d[:, :, 0], d[:, :, -1]], dim=1)


class SoftMass(PaperWalls):
    """Velocities at the cells, divergence left to the loss."""

    outputs = 2

    def velocity(self, answer: Tensor, grid: Grid) -> Velocity:
        """Velocity at the cells: the answer without its ring."""
        return answer[:, 0, 1:-1, 1:-1], answer[:, 1, 1:-1, 1:-1]

    def divergence(self, velocity: Velocity, grid: Grid) -> Tensor | None:
        """Divergence in every cell, (n, ny nx)."""
        return cell_divergence(velocity, grid).flatten(1)


def make_head(mass: str, walls: str) -> Head:
    """The head of these settings of `MultiScaleSettings`."""
    if mass == "soft":
        return SoftMass()
    return ExactWalls() if walls == "exact" else PaperWalls()


def faces_from_cells(u: Tensor, v: Tensor) -> Velocity:
    """Cell velocities (n, ny, nx) on the faces; the normal velocity is zero on the walls."""
    across = pad(0.5 * (u[..., 1:] + u[..., :-1]), (1, 1))
    up = pad(0.5 * (v[:, 1:] + v[:, :-1]), (0, 0, 1, 1))
    return across, up


def cell_divergence(velocity: Velocity, grid: Grid) -> Tensor:
    """div u times cell height of cell velocities as the faces see them, (n, ny, nx)."""
    u, v = faces_from_cells(*velocity)
    return torch.diff(u, dim=2) * (grid.hy / grid.hx) + torch.diff(v, dim=1)
