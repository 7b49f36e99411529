"""The paper's loss against its formulas, term by term, in NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tellus.surrogate.multi_scale.loss import paper_loss, range_weight, wall_weight
from tellus.surrogate.multi_scale.settings import PaperLossSettings

NONE = PaperLossSettings(scaling=False, wall_weight=0.0, derivative=False, divergence=False)


@pytest.fixture
def fields() -> list[torch.Tensor]:
    """u, v predicted and true, of examples that differ tenfold in size, and a divergence."""
    torch.manual_seed(0)
    size = torch.tensor([1.0, 0.3, 0.01], dtype=torch.float64)[:, None, None]
    made = [size * torch.randn(3, 8, 9, dtype=torch.float64) for _ in range(4)]
    return [*made, torch.randn(3, 5, dtype=torch.float64)]


def total(fields: list[torch.Tensor], settings: PaperLossSettings) -> np.ndarray:
    u, v, true_u, true_v, divergence = fields
    return paper_loss((u, v), (true_u, true_v), divergence, settings).numpy()


def test_plain_terms(fields: list[torch.Tensor]) -> None:
    u, v, true_u, true_v, divergence = (f.numpy() for f in fields)
    velocity = np.abs(u - true_u).mean((1, 2)) + np.abs(v - true_v).mean((1, 2))
    assert np.allclose(total(fields, NONE), velocity)
    found = total(fields, replace(NONE, divergence=True))
    assert np.allclose(found, velocity + np.abs(divergence).mean(1))
    error_u, error_v = u - true_u, v - true_v
    du_dy = 0.5 * (error_u[:, 2:] - error_u[:, :-2])
    dv_dx = 0.5 * (error_v[:, :, 2:] - error_v[:, :, :-2])
    found = total(fields, replace(NONE, derivative=True))
    expected = velocity + np.abs(du_dy).mean((1, 2)) + np.abs(dv_dx).mean((1, 2))
    assert np.allclose(found, expected)


def test_scaling_is_one_over_the_range_within_one_and_ten(fields: list[torch.Tensor]) -> None:
    u, v, true_u, true_v, _ = (f.numpy() for f in fields)
    expected = np.zeros(3)
    for field, true in ((u, true_u), (v, true_v)):
        scale = np.clip(1 / np.ptp(true, axis=(1, 2)), 1, 10)
        expected += scale * np.abs(field - true).mean((1, 2))
    assert np.allclose(total(fields, replace(NONE, scaling=True)), expected)
    weights = range_weight(fields[2]).flatten()
    assert weights[0] == 1.0
    assert weights[2] == 10.0


def test_two_points_beside_every_wall_weigh_eleven() -> None:
    weight = wall_weight(torch.zeros(1, 7, 9), 10.0)
    expected = np.full((7, 9), 11.0)
    expected[2:-2, 2:-2] = 1.0
    assert np.array_equal(weight.numpy(), expected)
    assert np.array_equal(wall_weight(torch.zeros(1, 3, 9), 10.0).numpy(), np.full((3, 9), 11.0))
