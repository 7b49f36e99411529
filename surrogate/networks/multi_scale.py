"""The multi-scale network of Agarwal et al. (2025), and the U-net that it is compared with."""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from tellus.surrogate.network_settings import MultiScaleNetworkSettings

LARGEST_GROUPS = 4


class Layer(nn.Sequential):
    """Convolution, group normalisation, GELU."""

    def __init__(self, inputs: int, outputs: int, settings: MultiScaleNetworkSettings) -> None:
        groups = next(g for g in range(LARGEST_GROUPS, 0, -1) if outputs % g == 0)
        super().__init__(
            convolution(inputs, outputs, settings.size, settings.padding),
            nn.GroupNorm(groups, outputs),
            nn.GELU(),
        )


class MultiScale(nn.Module):
    """(n, channels, ny, nx) -> (n, outputs, ny, nx).

    The input is embedded; each level averages the embedding over 2 x 2 cells once
    more than the one before, convolves it there and brings it back to the full
    grid by bicubic interpolation; all of it beside the input is put together by
    three more convolutions, the last one without activation.

    Notes
    -----
    Tompson et al. 2017; Agarwal et al. 2025.
    """

    def __init__(self, channels: int, outputs: int, settings: MultiScaleNetworkSettings) -> None:
        super().__init__()
        filters = settings.filters
        self.embed = Layer(channels, filters, settings)
        self.levels = nn.ModuleList(_stack(filters, settings) for _ in range(settings.levels))
        self.join = nn.Sequential(
            Layer(channels + settings.levels * filters, filters, settings),
            Layer(filters, filters, settings),
            convolution(filters, outputs, settings.size, settings.padding),
        )

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape[-2:]
        embedded = self.embed(x)
        found = [x]
        for level, convolutions in enumerate(self.levels):
            if level:
                embedded = avg_pool2d(embedded, 2)
            y = convolutions(embedded)
            if level:
                y = interpolate(y, size=shape, mode="bicubic", align_corners=False)
            found.append(y)
        return cast(Tensor, self.join(torch.cat(found, dim=1)))


def smallest_side(settings: MultiScaleNetworkSettings) -> int:
    """The least number of points along either axis that every level still has room for."""
    # Normalisation wants more than one point.
    window = settings.size + settings.size // 2 - 1 if settings.padding == "learned" else 2
    return int(window * 2 ** (settings.levels - 1))


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


class BoundaryLearnedConvolution(nn.Module):
    """Convolution with filters of its own for the interior, the 4 edges and the 4 corners.

    Near a border no window is centred on its output: there a window of the same
    size, wholly inside, is read by the filter that belongs to that part of the
    border. Nothing is invented outside, and nine filters are learned instead of one.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    size : int
        Side of a filter, odd. Inputs must measure at least size + size // 2 - 1 each way.

    Notes
    -----
    Innamorati et al. 2020, Learning on the edge; Agarwal et al. 2025, section II.3.3.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 5) -> None:
        super().__init__()
        self.size = size
        # Rows bottom, middle, top by columns left, middle, right; the middle one is the interior's.
        self.parts = nn.ModuleList(nn.Conv2d(inputs, outputs, size) for _ in range(9))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, ny, nx) -> (n, outputs, ny, nx)."""
        edge = self.size // 2
        if not edge:
            return cast(Tensor, self.parts[4](x))
        if min(x.shape[-2:]) < self.size + edge - 1:
            raise ValueError(f"{tuple(x.shape[-2:])} points are too few for windows of {self.size}")
        reach = self.size + edge - 1
        # Strips first, corners from strips: what is cut from the whole costs as much as the whole
        # when gradients come back.
        bottom, top = x[:, :, :reach], x[:, :, -reach:]
        corners = (
            bottom[..., :reach],
            bottom[..., -reach:],
            top[..., :reach],
            top[..., -reach:],
        )
        bottom_left, bottom_right, top_left, top_right = self._parts((0, 2, 6, 8), *corners)
        bottom, top = self._parts((1, 7), bottom, top)
        left, right = self._parts((3, 5), x[..., :reach], x[..., -reach:])
        middle = self.parts[4](x)
        rows = (
            (bottom_left, bottom, bottom_right),
            (left, middle, right),
            (top_left, top, top_right),
        )
        return torch.cat([torch.cat(row, dim=3) for row in rows], dim=2)

    def _parts(self, numbers: tuple[int, ...], *windows: Tensor) -> tuple[Tensor, ...]:
        """Windows of one size, each read by its part; in one call, which is most of their cost."""
        parts = [cast(nn.Conv2d, self.parts[number]) for number in numbers]
        weight = torch.cat([part.weight for part in parts])
        bias = torch.cat([cast(Tensor, part.bias) for part in parts])
        found = conv2d(torch.cat(windows, dim=1), weight, bias, groups=len(parts))
        return found.chunk(len(parts), dim=1)


def convolution(
    inputs: int, outputs: int, size: int, padding: Literal["learned", "zeros", "replicate"]
) -> nn.Module:
    """A convolution of odd `size` that keeps ny and nx, with this padding at the border."""
    if padding == "learned":
        return BoundaryLearnedConvolution(inputs, outputs, size)
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode=padding)
