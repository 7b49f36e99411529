"""A steady profile of temperature from three numbers (after Agarwal et al. 2024).

A small network is asked point by point: H, gamma_T, gamma_p and depth in, the
horizontally averaged temperature of the statistically steady state out. A run that
starts from it is spared most of its transient.
"""

from typing import Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.files import StoredModel, restored
from tellus.surrogate.model import PRECISIONS, SHIPPED_WEIGHTS, TrainedModel
from tellus.surrogate.multi_scale.features import scaled
from tellus.surrogate.networks import seeded

from .settings import ProfileSettings

INPUTS = ("heating", "gamma_T", "gamma_p", "depth")
SHIPPED = SHIPPED_WEIGHTS / "profile"


class ProfileMLP(nn.Module):
    """(..., inputs) -> (...): `depth` hidden layers of `width`, GELU between them."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(len(INPUTS), width), nn.GELU()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, points: Tensor) -> Tensor:
        return cast(Tensor, self.layers(points)[..., 0])


def points(parameters: Array, heights: Array) -> Tensor:
    """What the network sees: (n, 4) parameters and (m,) heights to (n, m, 4), about 0..1."""
    columns = scaled(parameters[:, 2], np.log10(parameters[:, 0]), np.log10(parameters[:, 1]))
    shape = (len(parameters), len(heights))
    fields = [np.broadcast_to(column[:, None], shape) for column in columns]
    return torch.from_numpy(np.stack([*fields, np.broadcast_to(1.0 - heights, shape)], axis=-1))


class ProfilePredictor(TrainedModel):
    """A trained network and its card."""

    kind = ProfileSettings.kind
    called = "the profile predictor"
    shipped = SHIPPED

    @classmethod
    def of(cls, stored: StoredModel, grid: Grid | None) -> Self:
        """The model that the files hold, for any heights; raises as following a bad card does."""
        card = stored.card
        size = int(card["network"]["width"]), int(card["network"]["depth"])
        dtype = PRECISIONS[card["training"]["precision"]]
        network = restored(stored, lambda: seeded(ProfileMLP, *size).to(dtype))
        for name in PARAMETERS:
            if card["range"].get(name) is None:
                raise ValueError(f"it has no range of {name}")
        return cls(network, card)

    def profile(self, gamma_T: float, gamma_p: float, heating: float, heights: Array) -> Array:
        """<T> at these heights, 0 at the bottom and 1 at the top, same shape as `heights`."""
        seen = points(np.array([[gamma_T, gamma_p, heating]]), heights)
        with torch.inference_mode():
            found = self.weights(seen.to(next(self.weights.parameters()).dtype))[0]
        return np.asarray(found.double().numpy())

    def check(
        self, gamma_T: float, gamma_p: float, heating: float, rayleigh: float = 1.0
    ) -> list[str]:
        """A warning for each parameter outside the trained range."""
        law = FrankKamenetskii(gamma_T, gamma_p)
        return self.outside_training(law, heating=heating, rayleigh=rayleigh)
