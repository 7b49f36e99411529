"""The loss of Agarwal et al. (2025), eqs. 6 to 14, each term with its switch."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from .settings import PaperLossSettings

LARGEST_SCALE = 10.0
WALL_CELLS = 2


def range_weight(field: Tensor) -> Tensor:
    """One over the range of each example, within 1..10, shape (n, 1, 1) (eq. 6)."""
    spread = field.amax(dim=(1, 2), keepdim=True) - field.amin(dim=(1, 2), keepdim=True)
    return torch.clamp(1.0 / spread.clamp_min(1e-30), 1.0, LARGEST_SCALE)


def wall_weight(field: Tensor, extra: float) -> Tensor:
    """1 inside and 1 + `extra` at the two points next to every wall, shape (ny, nx) (eq. 7)."""
    ny, nx = field.shape[-2:]
    inside = torch.zeros(
        (max(ny - 2 * WALL_CELLS, 0), max(nx - 2 * WALL_CELLS, 0)),
        dtype=field.dtype,
        device=field.device,
    )
    return 1.0 + pad(inside, (WALL_CELLS,) * 4, value=extra)[:ny, :nx]


def derivative(field: Tensor, dim: int) -> Tensor:
    """Central difference over one point, without ends."""
    n = field.shape[dim]
    return 0.5 * (field.narrow(dim, 2, n - 2) - field.narrow(dim, 0, n - 2))


def weighted_error(
    field: Tensor, reference: Tensor, scaling: bool, at_walls: float
) -> tuple[Tensor, Tensor]:
    """Mean absolute error of each example, shape (n,) (eq. 8), and its scale, (n, 1, 1) (eq. 6)."""
    scale = range_weight(reference) if scaling else torch.ones_like(reference[:, :1, :1])
    error = (field - reference).abs() * wall_weight(reference, at_walls) * scale
    return error.mean(dim=(1, 2)), scale


def paper_loss(
    predicted: tuple[Tensor, Tensor],
    target: tuple[Tensor, Tensor],
    divergence: Tensor | None,
    settings: PaperLossSettings,
) -> Tensor:
    """Total loss of each example, shape (n,).

    Parameters
    ----------
    predicted, target : tuple of Tensor
        u and v in units of the velocity scale, each (n, rows, columns).
    divergence : Tensor, optional
        div u where it counts, (n, points).
    settings : PaperLossSettings
    """
    terms = []
    for error_along, field, reference in zip((1, 2), predicted, target, strict=True):
        error, scale = weighted_error(field, reference, settings.scaling, settings.wall_weight)
        terms.append(error)
        if settings.derivative:
            # du/dy and dv/dx, where the curl's central differences leave oscillations.
            slope = derivative(field - reference, error_along)
            terms.append((slope.abs() * scale).mean(dim=(1, 2)))
    if settings.divergence and divergence is not None:
        terms.append(divergence.abs().mean(dim=1))
    return torch.stack(terms).sum(dim=0)
