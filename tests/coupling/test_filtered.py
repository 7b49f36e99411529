"""Data of fine runs as coarser cells see them: what goes in and out of a cell is all there is."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tellus.coupling.dataset.make as datasets
from helpers import one_by_one
from helpers.small_filtered import filtered_config
from tellus.coupling.dataset.filtered import filtered
from tellus.coupling.dataset.sampling import Gathered, members
from tellus.errors import InputError
from tellus.io.stores import open_store
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Grid
from tellus.solver.transport.means import Fluxes
from tellus.surrogate.data import Dataset


@cache
def first(*overrides: str) -> tuple[Gathered, str]:
    """Of the first simulation of a data set."""
    config = filtered_config(*overrides)
    return filtered(config, members(config)[0])


def test_what_enters_a_cell_is_what_it_gains() -> None:
    found, ending = first()
    assert ending.startswith("6 windows to t = ")
    assert ending.endswith("reached its end")
    assert len(found.moments) == len(found.psi) == 8
    assert len(found.windows) == 6
    grid = Grid(16, 8, 2.0)
    gains = []
    for window in found.windows:
        before, after = (found.moments[window.first + k] for k in (0, 1))
        entered = Fluxes(window.along_x.astype(float), window.along_y.astype(float))
        gain = entered.gain(grid) + window.heated
        change = after.temperature.astype(float) - before.temperature
        np.testing.assert_allclose(change, gain, atol=4e-7)  # float32
        gains.append(np.max(np.abs(gain)))
    assert min(gains) > 1e-3
    steps = [moment.step for moment in found.moments]
    assert steps == [2, 4, 6, 8, 1_000_002, 1_000_004, 1_000_006, 1_000_008]
    assert [moment.even for moment in found.moments] == [True, False, False, False] * 2


def test_a_vigorous_simulation_has_all_its_sequences() -> None:
    """Where it cannot get far in its steps they are spread over these."""
    found, ending = first("dataset.max_steps=6", "dataset.snapshot_every=1")
    assert ending.endswith("reached its last step")
    assert len(found.windows) == 6
    whole, _ = first()
    assert found.moments[4].time > found.moments[0].time
    assert found.moments[-1].time < 0.5 * whole.moments[-1].time


def test_a_coarser_filter_follows_from_a_finer_one() -> None:
    (ones, _), (others, _) = first(), first("windows.factor=4")
    for one, other in zip(ones.moments, others.moments, strict=True):
        means = coarse_means(one.temperature.astype(float), Grid(8, 4, 2.0))
        np.testing.assert_allclose(means, other.temperature, atol=2e-7)
    for one, other in zip(ones.windows, others.windows, strict=True):
        np.testing.assert_array_equal(one.mean_psi[::2, ::2], other.mean_psi)
        along_x = one.along_x[:, ::2].reshape(4, 2, 9).mean(axis=1)
        np.testing.assert_allclose(along_x, other.along_x, atol=1e-7)


def test_it_is_a_data_set_on_the_coarser_grid_and_goes_on_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any) -> Iterator[Any]:
        yield from islice(one_by_one.run_all(*arguments), 1)
        raise KeyboardInterrupt

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    config = filtered_config("windows.sequences=1", "windows.count=1", "time.end=2e-3")
    monkeypatch.setattr(datasets, "run_all", stopped)
    with pytest.raises(KeyboardInterrupt):
        datasets.make_dataset(config, killed, report=len)
    monkeypatch.setattr(datasets, "run_all", one_by_one.run_all)
    said: list[str] = []
    datasets.make_dataset(config, killed, report=said.append)
    assert "1 simulations there, 2 to run" in said[0]
    datasets.make_dataset(config, whole, report=len)
    dataset, gone_on = Dataset.open(whole), Dataset.open(killed)
    assert gone_on.card["hash"] == dataset.card["hash"]
    assert dataset.grid == Grid(16, 8, 2.0)
    (simulation,) = dataset.simulations("train")
    assert simulation.temperature.shape == (2, 8, 16)
    store = open_store(whole / "simulations" / "sim_002.zarr")
    assert store["along_x"].shape == (1, 8, 17)
    assert np.all(np.asarray(store["heated"]) > 0.0)


def test_a_solver_too_coarse_for_the_spin_up_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    for key in ("stokes.solver", "windows.spin_up_solver"):
        config = filtered_config("windows.spin_up_factor=4", f"{key}=reduced:4")
        said = r"windows\.spin_up_solver = .*" if "windows" in key else ""
        with pytest.raises(InputError, match=f"^{said}.*8x4 grid is too small"):
            datasets.make_dataset(config, tmp_path / "data", report=lambda line: None)
    assert not (tmp_path / "data").exists()
