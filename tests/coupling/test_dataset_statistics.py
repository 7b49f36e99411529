"""Mean, spread and range of the fields of a data set."""

import numpy as np
import pytest

from tellus.coupling.dataset.store import FIELDS, measure, pool
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import velocity

GRID = Grid(12, 6, 2.0)
LAW = FrankKamenetskii(1e5, 10.0)


def some(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    psi = random.normal(size=(n, *GRID.nodes)) * np.arange(1, n + 1)[:, None, None]
    return random.uniform(size=(n, *GRID.cells)).astype(np.float32), psi


def test_statistics_are_those_of_the_fields() -> None:
    temperature, psi = some(3, 0)
    found = measure(temperature, psi, LAW, GRID)
    u, v = (np.stack(parts) for parts in zip(*(velocity(one, GRID) for one in psi), strict=True))
    wide = temperature.astype(np.float64)
    depth = 1 - GRID.y_cells[:, None]
    log_eta = (-np.log(1e5) * wide + np.log(10.0) * depth) / np.log(10)
    for name, values in zip(FIELDS, (wide, log_eta, u, v), strict=True):
        expected = [values.mean(), values.std(), values.min(), values.max()]
        measured = [found[name][key] for key in ("mean", "spread", "min", "max")]
        np.testing.assert_allclose(measured, expected, rtol=1e-12, atol=1e-12)
    largest = [np.abs(one).max() for one in v]
    np.testing.assert_allclose(found["largest_v"], [min(largest), max(largest)], rtol=1e-14)
    assert found["snapshots"] == 3


def test_parts_pooled_are_the_whole() -> None:
    parts = [some(n, seed) for seed, n in enumerate((1, 4, 2))]
    pooled = pool([measure(*part, LAW, GRID) for part in parts])
    whole = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    together = measure(whole[0], whole[1], LAW, GRID)
    for name in FIELDS:
        assert pooled[name] == pytest.approx(together[name], rel=1e-12, abs=1e-12)
    assert pooled["largest_u"] == together["largest_u"]
    assert pooled["snapshots"] == together["snapshots"] == 7
