"""What the network sees, and how its answer becomes a stream function.

Everything the network sees lies at the nx x ny cells. Cell quantities are there
already; velocities are averaged from the two faces of the cell; a node quantity
goes to the cell above and to the right of it (`fold`), which leaves out the top
row and the right column of nodes: walls, where psi and its correction vanish.
The network's answer, one value per cell, goes back the same way (`unfold`), with
zero on all four walls. Interior nodes, of which there are (ny-1)(nx-1), are those
of the cells outside row 0 and column 0.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import StokesProblem, rms_velocity, velocity

from .rows import Rows

if TYPE_CHECKING:
    from tellus.solver.psi.operator import PsiOperator

Velocity = tuple[Tensor, Tensor]
"""u and v, in the same places for a prediction as for the truth."""

RESIDUAL_UNIT = 1e-4
"""Scaled residuals span decades: shown as sign(r) log(1 + |r| / RESIDUAL_UNIT)."""


@dataclass(frozen=True)
class Inputs(Rows):
    """One or many problems with their base solutions, float32, a leading axis of examples.

    Parameters
    ----------
    temperature, log_viscosity : Tensor
        T and log10 of viscosity at the cells, shape (n, ny, nx).
    psi : Tensor
        The base over its own rms velocity, at the nodes, shape (n, ny+1, nx+1).
    residual : Tensor
        (b - A psi) / diag(A) over rms velocity and cell height, at the nodes.
    """

    temperature: Tensor
    log_viscosity: Tensor
    psi: Tensor
    residual: Tensor

    def mirrored(self, which: Tensor) -> "Inputs":
        """Examples marked in `which`, shape (n,), reflected in x: psi changes its sign."""
        return Inputs(
            reflect(self.temperature, which),
            reflect(self.log_viscosity, which),
            reflect(self.psi, which, sign=-1.0),
            reflect(self.residual, which, sign=-1.0),
        )

    def with_mirror_image(self) -> "Inputs":
        """The examples, followed by their reflections in x."""
        images = self.mirrored(torch.ones(len(self.temperature), dtype=torch.bool))
        return Inputs.joined([self, images])


def reflect(values: Tensor, which: Tensor, sign: float = 1.0) -> Tensor:
    """Examples marked in `which` with x reversed and multiplied by `sign`."""
    return torch.where(which[:, None, None], sign * values.flip(-1), values)


def observe(
    problem: StokesProblem, psi: Array, operator: "PsiOperator | None"
) -> tuple[dict[str, Array], float]:
    """The fields of `Inputs` of one problem, in float64, and the rms velocity of its base.

    Without an operator the residual, where the network is not shown it, is left
    at zero. A base at rest has scale 1: there is nothing to be scaled by.
    """
    grid = problem.grid
    scale = rms_velocity(*velocity(psi, grid), grid) or 1.0
    viscosity = problem.viscosity_of_means()
    if operator is None:
        residual = np.zeros(grid.nodes)
    else:
        residual = operator.right_hand_side(problem.temperature, problem.rayleigh)
        residual -= operator.apply(viscosity, psi)
        residual[1:-1, 1:-1] /= operator.diagonal(viscosity)[1:-1, 1:-1] * (scale * grid.hy)
    return {
        "temperature": problem.temperature,
        "log_viscosity": np.log10(viscosity),
        "psi": psi / scale,
        "residual": residual,
    }, scale


def to_inputs(observed: dict[str, Array]) -> Inputs:
    """One observed problem as float32 tensors, with an axis of one example in front."""
    single = {name: values.astype(np.float32)[None] for name, values in observed.items()}
    return Inputs(**{name: torch.from_numpy(values) for name, values in single.items()})


def names(residual: bool) -> list[str]:
    """The channels of `features`, in order."""
    first = ["temperature", "log_viscosity", "psi", "u", "v", "height", "side_distance"]
    return [*first, "residual"] if residual else first


def features(inputs: Inputs, grid: Grid, residual: bool) -> Tensor:
    """Channels at the cells, shape (n, channels, ny, nx), in the order of `names`.

    Viscosity enters without its mean over the box: the flow relative to its own
    rms does not depend on a common factor.
    """
    n = len(inputs.temperature)
    viscosity = inputs.log_viscosity
    u, v = cell_means(*face_velocity(inputs.psi, grid))
    height, side = _positions(grid, viscosity.device)
    channels = [
        inputs.temperature,
        viscosity - viscosity.mean(dim=(1, 2), keepdim=True),
        fold(inputs.psi),
        u,
        v,
        height.expand(n, -1, -1),
        side.expand(n, -1, -1),
    ]
    if residual:
        r = fold(inputs.residual)
        channels.append(torch.log1p(r.abs() / RESIDUAL_UNIT) * r.sign())
    return torch.stack(channels, dim=1)


@lru_cache(maxsize=8)
def _positions(grid: Grid, device: torch.device) -> tuple[Tensor, Tensor]:
    """Height, and the distance to the nearer side wall up to 1, each of shape (ny, nx)."""
    side = np.minimum(np.minimum(grid.x_cells, grid.aspect - grid.x_cells), 1.0)
    y, x = np.meshgrid(grid.y_cells, side, indexing="ij")
    return (
        torch.from_numpy(y.astype(np.float32)).to(device),
        torch.from_numpy(x.astype(np.float32)).to(device),
    )


def face_velocity(psi: Tensor, grid: Grid) -> Velocity:
    """u (n, ny, nx+1) and v (n, ny+1, nx) of psi, as the solver differences it."""
    return torch.diff(psi, dim=1) / grid.hy, torch.diff(psi, dim=2) / -grid.hx


def cell_means(u: Tensor, v: Tensor) -> Velocity:
    """Means of the two faces of each cell, (n, ny, nx) each."""
    return 0.5 * (u[..., 1:] + u[..., :-1]), 0.5 * (v[:, 1:] + v[:, :-1])


def relative_errors(gap: Velocity, truth: Velocity) -> Tensor:
    """Size of `gap` over that of `truth` in each example, shape (n,), as evaluation has it."""
    return torch.sqrt(square_sum(*gap) / square_sum(*truth))


def square_sum(*parts: Tensor) -> Tensor:
    """Sum of the squares of all values of each example, shape (n,)."""
    return torch.stack([part.square().sum(dim=(1, 2)) for part in parts]).sum(dim=0)


def fold(nodes: Tensor) -> Tensor:
    """Node values at the cells above and to the right, (n, ny+1, nx+1) -> (n, ny, nx)."""
    return nodes[..., :-1, :-1]


def unfold(cells: Tensor) -> Tensor:
    """Cell values at the nodes below and to the left, zero on walls: the inverse of `fold`."""
    return pad(cells[..., 1:, 1:], (1, 1, 1, 1))
