"""Networks of a closure: heat through faces, T within cells, and the cells' viscosity."""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from tellus.solver.grid import Grid
from tellus.surrogate.features import Velocity

from .features import FLOW, STATE, Seen, flow_features, mirrored, state_features
from .settings import ClosureNetworkSettings
from .transport import FaceFluxes

VIEWS = 4
"""Numbers of a cell for its faces to the east, west, north and south."""

LEVEL = 1e-6
"""Slopes of the logarithm of viscosity over a cell that are none."""

DETAILS = 3
"""Numbers of a cell for its halves along x, along y, and for its quarters."""


SHOWN = 2
"""Numbers of a cell for its viscosity to stretching and to shear."""


class Local(nn.Module):
    """Convolutions of 3 x 3 cells with a rectifier between them; the last ones begin as zero.

    What it answers is between -1 and 1, for the state and, second, for its mirror image turned
    back.
    """

    def __init__(self, odd: Iterable[bool], outputs: int, settings: ClosureNetworkSettings) -> None:
        super().__init__()
        self.odd = tuple(odd)
        layers: list[nn.Module] = []
        channels = len(self.odd)
        for _ in range(settings.depth):
            layers += [nn.Conv2d(channels, settings.width, 3, padding=1), nn.ReLU()]
            channels = settings.width
        last = nn.Conv2d(channels, outputs, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, last)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Shape (n, outputs, ny, nx) each."""
        found = torch.stack(features, dim=1)
        both: Tensor = self.layers(torch.cat([found, mirrored(found, self.odd)]))
        answer, image = (both / torch.sqrt(1.0 + both.square())).chunk(2)
        return answer, image.flip(-1)


class FluxNetwork(nn.Module):
    """Heat that the fluxes of the scheme lack, through every face.

    Of both cells at a face the network says a number between -1 and 1; their mean times the range
    of T around and |u| + 2/h is the flux. So nothing moves where T is uniform, and no more than
    the resolved field allows.
    """

    def __init__(self, settings: ClosureNetworkSettings) -> None:
        super().__init__()
        self.local = Local([*STATE.values(), *FLOW.values()], VIEWS, settings)

    def forward(self, seen: Seen, flow: Velocity, grid: Grid) -> FaceFluxes:
        """Shapes (n, ny, nx+1) and (n, ny+1, nx); none through the sides."""
        (u, v), (of_state, spread) = flow, state_features(seen)
        a, b = self.local([*of_state, *flow_features(u, v, grid)])
        east, west = 0.5 * (a[:, 0] - b[:, 1]), 0.5 * (a[:, 1] - b[:, 0])
        north, south = 0.5 * (a[:, 2] + b[:, 2]), 0.5 * (a[:, 3] + b[:, 3])
        side = torch.zeros_like(east[..., :1])
        across = 0.5 * (east[..., :-1] + west[..., 1:]) * _larger(spread, -1)
        up = 0.5 * (north[:, :-1] + south[:, 1:]) * _larger(spread, -2)
        below, above = south[:, :1] * spread[:, :1], north[:, -1:] * spread[:, -1:]
        along_x = torch.cat([side, across, side], dim=-1)
        along_y = torch.cat([below, up, above], dim=-2)
        return along_x * (u.abs() + 2.0 / grid.hx), along_y * (v.abs() + 2.0 / grid.hy)


class DetailNetwork(nn.Module):
    """Means over the quarters of each cell less a smooth guess of them; their mean is zero."""

    def __init__(self, settings: ClosureNetworkSettings) -> None:
        super().__init__()
        self.local = Local(STATE.values(), DETAILS, settings)

    def forward(self, seen: Seen) -> Tensor:
        """Shape (n, 2 ny, 2 nx)."""
        of_state, spread = state_features(seen)
        a, b = self.local(of_state)
        size = 0.25 * spread
        across, up = 0.5 * (a[:, 0] - b[:, 0]) * size, 0.5 * (a[:, 1] + b[:, 1]) * size
        twist = 0.5 * (a[:, 2] - b[:, 2]) * size
        lower = _interleaved(-across - up + twist, across - up - twist, axis=2)
        upper = _interleaved(up - across - twist, up + across + twist, axis=2)
        return _interleaved(lower, upper, axis=1)


class ViscosityNetwork(nn.Module):
    """The logarithms of viscosity that cells show to stretching and to shear, on their own grid.

    To what layers within cells show, see `homogenised`, it adds at most half of the range of the
    logarithm around; to shear that times `share`, which is not trained but calibrated: see
    `tellus calibrate`.
    """

    share: Tensor

    def __init__(self, settings: ClosureNetworkSettings) -> None:
        super().__init__()
        narrow = replace(settings, width=settings.viscosity_width)
        self.local = Local(STATE.values(), SHOWN, narrow)
        self.register_buffer("share", torch.ones(()))

    def forward(self, seen: Seen) -> Tensor:
        """Shape (n, 2, ny, nx)."""
        to_stretching, to_shear = self.correction(seen).unbind(1)
        return homogenised(seen.log_viscosity) + torch.stack(
            [to_stretching, self.share * to_shear], dim=1
        )

    def correction(self, seen: Seen) -> Tensor:
        """What is added to `homogenised`, with a share of one; shape (n, 2, ny, nx)."""
        of_state, _ = state_features(seen)
        a, b = self.local(of_state)
        logs = seen.log_viscosity
        highest, lowest = (max_pool2d(sign * logs, 3, stride=1, padding=1) for sign in (1.0, -1.0))
        found: Tensor = 0.25 * (a + b) * (highest + lowest)[:, None]
        return found


def homogenised(logs: Tensor) -> Tensor:
    """`tellus.solver.closure.homogenised` of logarithms, (n, ny, nx) to (n, 2, ny, nx)."""
    up, across = (0.5 * slope for slope in torch.gradient(logs, dim=(1, 2)))
    halves = torch.stack([up, across]).abs() + LEVEL
    mean = (torch.sinh(halves) / halves).prod(dim=0)
    along = ((up**2 - across**2) / (up**2 + across**2 + LEVEL**2)) ** 2
    both = [along * mean + (1.0 - along) / mean, along / mean + (1.0 - along) * mean]
    return logs[:, None] + torch.log(torch.stack(both, dim=1))


class ClosureNetworks(nn.Module):
    """The networks of a closure; that of viscosity where it is trained on flows of its own grid."""

    def __init__(self, settings: ClosureNetworkSettings, own_flow: bool = False) -> None:
        super().__init__()
        self.flux, self.detail = FluxNetwork(settings), DetailNetwork(settings)
        self.viscosity = ViscosityNetwork(settings) if own_flow else None


def _larger(spread: Tensor, axis: int) -> Tensor:
    """The larger of the two cells at each inner face, one fewer along `axis`."""
    n = spread.shape[axis] - 1
    return torch.maximum(spread.narrow(axis, 0, n), spread.narrow(axis, 1, n))


def _interleaved(first: Tensor, second: Tensor, axis: int) -> Tensor:
    """The values of two tensors in turn along an axis, those of `first` first."""
    return torch.stack([first, second], dim=axis + 1).flatten(axis, axis + 1)
