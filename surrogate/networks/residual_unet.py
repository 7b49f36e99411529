"""A small multi-scale convolutional network (a U-net) on a space-to-depth grid."""

from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from tellus.surrogate.network_settings import NetworkSettings


class ResidualBlock(nn.Module):
    """x + convolutions of x; the second starts at zero, so that deep stacks start as identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        self.activation = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.second(self.activation(self.first(self.activation(x))))
        return x + change


class UNet(nn.Module):
    """Features (n, channels, ny, nx) -> one value per cell, (n, ny, nx).

    Space-to-depth by `block`, then `len(widths)` levels, each twice as coarse as
    the one before, residual blocks down and up, and pixel shuffle back. Sizes that
    do not divide are padded inside and cropped at the end. The last layer starts
    at zero: training starts from the base.
    """

    def __init__(self, channels: int, settings: NetworkSettings) -> None:
        super().__init__()
        widths, block = settings.widths, settings.block
        self.multiple = block * 2 ** (len(widths) - 1)
        # Space-to-depth and the first layer in one: a pixel unshuffle would copy everything.
        self.enter = nn.Conv2d(channels, widths[0], block, stride=block)
        self.down = nn.ModuleList(_stack(width, settings.depth) for width in widths)
        self.up = nn.ModuleList(_stack(width, settings.depth) for width in widths[:-1])
        self.coarsen = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths)
        )
        self.refine = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.leave = nn.Conv2d(widths[0], block**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        self.activation = nn.SiLU()
        self.scatter = nn.PixelShuffle(block)

    def forward(self, features: Tensor) -> Tensor:
        ny, nx = features.shape[-2:]
        padding = (0, -nx % self.multiple, 0, -ny % self.multiple)
        x = pad(features, padding, mode="replicate") if any(padding) else features
        x = self._levels(self.enter(x), 0)
        cells: Tensor = self.scatter(self.leave(self.activation(x)))
        return cells[:, 0, :ny, :nx]

    def _levels(self, x: Tensor, level: int) -> Tensor:
        x = cast(Tensor, self.down[level](x))
        if level == len(self.coarsen):
            return x
        below = self._levels(self.coarsen[level](x), level + 1)
        x = x + interpolate(self.refine[level](below), scale_factor=2.0, mode="nearest")
        return cast(Tensor, self.up[level](x))


def _stack(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(depth)))
