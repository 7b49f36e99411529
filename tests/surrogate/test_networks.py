"""The paper's network and the convolutions that learn what lies beyond a border."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tellus.surrogate.network_settings import MultiScaleNetworkSettings
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.multi_scale import (
    BoundaryLearnedConvolution,
    MultiScale,
    convolution,
    smallest_side,
)


def by_hand(layer: BoundaryLearnedConvolution, x: Tensor) -> Tensor:
    """Point by point: the window nearest to the point that lies inside, by that part's filter."""
    edge, size = layer.size // 2, layer.size
    ny, nx = x.shape[-2:]

    def part(k: int, n: int) -> int:
        return 0 if k < edge else 2 if k >= n - edge else 1

    def first(k: int, n: int) -> int:
        # Beside a border a window starts where the point lies from it, not half a window before.
        return k - edge * part(k, n)

    y = torch.empty(x.shape[0], len(layer.parts[0].bias), ny, nx, dtype=x.dtype)
    for j in range(ny):
        for i in range(nx):
            filters = layer.parts[3 * part(j, ny) + part(i, nx)]
            a, b = first(j, ny), first(i, nx)
            window = x[:, :, a : a + size, b : b + size]
            y[:, :, j, i] = torch.einsum("ncyx,ocyx->no", window, filters.weight) + filters.bias
    return y


@pytest.mark.parametrize(("size", "shape"), [(5, (9, 11)), (5, (6, 7)), (3, (4, 6))])
def test_boundary_learned_convolution_is_its_definition(size: int, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = BoundaryLearnedConvolution(2, 3, size).double()
    x = torch.randn(2, 2, *shape, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(layer(x), by_hand(layer, x), rtol=0, atol=1e-13)


def test_every_filter_of_the_border_is_learned() -> None:
    layer = BoundaryLearnedConvolution(1, 1)
    layer(torch.randn(1, 1, 12, 12)).square().sum().backward()
    gradients = [part.weight.grad for part in layer.parts]
    assert all(g is not None and float(g.abs().min()) > 0 for g in gradients)


@pytest.mark.parametrize("padding", ["zeros", "replicate", "learned"])
def test_paddings_agree_inside(padding: str) -> None:
    torch.manual_seed(1)
    plain = torch.nn.Conv2d(2, 3, 5)
    layer = convolution(2, 3, 5, padding)  # type: ignore[arg-type]
    inner = layer.parts[4] if isinstance(layer, BoundaryLearnedConvolution) else layer
    inner.load_state_dict(plain.state_dict())
    x = torch.randn(1, 2, 10, 12)
    assert layer(x).shape[-2:] == x.shape[-2:]
    assert torch.allclose(layer(x)[..., 2:-2, 2:-2], plain(x), atol=1e-6)


@pytest.mark.parametrize("padding", ["zeros", "replicate", "learned"])
def test_smallest_grid_is_the_smallest(padding: str) -> None:
    settings = MultiScaleNetworkSettings(filters=4, levels=3, convolutions=1, padding=padding)  # type: ignore[arg-type]
    network, least = seeded(MultiScale, 2, 1, settings), smallest_side(settings)
    assert network(torch.randn(1, 2, least, least)).shape == (1, 1, least, least)
    with pytest.raises(ValueError, match=r"too few|more than 1 value"):
        network(torch.randn(1, 2, least - 1, least - 1))


def test_number_of_parameters_is_the_papers() -> None:
    """About 0.21 M with zeros; with learned padding nine filters for one (the paper: 2.13 M)."""

    def count(**choice: object) -> int:
        network = seeded(MultiScale, 7, 1, MultiScaleNetworkSettings(**choice))  # type: ignore[arg-type]
        return sum(p.numel() for p in network.parameters())

    assert count(padding="zeros") == pytest.approx(0.21e6, rel=0.03)
    assert count(padding="learned") == pytest.approx(2.13e6, rel=0.15)


def test_the_coarsest_level_sees_far() -> None:
    """What moves one corner moves the answer much of the box away, through the coarse levels."""
    near = seeded(MultiScale, 1, 1, MultiScaleNetworkSettings(filters=4, levels=1)).double()
    far = seeded(MultiScale, 1, 1, MultiScaleNetworkSettings(filters=4, levels=4)).double()
    x = torch.zeros(1, 1, 64, 64, dtype=torch.float64, requires_grad=True)
    reach = []
    for network in (near, far):
        # Normalisation joins everything; what comes through convolutions alone is asked for.
        network.eval().apply(_without_normalisation)
        (gradient,) = torch.autograd.grad(network(x)[0, 0, 0, 0], x)
        reach.append(int(np.max(np.nonzero(gradient[0, 0].numpy())[0])))
    assert reach[0] < 24 < reach[1]


def _without_normalisation(module: torch.nn.Module) -> None:
    if isinstance(module, torch.nn.GroupNorm):
        module.forward = lambda x: x  # type: ignore[method-assign]
