"""A split in memory, and how often a training sees which of it."""

from pathlib import Path

import numpy as np
import pytest

from helpers.small_data import SNAPSHOTS
from tellus.errors import InputError
from tellus.surrogate.data import Dataset, load_snapshots
from tellus.surrogate.training.schedule import balanced_weights, epoch_order


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_rows_are_those_of_the_simulations(dataset: Path, precision: type[np.floating]) -> None:
    opened = Dataset.open(dataset)
    found = load_snapshots(opened, "train", precision=precision)
    simulations = list(opened.simulations("train"))
    assert len(found) == 5 * SNAPSHOTS
    assert found.temperature.dtype == found.psi.dtype == precision
    for k, simulation in enumerate(simulations):
        rows = found.simulation == k
        np.testing.assert_array_equal(found.psi[rows], simulation.psi.astype(precision))
        np.testing.assert_array_equal(found.temperature[rows], simulation.temperature)
        np.testing.assert_array_equal(found.vrms[rows], simulation.vrms)
        assert set(found.gamma_T[rows]) == {simulation.gamma_T[0]}
        assert set(found.heating[rows]) == {simulation.heating[0]}
    problem = found.problem(7)
    np.testing.assert_array_equal(problem.temperature, simulations[1].temperature[2])
    assert problem.rheology == simulations[1].problem(2).rheology


def test_quiet_snapshots_are_left_out(dataset: Path) -> None:
    opened = Dataset.open(dataset)
    everything = load_snapshots(opened, "train")
    middle = float(np.median(everything.vrms))
    lively = load_snapshots(opened, "train", quiet_vrms=middle)
    kept = everything.vrms >= middle
    assert 0 < kept.sum() < len(everything)
    for name in ("temperature", "psi", "vrms", "simulation", "gamma_p"):
        np.testing.assert_array_equal(getattr(lively, name), getattr(everything, name)[kept])
    with pytest.raises(InputError, match=r"every snapshot of .train. has rms velocity below"):
        load_snapshots(opened, "train", quiet_vrms=1e12)


def test_every_decade_weighs_the_same() -> None:
    vrms = np.array([2.0, 30.0, 40.0, 50.0, 60.0, 7000.0, 1e-9, 0.0, 1e-3])
    weights = balanced_weights(vrms)
    assert weights.sum() == pytest.approx(1.0)
    decades = [[0], [1, 2, 3, 4], [5], [6, 7, 8]]
    np.testing.assert_allclose([weights[decade].sum() for decade in decades], 0.25)
    assert weights[1] == weights[4]


def test_a_balanced_epoch_draws_decades_alike_and_a_plain_one_each_example_once() -> None:
    vrms = np.concatenate([np.full(900, 5.0), np.full(100, 500.0)])
    random = np.random.default_rng(0)
    plain = epoch_order(random, 1000, None)
    assert sorted(plain.tolist()) == list(range(1000))
    balanced = epoch_order(random, 1000, vrms)
    assert len(balanced) == 1000
    # Half of them rare: within 5 sigma of a fair coin.
    assert abs(np.mean(balanced >= 900) - 0.5) < 5 * 0.5 / np.sqrt(1000)
