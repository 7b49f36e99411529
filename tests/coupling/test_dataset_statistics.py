"""Statistics of the fields of a data set, and the picture of what it covers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from helpers.rollouts import tellus
from tellus.coupling.dataset.picture import overview, plot_dataset
from tellus.coupling.dataset.store import FIELDS, measure, pool
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import velocity

GRID = Grid(16, 8, 4.0)
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


def entries() -> list[dict[str, Any]]:
    """Eight convecting simulations, speeds a power of gamma_T, and one at rest."""
    random, found = np.random.default_rng(0), []
    for k in range(9):
        gamma_T, gamma_p, heating = 10.0 ** (6 + k / 4), 10.0 ** random.uniform(0, 2), k % 4.0
        psi = random.normal(size=(3, *GRID.nodes)) * (0.0 if k == 8 else gamma_T**0.5)
        temperature = random.uniform(size=(3, *GRID.cells)).astype(np.float32)
        law = FrankKamenetskii(gamma_T, gamma_p)
        found.append(
            {
                "name": f"sim_{k:03d}",
                "split": ("train", "train", "test")[k % 3],
                "snapshots": 3,
                "gamma_T": gamma_T,
                "gamma_p": gamma_p,
                "heating": heating,
                "rayleigh": 1.0,
                "statistics": measure(temperature, psi, law, GRID),
            }
        )
    return found


def card(directory: Path, simulations: list[dict[str, Any]]) -> Path:
    content = {
        "grid": {"nx": 16, "ny": 8, "aspect": 4.0},
        "boundaries": "free-slip",
        "hash": "feed",
        "simulations": simulations,
    }
    (directory / "card.json").write_text(json.dumps(content))
    return directory


def lines(axis: Any) -> int:
    return sum(len(collection.get_segments()) for collection in axis.collections)


def test_a_point_and_a_line_for_every_simulation() -> None:
    axes = overview(entries()).axes
    assert len(axes) == 9
    for panel in axes[:3]:
        assert sum(len(points.get_offsets()) for points in panel.collections) == 9
    assert [lines(panel) for panel in axes[3:7]] == [9, 9, 9, 9]
    # One at rest has no velocity scale.
    assert [lines(panel) for panel in axes[7:]] == [8, 8]


def test_velocities_over_their_scale_are_of_order_one() -> None:
    panel = overview(entries()).axes[7]
    ends = np.abs([segment for c in panel.collections for segment in c.get_segments()])[:, :, 1]
    assert 0.2 < ends.min() < ends.max() < 5


@pytest.mark.usefixtures("drawn")
def test_the_command_draws_it(tmp_path: Path) -> None:
    tellus("plot", card(tmp_path, entries()))
    assert imread(tmp_path / "overview.png").std() > 0.01
    elsewhere = tmp_path / "new" / "picture.png"
    assert plot_dataset(tmp_path, elsewhere) == elsewhere
    assert elsewhere.exists()


def test_an_older_set_is_told_how_to_get_statistics(tmp_path: Path) -> None:
    old = [{k: v for k, v in entry.items() if k != "statistics"} for entry in entries()]
    with pytest.raises(InputError, match="has no statistics: run the `tellus dataset`"):
        plot_dataset(card(tmp_path, old))
