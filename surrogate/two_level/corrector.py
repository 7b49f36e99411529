"""Network and normalisation together: from inputs to a correction of the stream function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from tellus.solver.grid import Grid
from tellus.surrogate.features import Inputs, features, names, unfold

from .settings import FeatureSettings


@dataclass(frozen=True)
class Normalisation:
    """What brings features and answers to about one.

    `mean` and `spread`: one number per feature. `correction`: rms of the
    correction that the training data ask for, psi over the base's rms velocity.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    correction: float

    @classmethod
    def measure(cls, inputs: Inputs, target: Tensor, grid: Grid, settings: FeatureSettings) -> Self:
        """From training examples; `target` is the direct psi in the units of `inputs.psi`."""
        sums = torch.zeros((2, len(names(settings.residual))), dtype=torch.float64)
        for first in range(0, len(target), 64):
            chunk = torch.arange(first, min(first + 64, len(target)))
            x = features(inputs.select(chunk), grid, settings.residual).double().cpu()
            sums += torch.stack([x, x.square()]).mean(dim=(3, 4)).sum(dim=1)
        mean, square = sums / len(target)
        spread = torch.sqrt(torch.clamp(square - mean**2, min=1e-12))
        correction = float(torch.sqrt((target - inputs.psi).double().square().mean()))
        return cls(tuple(mean.tolist()), tuple(spread.tolist()), correction)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From a card."""
        mean, spread = (tuple(map(float, values[key])) for key in ("mean", "spread"))
        return cls(mean, spread, float(values["correction"]))


class Corrector(nn.Module):
    """Inputs -> psi over the base's rms velocity, (n, ny+1, nx+1), exactly zero on walls.

    `network` is any module that takes features (n, channels, ny, nx) to one
    value per cell (n, ny, nx); see `features` for the channels and the
    correspondence of cells and nodes.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, network: nn.Module, normalisation: Normalisation, settings: FeatureSettings
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.unit = normalisation.correction
        mean = torch.tensor(normalisation.mean)[:, None, None]
        scale = 1.0 / torch.tensor(normalisation.spread)[:, None, None]
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def prepare(self, inputs: Inputs, grid: Grid) -> Tensor:
        """Normalised features."""
        return features(inputs, grid, self.settings.residual).sub_(self.mean).mul_(self.scale)

    def forward(self, inputs: Inputs, grid: Grid) -> Tensor:
        """The corrected stream function."""
        return inputs.psi + self.correction(self.prepare(inputs, grid))

    def correction(self, prepared: Tensor) -> Tensor:
        """The correction alone, from `prepare`d features."""
        return unfold(self.unit * self.network(prepared))
