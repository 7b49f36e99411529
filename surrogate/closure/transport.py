"""The step of high-order transport in PyTorch: batches of states, and gradients through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tellus.solver.boundaries import TEMPERATURE, BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.transport.kernels import ALPHA, CROSS, TINY
from tellus.solver.transport.polynomials import REACH, WALL_CELLS, wall_weights
from tellus.solver.transport.step import STAGES
from tellus.surrogate.features import Velocity

ACROSS, UP = 2, 1
"""Axes of x and y in fields of shape (n, ny, nx)."""

WALLS = BoundaryConditions().walls

FaceFluxes = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class TorchTransport:
    """`MeanTransport` and the explicit `MeanStep` of the solver, without limits on T.

    Parameters
    ----------
    grid : Grid
        Between the walls of data sets: T at bottom and top, no heat through the sides.
    """

    grid: Grid

    def step(
        self,
        temperature: Tensor,
        flows: Sequence[Velocity],
        dt: Tensor,
        heating: Tensor,
        added: FaceFluxes | None = None,
    ) -> tuple[Tensor, FaceFluxes]:
        """T after a step of third order, and the mean heat through every face over it.

        Parameters
        ----------
        temperature : tensor, shape (n, ny, nx)
        flows : three of (u, v)
            At the start, the end and the middle of the step: shapes (n, ny, nx+1), (n, ny+1, nx).
        dt, heating : tensor, shape (n,)
            Its length, and what sources bring into every cell.
        added : pair of tensors, optional
            Heat through the faces beside that of the scheme, held over the step.
        """
        dt, heating = (one[:, None, None] for one in (dt, heating))
        now = temperature
        mean = torch.zeros_like(flows[0][0]), torch.zeros_like(flows[0][1])
        for (share, weight), flow in zip(STAGES, flows, strict=True):
            fluxes = self.fluxes(now, *flow)
            if added is not None:
                fluxes = fluxes[0] + added[0], fluxes[1] + added[1]
            stage = now + dt * (heating + self.gain(fluxes))
            now = temperature + share * (stage - temperature)
            mean = mean[0] + weight * fluxes[0], mean[1] + weight * fluxes[1]
        return now, mean

    def gain(self, fluxes: FaceFluxes) -> Tensor:
        """Minus the divergence of the fluxes, shape (n, ny, nx)."""
        along_x, along_y = fluxes
        return -along_x.diff(dim=ACROSS) / self.grid.hx - along_y.diff(dim=UP) / self.grid.hy

    def fluxes(self, temperature: Tensor, u: Tensor, v: Tensor) -> FaceFluxes:
        """Heat through every face, shapes (n, ny, nx+1) and (n, ny+1, nx)."""
        grid = self.grid
        beside, at_sides = self._padded(temperature, ACROSS, ("left", "right"), grid.hx)
        above, at_ends = self._padded(temperature, UP, ("bottom", "top"), grid.hy)
        along_x = _inside(beside, above, u[..., 1:-1], ACROSS, grid.hx)
        along_y = _inside(above, beside, v[:, 1:-1], UP, grid.hy)
        return (
            torch.cat([at_sides[0], along_x, at_sides[1]], dim=ACROSS),
            torch.cat([at_ends[0], along_y, at_ends[1]], dim=UP),
        )

    def _padded(
        self, temperature: Tensor, axis: int, names: tuple[str, str], h: float
    ) -> tuple[Tensor, list[Tensor]]:
        """T with two cells beyond both walls across an axis, and the heat through these walls."""
        beyond, through = [], []
        for end, name in enumerate(names):
            wall, weights = WALLS[name], self._weights[name].to(temperature)
            cells = temperature if end == 0 else temperature.flip(axis)
            near = cells.narrow(axis, 0, WALL_CELLS)
            shape = [1, 1, 1]
            shape[axis] = WALL_CELLS
            first, second, slope = (
                row[0] * wall.value + (near * row[1:].view(shape)).sum(axis, keepdim=True)
                for row in weights
            )
            beyond.append(torch.cat([second, first] if end == 0 else [first, second], dim=axis))
            through.append(-slope / h if end == 0 else slope / h)
        return torch.cat([beyond[0], temperature, beyond[1]], dim=axis), through

    @cached_property
    def _weights(self) -> dict[str, Tensor]:
        return {
            name: torch.as_tensor(wall_weights(wall.thermal == TEMPERATURE))
            for name, wall in WALLS.items()
        }


def _inside(along: Tensor, across: Tensor, speed: Tensor, axis: int, h: float) -> Tensor:
    """Advection and diffusion through the faces inside across an axis.

    `along` has cells beyond the walls at the ends of the axis, `across` at those of the other one.
    """
    faces = speed.shape[axis]
    t = [along.narrow(axis, k, faces) for k in range(2 * REACH + 2)]
    forward = speed > 0.0
    a, b, c, d, e = (torch.where(forward, t[k], t[5 - k]) for k in range(5))
    conducted = (15.0 * (t[3] - t[2]) - (t[4] - t[1])) / (12.0 * h)
    return speed * _face(a, b, c, d, e) - conducted + _products(across, speed, axis) * CROSS


def _products(across: Tensor, speed: Tensor, axis: int) -> Tensor:
    """Twice the difference of the velocity along a face times four times that of T."""
    other = UP if axis == ACROSS else ACROSS
    n = speed.shape[other]
    inner = speed.narrow(other, 2, n - 2) - speed.narrow(other, 0, n - 2)
    first, second, third = (speed.narrow(other, k, 1) for k in range(3))
    last, before, earlier = (speed.narrow(other, n - 1 - k, 1) for k in range(3))
    start, end = 4.0 * second - 3.0 * first - third, 3.0 * last - 4.0 * before + earlier
    slope = torch.cat([start, inner, end], dim=other)
    difference = across.narrow(other, REACH + 1, n) - across.narrow(other, REACH - 1, n)
    faces = speed.shape[axis]
    return slope * (difference.narrow(axis, 0, faces) + difference.narrow(axis, 1, faces))


def _face(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor) -> Tensor:
    """The upwind face mean of MP5, see `tellus.solver.transport.kernels`."""
    step = (2.0 * (a - c) - 13.0 * (b - c) + 27.0 * (d - c) - 3.0 * (e - c)) / 60.0
    off = step * (step - _smaller(d - c, ALPHA * (c - b)))
    before, here, after = a - 2.0 * b + c, b - 2.0 * c + d, c - 2.0 * d + e
    ahead, behind = (
        _smaller(_smaller(4.0 * here - one, 4.0 * one - here), _smaller(here, one))
        for one in (after, before)
    )
    upper = c + ALPHA * (c - b)
    median = 0.5 * (c + d) - 0.5 * ahead
    large = c + 0.5 * (c - b) + 4.0 / 3.0 * behind
    least = torch.maximum(_least(c, d, median), _least(c, upper, large))
    most = torch.minimum(-_least(-c, -d, -median), -_least(-c, -upper, -large))
    face = c + step
    bounded = face + _smaller(least - face, most - face)
    return torch.where(off > TINY, bounded, face)


def _smaller(a: Tensor, b: Tensor) -> Tensor:
    """Minmod."""
    nearer = torch.where(a.abs() < b.abs(), a, b)
    return torch.where(a * b > 0.0, nearer, torch.zeros_like(a))


def _least(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.minimum(torch.minimum(a, b), c)
