"""Convolutions that keep the size of their input, by what they do at its border."""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

Padding = Literal["learned", "zeros", "replicate"]


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
    inputs: int, outputs: int, size: int = 5, padding: Padding = "learned"
) -> nn.Module:
    """A convolution of odd `size` that keeps ny and nx, with this `Padding` at the border."""
    if padding == "learned":
        return BoundaryLearnedConvolution(inputs, outputs, size)
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode=padding)
