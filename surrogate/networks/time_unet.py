"""The U-net that Agarwal et al. (2025) teach to step in time, their baseline without a solver."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from tellus.surrogate.multi_scale.settings import MultiScaleNetworkSettings

from .multi_scale import Layer
from .padding import convolution


class TimeUNet(nn.Module):
    """(n, channels, ny, nx) -> (n, outputs, ny, nx).

    Each level averages the one above over 2 x 2 cells and convolves it
    `convolutions` times; on the way up the coarser level, brought to the finer
    grid by bicubic interpolation, is put beside what the finer level found on the
    way down, and convolved as often again. Every level has the same number of
    filters, as in the multi-scale network that it is compared with.

    Notes
    -----
    Ronneberger et al. 2015; Agarwal et al. 2025, section II.4.2.
    """

    def __init__(self, channels: int, outputs: int, settings: MultiScaleNetworkSettings) -> None:
        super().__init__()
        filters = settings.filters
        inputs = [channels, *(settings.levels - 1) * [filters]]
        self.down = nn.ModuleList(_stack(n, settings) for n in inputs)
        self.up = nn.ModuleList(_stack(2 * filters, settings) for _ in inputs[1:])
        self.leave = convolution(filters, outputs, settings.size, settings.padding)

    def forward(self, x: Tensor) -> Tensor:
        """The same height and width."""
        return cast(Tensor, self.leave(self._levels(x, 0)))

    def _levels(self, x: Tensor, level: int) -> Tensor:
        """`level` and everything below it, at the size of `x`."""
        x = cast(Tensor, self.down[level](x))
        if level == len(self.up):
            return x
        below = self._levels(avg_pool2d(x, 2), level + 1)
        below = interpolate(below, size=x.shape[-2:], mode="bicubic", align_corners=False)
        return cast(Tensor, self.up[level](torch.cat([x, below], dim=1)))


def _stack(inputs: int, settings: MultiScaleNetworkSettings) -> nn.Sequential:
    filters = settings.filters
    widths = [inputs, *(settings.convolutions - 1) * [filters]]
    return nn.Sequential(*(Layer(n, filters, settings) for n in widths))


def make_time_unet(
    channels: int, outputs: int, settings: MultiScaleNetworkSettings, seed: int = 0
) -> TimeUNet:
    """A network with reproducible initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TimeUNet(channels, outputs, settings)
