"""The two-level surrogate: base, features, network, data, training, files and evaluation."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr
from scipy.interpolate import CubicSpline

from helpers.cards import card_of, edit_card
from helpers.numerics import divergence
from helpers.rollouts import files
from helpers.small_data import GRID, SNAPSHOTS, problem
from helpers.small_models import assert_same_training, epochs_of
from tellus.config import load_config
from tellus.coupling.simulation.loop import Simulation
from tellus.errors import InputError, InterruptedRunError
from tellus.solver.boundaries import BoundaryConditions, Wall
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import (
    StokesProblem,
    StokesReport,
    flow_from_psi,
    relative_velocity_error,
    velocity,
)
from tellus.surrogate.data import Dataset
from tellus.surrogate.evaluation.evaluate import evaluate
from tellus.surrogate.evaluation.table import table
from tellus.surrogate.features import (
    Inputs,
    face_velocity,
    features,
    fold,
    names,
    observe,
    relative_errors,
    to_inputs,
    unfold,
)
from tellus.surrogate.model import SurrogateSolver, load_surrogate
from tellus.surrogate.network_settings import NetworkSettings
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.residual_unet import UNet
from tellus.surrogate.training.checkpoint import CHECKPOINT, METRICS
from tellus.surrogate.training.parallel import processes
from tellus.surrogate.training.train import train
from tellus.surrogate.two_level.examples import load_examples, make_base
from tellus.surrogate.two_level.learner import loss
from tellus.surrogate.two_level.model import SHIPPED, Corrector, Normalisation, Surrogate
from tellus.surrogate.two_level.settings import (
    FeatureSettings,
    LossSettings,
    TrainingSettings,
)

SMALL = NetworkSettings(block=2, widths=(8, 8), depth=1)
SETTINGS = TrainingSettings(
    base="coarse:2",
    network=SMALL,
    epochs=4,
    batch_size=4,
    learning_rate=1e-2,
    quiet_vrms=0.1,
)


def problem_on(grid: Grid, seed: int = 0, gamma_T: float = 1e6) -> StokesProblem:
    return problem(seed, gamma_T, gamma_p=10.0, heating=0.0, grid=grid)


def inputs_of(problem: StokesProblem) -> Inputs:
    operator = PsiOperator(problem.grid, problem.boundaries)
    base = make_base("coarse:2", problem.grid)
    return to_inputs(observe(problem, base.stream_function(problem), operator)[0])


def mirrored(problem: StokesProblem) -> StokesProblem:
    temperature = np.ascontiguousarray(problem.temperature[:, ::-1])
    return replace(problem, temperature=temperature)


# The base


def test_the_base_is_what_shipped_weights_were_trained_on() -> None:
    """T averaged over blocks, the law on the coarse grid, natural bicubic splines: to the bit."""
    grid, coarse = Grid(64, 32, 2.0), Grid(16, 8, 2.0)
    problem = problem_on(grid)
    blocks = problem.temperature.reshape(8, 4, 16, 4).mean(axis=(1, 3))
    psi = DirectSolver(coarse).solve(StokesProblem(coarse, blocks, problem.rheology)).psi
    up, across = (
        CubicSpline(np.arange(n + 1.0), np.eye(n + 1), bc_type="natural")(np.arange(4 * n + 1) / 4)
        for n in (8, 16)
    )
    expected = up @ psi @ across.T
    base = make_base("coarse:4", grid)
    assert base.name == "coarse:4"
    np.testing.assert_array_equal(base.stream_function(problem)[1:-1, 1:-1], expected[1:-1, 1:-1])


def test_the_base_approaches_the_direct_solution_and_vanishes_on_walls() -> None:
    grid = Grid(64, 32, 2.0)
    problem, solver = problem_on(grid), DirectSolver(Grid(64, 32, 2.0))
    reference = solver.solve(problem)
    errors = []
    for factor in (4, 2):
        psi = make_base(f"coarse:{factor}", grid).stream_function(problem)
        flow = flow_from_psi(psi, grid, StokesReport("base"))
        errors.append(relative_velocity_error(flow, reference))
        assert not psi[[0, -1]].any()
        assert not psi[:, [0, -1]].any()
    assert errors[1] < 0.5 * errors[0] < 0.25


def test_an_impossible_base_is_bad_input() -> None:
    for name in ("fine:2", "coarse", "coarse:x", "coarse:0", "coarse:3"):
        with pytest.raises(InputError, match="coarse"):
            make_base(name, GRID)
    with pytest.raises(InputError, match=r"16x8 grid is too small .* at least 16"):
        make_base("coarse:4", Grid(16, 8, 2.0))


# Features and network


def test_cells_and_interior_nodes_correspond() -> None:
    nodes = torch.zeros(1, 5, 9)
    nodes[:, 1:-1, 1:-1] = torch.rand(1, 3, 7)
    assert torch.equal(unfold(fold(nodes)), nodes)
    assert not unfold(torch.ones(1, 4, 8))[:, [0, -1]].any()
    assert not unfold(torch.ones(1, 4, 8))[:, :, [0, -1]].any()


def test_mirrored_inputs_are_those_of_the_mirrored_problem() -> None:
    problem = problem_on(GRID)
    ours, theirs = inputs_of(problem).mirrored(torch.tensor([True])), inputs_of(mirrored(problem))
    for name in ("temperature", "log_viscosity", "psi", "residual"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), atol=1e-5, rtol=1e-3)


def test_features_do_not_depend_on_the_unit_of_viscosity() -> None:
    problem = problem_on(GRID)

    class Thicker(FrankKamenetskii):
        def viscosity(self, temperature: Array, grid: Grid) -> Array:
            return 1e3 * super().viscosity(temperature, grid)

    thicker = StokesProblem(GRID, problem.temperature, Thicker(1e6, 10.0))
    for residual in (True, False):
        ours, theirs = (features(inputs_of(p), GRID, residual) for p in (problem, thicker))
        assert ours.shape == (1, len(names(residual)), *GRID.cells)
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(16, 32), (20, 36), (12, 50)])
def test_the_network_takes_any_size_and_starts_from_the_base(shape: tuple[int, int]) -> None:
    network = seeded(UNet, 8, NetworkSettings(block=4, widths=(8, 8, 8)))
    assert not network(torch.rand(2, 8, *shape)).any()
    torch.nn.init.ones_(network.leave.weight)
    answer = network(torch.rand(2, 8, *shape))
    assert answer.shape == (2, *shape)
    assert answer.any()


def test_the_correction_vanishes_on_walls_whatever_the_network_says() -> None:
    class Loud(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(x[:, 0])

    unit = Normalisation([0.0] * 8, [1.0] * 8, 0.5)
    corrector = Corrector(Loud(), unit, FeatureSettings())
    inputs = inputs_of(problem_on(GRID))
    change = corrector(inputs, GRID) - inputs.psi
    assert not change[:, [0, -1]].any()
    assert not change[:, :, [0, -1]].any()
    torch.testing.assert_close(change[:, 1:-1, 1:-1], torch.full((1, 15, 31), 0.5))


def test_relative_errors_are_those_of_the_solver() -> None:
    problem = problem_on(GRID)
    reference = DirectSolver(GRID).solve(problem)
    psi = make_base("coarse:2", GRID).stream_function(problem)
    expected = relative_velocity_error(flow_from_psi(psi, GRID, StokesReport("base")), reference)
    gap, truth = (
        face_velocity(torch.tensor(p)[None], GRID) for p in (psi - reference.psi, reference.psi)
    )
    ours = relative_errors(gap, truth)
    assert float(ours) == pytest.approx(expected, rel=1e-10)


def test_losses_are_relative_and_vanish_at_the_truth() -> None:
    truth = torch.rand(3, *GRID.nodes, dtype=torch.float64)
    guess = truth + 0.1 * torch.rand(3, *GRID.nodes, dtype=torch.float64)
    weights = LossSettings(l1=1.0, l2=1.0, gradient=0.5)
    assert float(loss(truth, truth, GRID, weights)) < 1e-5
    scaled = loss(1e4 * guess, 1e4 * truth, GRID, weights)
    assert float(scaled) == pytest.approx(float(loss(guess, truth, GRID, weights)), rel=1e-6)


# Data


def test_loading_is_cached_and_the_cache_follows_the_data(dataset: Path) -> None:
    opened, base = Dataset.open(dataset), make_base("coarse:4", GRID)
    first = load_examples(opened, "train", base, 0.1)
    cache = dataset / "cache" / "coarse-4" / "sim_000.npz"
    stamp = cache.stat().st_mtime_ns
    second = load_examples(opened, "train", base, 0.1)
    assert cache.stat().st_mtime_ns == stamp
    assert torch.equal(first.inputs.psi, second.inputs.psi)
    cache.write_bytes(cache.read_bytes()[:200])
    third = load_examples(opened, "train", base, 0.1)
    assert torch.equal(first.inputs.residual, third.inputs.residual)
    assert len(first) == 5 * SNAPSHOTS


def test_damaged_data_are_bad_input(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set"):
        Dataset.open(tmp_path)
    (tmp_path / "card.json").write_text((dataset / "card.json").read_text()[:-40])
    with pytest.raises(InputError, match="cannot be read"):
        Dataset.open(tmp_path)
    (tmp_path / "card.json").write_text((dataset / "card.json").read_text())
    with pytest.raises(InputError, match="is missing"):
        next(Dataset.open(tmp_path).simulations("test"))
    store = zarr.open_group(tmp_path / "simulations" / "sim_007.zarr", mode="w")
    store.create_array("temperature", data=np.zeros((SNAPSHOTS, 16, 32), np.float32))
    with pytest.raises(InputError, match="cannot be read"):
        next(Dataset.open(tmp_path).simulations("test"))
    with pytest.raises(InputError, match='no split "exam"'):
        next(Dataset.open(dataset).simulations("exam"))


# Training


def test_training_improves_on_the_base_and_writes_a_line_per_epoch(
    trained: Path, dataset: Path
) -> None:
    lines, card = epochs_of(trained), card_of(trained)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert card["validation"]["median"] < card["validation"]["base_median"]
    seen = sorted(one["gamma_T"] for one in card_of(dataset)["simulations"][:5])
    assert card["range"]["gamma_T"] == [seen[0], seen[-1]]


def test_a_training_that_is_stopped_again_and_again_is_bitwise_the_one_never_stopped(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    """By a signal in its second epoch, then by its limit; a line of no checkpoint is dropped."""

    def stop_in_the_second_epoch(line: str) -> None:
        if line.startswith("epoch 1/"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptedRunError, match="SIGTERM"):
        train(SETTINGS, dataset, tmp_path, report=stop_in_the_second_epoch)
    with pytest.raises(InterruptedRunError, match="--resume"):
        train(replace(SETTINGS, time_limit=1e-9), dataset, tmp_path, resume=True, report=len)
    with (tmp_path / METRICS).open("a") as stream:
        stream.write('{"epoch": 4, "note": "written, but its checkpoint was not"}\n')
    train(SETTINGS, dataset, tmp_path, resume=True, report=len)
    assert_same_training(tmp_path, trained)
    lines = epochs_of(tmp_path)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert "note" not in lines[-1]


def test_a_signal_in_the_first_epoch_leaves_something_to_resume(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    def stopped(*arguments: object) -> str:
        raise InterruptedRunError("stopped.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tellus.surrogate.training.train.Training.run_epoch", stopped)
        with pytest.raises(InterruptedRunError, match="stopped"):
            train(SETTINGS, dataset, tmp_path / "m", report=len)
    with pytest.raises(InputError, match="--resume, resume=True"):
        train(SETTINGS, dataset, tmp_path / "m")
    train(SETTINGS, dataset, tmp_path / "m", resume=True, report=len)
    assert_same_training(tmp_path / "m", trained)


@pytest.mark.parametrize("resume", [False, True])
def test_a_training_takes_no_directory_that_holds_other_things(
    resume: bool, dataset: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("precious")
    before = [files(tmp_path), files(dataset)]
    for out, sentence in (
        (dataset, "is not empty and holds no training"),
        (model, "already holds a model, without the checkpoint"),
        (tmp_path / "file", "is a file"),
    ):
        with pytest.raises(InputError, match=sentence):
            train(SETTINGS, dataset, out, resume=resume, report=len)
    assert [files(tmp_path), files(dataset)] == before


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("network", "does not fit"),
        ("flip", "is damaged"),
        ("version", "is damaged"),
        ("metrics", "damaged in line 1"),
    ],
)
def test_what_does_not_fit_is_named_and_left_alone(
    place: str, said: str, dataset: Path, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(trained, out)
    file = out / (METRICS if place == "metrics" else CHECKPOINT)
    content = bytearray(file.read_bytes())
    if place == "flip":
        content[len(content) // 2] ^= 1
    elif place == "version":
        content = content.replace(b"optimiser/0/", b"optimizer/0/")
    elif place == "metrics":
        content = content[:16]
    file.write_bytes(content)
    network = seeded(UNet, 8, SMALL) if place != "network" else torch.nn.Conv2d(8, 1, 1)
    with pytest.raises(InputError, match=said):
        train(SETTINGS, dataset, out, resume=True, report=len, network=network)
    assert file.read_bytes() == bytes(content)


def test_processes_that_cannot_meet_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    for size in ("several", "0", "2"):
        monkeypatch.setenv("WORLD_SIZE", size)
        with pytest.raises(InputError, match="torchrun"), processes(torch.device("cpu")):
            pass


def test_a_training_that_cannot_be_is_refused(dataset: Path, trained: Path, tmp_path: Path) -> None:
    """On no such device, over another one, or under other settings."""
    for device in ("magic", "meta", "cuda:99", ""):
        with pytest.raises(InputError, match=f"--device {device} cannot be used") as refusal:
            train(SETTINGS, dataset, tmp_path / "m", device=device)
        assert len(str(refusal.value)) < 300
        assert not (tmp_path / "m").exists()
    with pytest.raises(InputError, match="already holds a model"):
        train(SETTINGS, dataset, trained)
    with pytest.raises(InputError, match="other settings"):
        train(replace(SETTINGS, seed=1), dataset, trained, resume=True, report=len)


def test_a_network_of_ones_own(dataset: Path, tmp_path: Path) -> None:
    class Mine(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(8, 1, 5, padding=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.layer(x)
            return answer[:, 0]

    train(replace(SETTINGS, epochs=1), dataset, tmp_path, report=len, network=Mine())
    with pytest.raises(InputError, match="Mine"):
        Surrogate.load(tmp_path)
    psi, _ = Surrogate.load(tmp_path, network=Mine()).predict(problem_on(GRID))
    assert psi.shape == GRID.nodes


# The model on disk and in use


def test_prediction_is_divergence_free_within_walls_and_follows_the_vigour(trained: Path) -> None:
    surrogate, problem = Surrogate.load(trained), problem_on(GRID)
    psi, seconds = surrogate.predict(problem)
    assert psi.dtype == np.float64
    assert set(seconds) == {"base", "features", "network"}
    u, v = velocity(psi, GRID)
    outflow = divergence(u, v, GRID)
    assert np.max(np.abs(outflow)) <= 1e-12 * np.max(np.abs(u)) / GRID.hx
    assert not u[:, [0, -1]].any()
    assert not v[[0, -1]].any()
    strong = surrogate.predict(replace(problem, rayleigh=100.0))[0]
    np.testing.assert_allclose(strong, 100.0 * psi, rtol=1e-3, atol=1e-3 * np.max(np.abs(strong)))
    still = replace(problem, temperature=np.full(GRID.cells, 0.5))
    assert np.isfinite(surrogate.predict(still)[0]).all()


def test_a_mirrored_problem_has_the_mirrored_flow() -> None:
    """Of the shipped weights, trained on both, but not told that they are the same."""
    problem = problem_on(Grid(128, 32, 4.0), seed=3)
    surrogate = Surrogate.load(None, problem.grid)
    psi, _ = surrogate.predict(problem)
    image, _ = surrogate.predict(mirrored(problem))
    base = surrogate.base.stream_function(problem)
    assert np.abs(psi - base).max() > 1e-3 * np.abs(psi).max()  # there is a correction
    # The base mirrors to its rounding, which flips last bits of what the network is shown.
    np.testing.assert_allclose(image, -psi[:, ::-1], rtol=0, atol=1e-7 * np.abs(psi).max())
    inputs = inputs_of(problem)
    both = inputs.with_mirror_image()
    swapped = inputs.mirrored(torch.tensor([True])).with_mirror_image()
    with torch.inference_mode():
        one, other = (
            surrogate.corrector.correction(surrogate.corrector.prepare(x, problem.grid))
            for x in (both, swapped)
        )
    assert torch.equal(one.flip(0), other)


def test_mirrored_runs_stay_mirrored() -> None:
    grid = Grid(64, 16, 4.0)
    config = load_config(None, ["grid.nx=64", "grid.ny=16", "rheology.gamma_T=1e6"])
    start = problem_on(grid, seed=4).temperature
    runs = [
        Simulation.from_config(
            config, SurrogateSolver(load_surrogate(None, grid)), temperature=temperature
        )
        for temperature in (start, np.ascontiguousarray(start[:, ::-1]))
    ]
    for _ in range(20):
        for run in runs:
            run.step()
    one, image = (run.temperature for run in runs)
    assert np.abs(one - start).max() > 1e-6
    np.testing.assert_allclose(image, one[:, ::-1], rtol=0, atol=1e-9)


def test_what_it_was_not_trained_for(trained: Path) -> None:
    """Another resolution works, and is warned of."""
    finer, law = Grid(48, 24, 2.0), FrankKamenetskii(5e6, 10.0)
    surrogate = Surrogate.load(trained, finer)
    assert surrogate.predict(problem_on(finer))[0].shape == finer.nodes
    warnings = surrogate.check(finer, BoundaryConditions(), law)
    assert warnings == ["the surrogate was trained at 32x16, not 48x24"]
    surrogate = Surrogate.load(trained)
    assert surrogate.check(GRID, BoundaryConditions(), law) == []
    (outside,) = surrogate.check(GRID, BoundaryConditions(), FrankKamenetskii(1e9, 10.0))
    assert "gamma_T" in outside
    with pytest.raises(InputError, match="aspect"):
        surrogate.check(Grid(32, 16, 4.0), BoundaryConditions(), law)
    with pytest.raises(InputError, match="no-slip"):
        surrogate.check(GRID, BoundaryConditions(top=Wall(velocity="no-slip")), law)


def test_changed_and_missing_weights_are_bad_input(model: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist: name a trained model"):
        Surrogate.load(model / "nowhere")
    path = model / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="is not the file"):
        Surrogate.load(model)
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        Surrogate.load(model)


def test_a_directory_is_one_whatever_it_is_called_and_pickles_are_refused(tmp_path: Path) -> None:
    for name in ("best.pt", "best.safetensors"):
        place = shutil.copytree(SHIPPED, tmp_path / name)
        assert Surrogate.load(place).sha256 == Surrogate.load().sha256
    place = place / "weights.safetensors"
    assert Surrogate.load(place.rename(place.with_name("weights"))).grid == Surrogate.load().grid
    for name in ("model.pt", "model.pth", "model.pkl", "pytorch_model.bin"):
        torch.save({}, tmp_path / name)
        with pytest.raises(InputError, match=f"{name} is a pickle"):
            Surrogate.load(tmp_path / name)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.pop("network"),
        lambda card: card["network"].update(widths=[4, 4]),
        lambda card: card["network"].update(unheard_of=1),
        lambda card: card["normalisation"].update(mean=[0.0]),
        lambda card: card.update(format=2),
        lambda card: card.update(base=4),
        lambda card: card["range"].update(gamma_p=[2.0, 1.0]),
        lambda card: card["network"].update(block=0),
        lambda card: card["normalisation"].update(spread=[0.0] * 8),
        lambda card: card["normalisation"].update(correction=-1.0),
    ],
)
def test_a_card_that_does_not_fit_is_bad_input(
    model: Path, change: Callable[[dict[str, object]], object]
) -> None:
    edit_card(model, change)
    with pytest.raises(InputError, match=r"card\.json does not describe a surrogate") as refusal:
        Surrogate.load(model, GRID)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda card: card.update(simulations=[]), "lists no simulations"),
        (lambda card: card.update(hash=None), "no text"),
        (lambda card: card.update(boundaries=3), "no text"),
        (lambda card: card["grid"].update(nx=1), r"card\.json cannot be read .* at least 4"),
        (lambda card: card.pop("simulations"), r"cannot be read \(it has no 'simulations'"),
        (lambda card: card["simulations"][7].update(gamma_T=-1.0), "simulations.7.gamma_T"),
        (lambda card: card["simulations"][7].update(gamma_T="big"), "cannot be read"),
        (lambda card: card["simulations"][7].update(snapshots=4), "does not hold 4 snapshots"),
        (lambda card: card["simulations"][7].update(split="other"), 'no split "test"'),
    ],
)
def test_a_damaged_card_of_a_data_set_is_bad_input(
    change: Callable[[Any], object],
    sentence: str,
    dataset: Path,
    trained: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(dataset, tmp_path / "data")
    edit_card(tmp_path / "data", change)
    with pytest.raises(InputError, match=sentence):
        evaluate(trained, tmp_path / "data")


def test_evaluation_compares_model_and_base(trained: Path, dataset: Path) -> None:
    result = evaluate(trained, dataset, "validation")
    assert json.loads(json.dumps(result)) == result
    assert result["snapshots"] == 2 * (SNAPSHOTS - 1)
    assert result["max_divergence"] < 1e-12
    assert set(result["walls"]) == {"left", "right", "top", "bottom"}
    assert 0 < result["relative_l2"]["median"] < result["base"]["relative_l2"]["median"] < 1
    # Training scores one look at each example, a prediction is the mean of two.
    one_look = card_of(trained)["validation"]["median"]
    assert 0.7 * one_look < result["relative_l2"]["median"] <= one_look
    text = table(result)
    assert "sim_005" in text
    assert "coarse:2 alone" in text
