"""How far a predicted flow is from the true one, relative to each example's own flow."""

import torch
from torch import Tensor

from tellus.solver.grid import Grid
from tellus.surrogate.features import face_velocity, square_sum

from .settings import LossSettings


def loss(psi: Tensor, reference: Tensor, grid: Grid, weights: LossSettings) -> Tensor:
    """The training loss, a scalar: the weighted terms of `LossSettings`, mean over examples.

    psi and reference: (n, ny+1, nx+1), in any unit that both share.
    """
    error = face_velocity(psi - reference, grid)
    truth = face_velocity(reference, grid)
    energy = square_sum(*truth)
    rms = torch.sqrt(energy / truth[0][0].numel())
    total = torch.zeros_like(rms)
    if weights.l1:
        total = total + weights.l1 * _absolute_mean(*error) / rms
    if weights.l2:
        total = total + weights.l2 * torch.sqrt(square_sum(*error) / energy + 1e-12)
    if weights.gradient:
        gradient_truth = _gradients(*truth, grid)
        rms_gradient = torch.sqrt(square_sum(*gradient_truth) / gradient_truth[0][0].numel())
        total = total + weights.gradient * _absolute_mean(*_gradients(*error, grid)) / rms_gradient
    return total.mean()


def _gradients(u: Tensor, v: Tensor, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """du/dx at the cells (dv/dy is its opposite), du/dy and dv/dx at the interior nodes."""
    return (
        torch.diff(u, dim=2) / grid.hx,
        torch.diff(u[..., 1:-1], dim=1) / grid.hy,
        torch.diff(v[:, 1:-1], dim=2) / grid.hx,
    )


def _absolute_mean(*parts: Tensor) -> Tensor:
    return torch.stack([part.abs().mean(dim=(1, 2)) for part in parts]).sum(dim=0)
