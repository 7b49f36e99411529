"""The profile predictor: what it learns, what it refuses, and the start it gives a run."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.cards import edit_card
from helpers.rollouts import tellus
from helpers.small_data import Member, parameters, write_dataset
from tellus.config import Config, load_config
from tellus.coupling.build import grid_of, resolved
from tellus.coupling.starts.initial import initial_temperature
from tellus.errors import InputError
from tellus.solver import initial
from tellus.solver.grid import Array, Grid
from tellus.surrogate.data import Dataset
from tellus.surrogate.profile.learner import Profiles, heights_of
from tellus.surrogate.profile.predictor import ProfilePredictor
from tellus.surrogate.profile.settings import ProfileSettings
from tellus.surrogate.two_level.model import SHIPPED as TWO_LEVEL

GRID = Grid(16, 16, 2.0)
SETTINGS = ProfileSettings(epochs=60, batch_size=6, learning_rate=3e-2, width=32, depth=2)


def analytic(gamma_T: float, gamma_p: float, heating: float, y: Array) -> Array:
    """A lid and a bottom layer whose thickness and interior follow the parameters smoothly."""
    lid = 0.05 + 0.05 * (10 - np.log10(gamma_T))
    interior = 0.75 + 0.02 * heating - 0.05 * np.log10(gamma_p)
    top, bottom = np.exp(-(1 - y) / lid), np.exp(-y / 0.1)
    return np.asarray(interior * (1 - top) + (1 - interior) * bottom)


def wobbling() -> Iterator[Member]:
    """Simulations of 9 snapshots that wobble around the analytic profile in their last third."""
    random = np.random.default_rng(0)
    steps, psi = np.arange(9), np.zeros((9, *GRID.nodes))
    psi[:, 1:-1, 1:-1] = 1.0
    for k, split in enumerate(["train"] * 24 + ["validation"] * 6 + ["test"] * 4 + ["train"]):
        gamma_T, gamma_p = 10 ** random.uniform(6, 10), 10 ** random.uniform(0, 2)
        heating = random.uniform(0, 10)
        profile = analytic(gamma_T, gamma_p, heating, GRID.y_cells)[:, None]
        wave = np.cos(np.pi * GRID.x_cells / GRID.aspect) * np.sin(np.pi * GRID.y_cells)[:, None]
        # The last simulation never comes to rest.
        swing = 0.2 * steps if k == 34 else np.where(steps < 6, 1.0, 0.0)
        temperature = np.stack([profile + 0.1 * wave + s for s in swing]).astype(np.float32)
        arrays = {"temperature": temperature, "psi": psi, "even": np.ones(9, dtype=bool)}
        yield split, parameters(gamma_T, gamma_p, heating), arrays


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("profiles")
    write_dataset(root, GRID, wobbling(), unpacked=True, hash="analytic")
    return root


def configured(*overrides: str, weights: Path | None = None) -> Config:
    named = [] if weights is None else [f'initial.weights="{weights}"']
    return load_config(
        None, ["grid.nx=32", "grid.ny=24", "initial.kind=predicted", *named, *overrides]
    )


# Data and learning


def test_a_profile_is_the_mean_of_the_last_third_where_that_is_steady(dataset: Path) -> None:
    opened = Dataset.open(dataset)
    profiles = Profiles.load(opened, "test", SETTINGS)
    heights = heights_of(GRID)
    assert heights[0] == 0.0
    assert heights[-1] == 1.0
    for (gamma_T, gamma_p, heating, _), found in zip(
        profiles.parameters, profiles.temperature, strict=True
    ):
        expected = analytic(gamma_T, gamma_p, heating, GRID.y_cells)
        np.testing.assert_allclose(found[1:-1], expected, atol=1e-6)
        assert (found[0], found[-1]) == (1.0, 0.0)
    profiles = Profiles.load(opened, "train", SETTINGS)
    assert (len(profiles), profiles.unsteady) == (24, 1)
    everything = Profiles.load(opened, "train", ProfileSettings(drift=1.0))
    assert (len(everything), everything.unsteady) == (25, 0)
    assert everything.drift[24] == pytest.approx(0.3, abs=1e-6)
    with pytest.raises(InputError, match=r"model.drift"):
        Profiles.load(opened, "train", ProfileSettings(share=1.0, drift=1e-3))


def test_it_learns_a_profile_it_was_not_shown(trained: Path, dataset: Path) -> None:
    """Far better than the mean profile, on simulations that decided nothing."""
    opened = Dataset.open(dataset)
    known, unseen = (Profiles.load(opened, split, SETTINGS) for split in ("train", "test"))
    predictor = ProfilePredictor.load(trained)
    mean = known.temperature.mean(axis=0)
    errors, baseline = [], []
    for (gamma_T, gamma_p, heating, _), truth in zip(
        unseen.parameters, unseen.temperature, strict=True
    ):
        found = predictor.profile(gamma_T, gamma_p, heating, heights_of(GRID))
        errors.append(np.abs(found - truth)[1:-1].mean())
        baseline.append(np.abs(mean - truth)[1:-1].mean())
    assert np.mean(errors) < np.mean(baseline) / 3
    card = predictor.card
    assert card["test"]["mean"] == pytest.approx(np.mean(errors), rel=1e-3)
    assert card["data"]["simulations"] == {"train": 24, "validation": 6, "test": 4}
    assert card["data"]["unsteady_left_out"]["train"] == 1


# The start of a run


def test_a_run_starts_from_the_prediction_and_its_perturbation(trained: Path) -> None:
    overrides = ("rheology.gamma_T=1e8", "rheology.gamma_p=10", "model.heating=5")
    config = configured(*overrides, "initial.amplitude=0.02", "initial.seed=3", weights=trained)
    grid = grid_of(config)
    found = initial_temperature(config, grid)
    perturbation = 0.02 * initial.random_perturbation(grid, 3)
    profile = ProfilePredictor.load(trained).profile(1e8, 10.0, 5.0, grid.y_cells)
    np.testing.assert_allclose(found - perturbation, np.repeat(profile[:, None], 32, axis=1))
    np.testing.assert_allclose(profile, analytic(1e8, 10.0, 5.0, grid.y_cells), atol=0.05)


def test_it_warns_outside_its_training_range(
    trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="tellus"):
        config = configured("rheology.gamma_T=1e8", "model.heating=5", weights=trained)
        initial_temperature(config, grid_of(config))
        assert not caplog.messages
        config = configured("rheology.gamma_T=1e3", "boundaries.top_value=0.1", weights=trained)
        initial_temperature(config, grid_of(config))
    assert len(caplog.messages) == 2
    assert "gamma_T = 1000 is outside" in caplog.messages[0]
    assert "boundaries" in caplog.messages[1]


def test_other_laws_and_weights_of_no_predictor_are_bad_input(trained: Path, model: Path) -> None:
    """And a card without the range that a start is warned by."""
    edit_card(model, lambda card: card.update(range={}))
    laws = ("kind=constant", "yield_stress=1.0", "layer_factors=[2.0]")
    for config, words in (
        *((configured(f"rheology.{law}", weights=trained), "Frank-Kamenetskii") for law in laws),
        (configured(weights=TWO_LEVEL), "model of kind two-level"),
        (configured(weights=model), "does not describe"),
    ):
        with pytest.raises(InputError, match=words):
            initial_temperature(config, grid_of(config))


def test_the_shipped_predictor_knows_walls_and_heating() -> None:
    """It fits its simulations, meets the wall temperatures, and more heating is hotter."""
    predictor = ProfilePredictor.load()
    assert predictor.card["test"]["mean"] < 0.01
    heights = np.linspace(0.0, 1.0, 65)
    for gamma_T in (1e6, 1e8, 1e10):
        mild, strong = (predictor.profile(gamma_T, 10.0, heating, heights) for heating in (1, 9))
        for profile in (mild, strong):
            np.testing.assert_allclose(profile[[0, -1]], [1.0, 0.0], atol=0.06)
            assert -0.06 < profile.min() < profile.max() < 1.3
        assert strong.mean() > mild.mean() + 0.01


def test_weights_belong_to_a_predicted_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"initial.weights is only read with"):
        load_config(None, ["initial.weights=somewhere"])
    here = resolved(configured(weights=Path("models/profile")))
    assert here.initial.weights == str(Path("models/profile").absolute())


def test_the_command_runs_from_a_prediction_and_resumes(trained: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "run.toml", tmp_path / "run"
    config.write_text(
        f'[grid]\nnx = 16\nny = 8\n[initial]\nkind = "predicted"\nweights = "{trained}"\n'
        "[time]\nend = 1e-3\nmax_steps = 2\n"
    )
    for extra in ([], ["--resume", "--set", "time.max_steps=4"]):
        tellus("run", config, "--out", out, *extra)
