"""A small network that knows one point at a time, for the profile of temperature."""

from typing import cast

import torch
from torch import Tensor, nn


class ProfileMLP(nn.Module):
    """(..., inputs) -> (...): `depth` hidden layers of `width`, GELU between them."""

    def __init__(self, inputs: int, width: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(inputs, width), nn.GELU()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, points: Tensor) -> Tensor:
        """One value per point."""
        return cast(Tensor, self.layers(points)[..., 0])


def make_profile_mlp(inputs: int, width: int, depth: int, seed: int = 0) -> ProfileMLP:
    """A network with reproducible initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ProfileMLP(inputs, width, depth)
