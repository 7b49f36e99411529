"""U-nets that learn to step in time: network, pairs, training, one step and many."""

import dataclasses
import json
import shutil
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.cards import card_of, edit_card
from helpers.small_data import GRID, make_runs
from helpers.small_models import epochs_of
from tellus.config import load_training_config
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.surrogate.data import Dataset
from tellus.surrogate.features import unfold
from tellus.surrogate.multi_scale.features import Parameters, ScaledSnapshots
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.multi_scale import TimeUNet
from tellus.surrogate.time_unet.data import TimedSnapshots, find_pairs, longest_chain
from tellus.surrogate.time_unet.evaluate import evaluate_time_unet, table
from tellus.surrogate.time_unet.learner import TimeStepLearner
from tellus.surrogate.time_unet.model import (
    CHANNELS,
    CellState,
    TimeStepper,
    make_time_step_model,
    node_divergence,
    step_losses,
)
from tellus.surrogate.time_unet.rollout import time_rollout
from tellus.surrogate.time_unet.settings import TimeUNetNetworkSettings, TimeUNetSettings

INTERVAL = 5
SMALL = TimeUNetNetworkSettings(filters=4, levels=2, convolutions=2, size=3)
SETTINGS = TimeUNetSettings(network=SMALL, interval=INTERVAL, epochs=3, batch_size=8, mirror=False)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four short simulations, a snapshot every 5 steps and more of them at the start."""
    return make_runs(
        tmp_path_factory.mktemp("stepping") / "data",
        f"grid.aspect={GRID.aspect}",
        "initial.kind=linear",
        "initial.amplitude=0.1",
        "time.dt_initial=1e-5",
        "dataset.log10_gamma_T=[6, 7]",
        f"dataset.snapshot_every={INTERVAL}",
        "dataset.dense_every=2",
        "dataset.dense_until=4",
        "stokes.solver=skip:5",
    )


def random_state(n: int, grid: Grid, seed: int = 0) -> CellState:
    """Random T, and a velocity from a random psi."""
    generator = torch.Generator().manual_seed(seed)
    temperature = torch.rand(n, *grid.cells, generator=generator)
    return CellState.of(temperature, unfold(torch.rand(n, *grid.cells, generator=generator)), grid)


def parameters_for(n: int) -> Parameters:
    return Parameters(torch.full((n,), 1e7), torch.full((n,), 10.0), torch.full((n,), 3.0))


# The network


@pytest.mark.parametrize("padding", ["zeros", "learned"])
@pytest.mark.parametrize("shape", [(16, 32), (17, 35)])
def test_the_network_keeps_height_and_width(padding: str, shape: tuple[int, int]) -> None:
    network = seeded(TimeUNet, 7, 3, dataclasses.replace(SMALL, padding=padding))
    assert network(torch.rand(2, 7, *shape)).shape == (2, 3, *shape)


@pytest.mark.parametrize(
    ("filters", "padding", "parameters"),
    [(16, "zeros", 0.20e6), (64, "zeros", 3.1e6), (6, "learned", 0.26e6), (16, "learned", 1.8e6)],
)
def test_the_four_unets_have_the_sizes_that_are_documented(
    filters: int, padding: str, parameters: float
) -> None:
    settings = TimeUNetNetworkSettings(filters=filters, padding=padding)
    network = seeded(TimeUNet, len(CHANNELS), 3, settings)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(parameters, rel=0.03)


def test_every_level_reaches_the_answer() -> None:
    """The coarsest level sees the whole box: a far corner moves the opposite one."""
    network = seeded(TimeUNet, 1, 1, dataclasses.replace(SMALL, levels=4, padding="zeros"))
    x = torch.rand(1, 1, *GRID.cells, requires_grad=True)
    network(x)[0, 0, 0, 0].backward()
    assert x.grad is not None
    assert float(x.grad[0, 0, -1, -1].abs()) > 0.0
    filters = [p for p in network.parameters() if p.dim() == 4]
    assert len(filters) == 4 * 2 + 3 * 2 + 1
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in filters)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hard_mass_conservation_leaves_no_divergence(dtype: torch.dtype) -> None:
    model = make_time_step_model(SETTINGS, GRID, (-4.0, 1.0)).to(dtype)
    shown = random_state(2, GRID).to(dtype), parameters_for(2).to(dtype)
    dt = torch.full((2,), 1e-4, dtype=dtype)
    found = model(*shown, dt, GRID)
    largest = torch.maximum(found.u.abs().max(), found.v.abs().max()).item()
    divergence = node_divergence(found.u, found.v, GRID).abs().max().item() * GRID.hy
    assert divergence < 20 * torch.finfo(dtype).eps * largest

    free = dataclasses.replace(SETTINGS, mass="none")
    loose = make_time_step_model(free, GRID, (-4.0, 1.0)).to(dtype)
    found = loose(*shown, dt, GRID)
    assert node_divergence(found.u, found.v, GRID).abs().max().item() > 0.1


def test_viscosity_is_that_of_the_temperature_it_is_shown_with() -> None:
    """What a rollout relies on: nothing but T decides the channel of viscosity."""
    model = make_time_step_model(SETTINGS, GRID, (-4.0, 2.0))
    state = random_state(1, GRID)
    seen = model.features(state, parameters_for(1), torch.tensor([1e-2]), GRID)[0]
    law = FrankKamenetskii(1e7, 10.0).viscosity(state.temperature[0].double().numpy(), GRID)
    expected = np.log10(np.clip(law, 1e-8, 1.0)) / 8
    np.testing.assert_allclose(seen[CHANNELS.index("log_viscosity")].numpy(), expected, atol=1e-6)
    assert torch.equal(seen[CHANNELS.index("temperature")], state.temperature[0])
    assert torch.equal(seen[CHANNELS.index("v")], state.v[0])
    torch.testing.assert_close(seen[CHANNELS.index("dt")], torch.ones(GRID.cells))


# The loss


def test_the_loss_weighs_walls_and_ranges_as_the_paper_does() -> None:
    zero = torch.zeros(1, *GRID.cells)
    ramp = torch.linspace(0, 0.02, GRID.nx).expand(1, *GRID.cells)
    target = CellState(ramp, 4 * ramp / 0.02, zero)
    wrong = zero.clone()
    wrong[0, 1, 5] = 1.0  # one cell from the floor
    wrong[0, 8, 16] = 1.0  # inside
    predicted = CellState(target.temperature + wrong, target.u + wrong, zero + wrong)
    cells = GRID.nx * GRID.ny
    scaled = step_losses(predicted, target, scaling=True, extra=10.0)[0] * cells
    plain = step_losses(predicted, target, scaling=False, extra=0.0)[0] * cells
    # The range of T, 0.02, would weigh 50: clipped to 10. That of u, 4, would weigh 1/4: to 1.
    torch.testing.assert_close(scaled, torch.tensor([120.0, 12.0, 120.0]), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(plain, torch.tensor([2.0, 2.0, 2.0]), rtol=1e-5, atol=1e-4)


# Pairs


def test_pairs_and_chains_are_found_by_their_steps() -> None:
    step = np.array([0, 2, 5, 10, 30, 35, 40, 45, 5, 10])
    simulation = np.array([0] * 8 + [1] * 2)
    before, after = find_pairs(simulation, step, 5)
    assert before.tolist() == [0, 2, 4, 5, 6, 8]
    assert after.tolist() == [2, 3, 5, 6, 7, 9]
    assert longest_chain(step[:8], 5) == [4, 5, 6, 7]
    assert longest_chain(step[:8], 7) == [0]


def chained(dataset: Path) -> tuple[TimedSnapshots, list[int]]:
    """The snapshots of the test simulation, and the longest chain of them."""
    history = TimedSnapshots.load(Dataset.open(dataset), "test")
    return history, longest_chain(history.step, INTERVAL)


def learner_of(dataset: Path, settings: TimeUNetSettings = SETTINGS) -> TimeStepLearner:
    return TimeStepLearner(settings, dataset, torch.device("cpu"))


def test_pairs_hold_what_the_data_set_holds(dataset: Path) -> None:
    learner = learner_of(dataset)
    # Steps 0, 5 .. 60 of each of two simulations.
    assert len(learner) == 2 * 12
    stored = next(iter(Dataset.open(dataset).simulations("train")))
    scale = learner.scale(stored.problem(0))
    still = torch.tensor([False])
    state, parameters, dt, target = learner.parts["train"].select(torch.tensor([2]), still, GRID)
    history = TimedSnapshots.load(learner.dataset, "train")
    first, second = (history.step[:15].tolist().index(n) for n in (10, 15))
    np.testing.assert_array_equal(state.temperature[0], stored.temperature[first])
    np.testing.assert_array_equal(target.temperature[0], stored.temperature[second])
    u = np.diff(stored.psi[second], axis=0) / GRID.hy
    expected = 0.5 * (u[:, 1:] + u[:, :-1]) / scale
    np.testing.assert_allclose(target.u[0], expected, atol=1e-5 * np.abs(expected).max())
    assert float(dt) == pytest.approx(history.time[second] - history.time[first])
    assert float(parameters.gamma_T[0]) == pytest.approx(stored.gamma_T[0])


def test_a_mirrored_pair_is_the_pair_of_the_mirrored_simulation(dataset: Path) -> None:
    part = learner_of(dataset).parts["train"]
    index, still = torch.tensor([3]), torch.tensor([False])
    mirrored = part.select(index, torch.tensor([True]), GRID)
    other, own = copy(part), part.snapshots
    image = {"temperature": own.temperature.flip(-1), "psi": -own.psi.flip(-1)}
    other.snapshots = dataclasses.replace(own, **image)
    expected = other.select(index, still, GRID)
    for ours, theirs in ((mirrored[0], expected[0]), (mirrored[3], expected[3])):
        torch.testing.assert_close(vars(ours), vars(theirs))


def test_settings_that_do_not_fit_are_bad_input(dataset: Path) -> None:
    deep = dataclasses.replace(SETTINGS, network=TimeUNetNetworkSettings(levels=5))
    with pytest.raises(InputError, match=r"network.levels = 5 .*take fewer levels"):
        make_time_step_model(deep, GRID, (-4.0, 1.0))
    with pytest.raises(InputError, match=r'model.mass must be one of "hard", "none"'):
        load_training_config(None, ["model.kind=time-unet", "model.mass=soft"])
    with pytest.raises(InputError, match=r"model.interval = 7 steps later"):
        learner_of(dataset, dataclasses.replace(SETTINGS, interval=7))
    with pytest.raises(InputError, match="quiet_vrms"):
        learner_of(dataset, dataclasses.replace(SETTINGS, quiet_vrms=1e9))


# Training


def fitted(learner: TimeStepLearner, steps: int = 60) -> float:
    """The loss of one pair after training on it alone."""
    index, still = torch.tensor([6]), torch.tensor([False])
    optimiser = torch.optim.Adam(learner.module.parameters(), lr=2e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = learner.loss(index, still)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return loss.item()


@pytest.mark.parametrize("mass", ["hard", "none"])
def test_one_pair_can_be_learned_and_a_scrambled_one_cannot(dataset: Path, mass: str) -> None:
    network = dataclasses.replace(SMALL, padding="zeros")
    settings = dataclasses.replace(SETTINGS, network=network, mass=mass, wall_weight=0.0)
    learner = learner_of(dataset, settings)
    begun = learner.loss(torch.tensor([6]), torch.tensor([False])).item()
    learned = fitted(learner)
    scrambled = learner_of(dataset, settings)
    part, found = scrambled.parts["train"], scrambled.parts["train"].snapshots
    order = torch.randperm(GRID.nx * GRID.ny, generator=torch.Generator().manual_seed(0))
    target = part.after[6]
    found.temperature[target] = found.temperature[target].flatten()[order].view(GRID.cells)
    cells = found.psi[target, :-1, :-1].flatten()[order].view(1, *GRID.cells)
    found.psi[target] = unfold(cells)[0]
    assert learned < 0.15 * begun
    assert fitted(scrambled) > 3 * learned


def test_training_writes_weights_a_card_and_scores(trained: Path, dataset: Path) -> None:
    card, lines = card_of(trained), epochs_of(trained)
    assert card["kind"] == "time-unet"
    assert card["network"] == SMALL.to_json()
    assert card["data"]["pairs"] == {"train": 24, "validation": 12}
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert card["validation"]["mean"] == min(line["validation"]["mean"] for line in lines)
    stepper, learner = TimeStepper.load(trained), learner_of(dataset)
    learner.module.load_state_dict(stepper.model.network.state_dict())
    scores = learner.validate()
    assert scores["mean"] == pytest.approx(card["validation"]["mean"], rel=1e-5)


# One step and many


class Oracle(torch.nn.Module):
    """Answers with the true next state, spoilt by as much as it is told."""

    def __init__(self, truth: CellState, factor: float = 1.0) -> None:
        super().__init__()
        self.truth, self.factor, self.calls = truth, factor, 0
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, state: CellState, parameters: Any, dt: torch.Tensor, grid: Grid) -> CellState:
        self.calls += 1
        n = slice(self.calls, self.calls + 1)
        temperature = self.truth.temperature[n] * self.factor**self.calls
        return CellState(temperature, self.truth.u[n], self.truth.v[n])


@pytest.fixture
def oracle(trained: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that puts an oracle of this factor in the place of the trained model."""

    def install(factor: float) -> None:
        stepper = TimeStepper.load(trained)
        history, chain = chained(dataset)
        found = ScaledSnapshots.of(history, stepper.scale.each(history))
        truth = CellState.of(found.temperature[chain], found.psi[chain], GRID)
        stepper.model = Oracle(truth, factor)  # type: ignore[assignment]
        monkeypatch.setattr(TimeStepper, "load", lambda path: stepper)

    return install


def test_a_perfect_stepper_is_never_lost(oracle: Any, trained: Path, dataset: Path) -> None:
    oracle(1.0)
    found = time_rollout(trained, dataset, "test", steps=10)
    assert found["lost"] == 0
    assert [row["alive"] for row in found["steps"]] == [1] * 10
    assert all(
        row["temperature_error"] == row["mean_temperature_error"] == 0 for row in found["steps"]
    )
    held = [row["held"]["temperature_error"] for row in found["steps"]]
    assert held == sorted(held)
    assert held[0] > 0


def test_a_growing_stepper_is_lost_where_it_leaves_the_bounds(
    oracle: Any, trained: Path, dataset: Path
) -> None:
    oracle(1.2)
    history, chain = chained(dataset)
    largest = history.temperature[chain].max(axis=(1, 2))
    ceiling = max(1.0, largest.max()) + 0.5
    expected = next(n for n in range(1, 11) if largest[n] * 1.2**n > ceiling)
    found = time_rollout(trained, dataset, "test", steps=10)
    assert (found["lost"], found["lost_at"]) == (1, [expected])
    assert found["per_simulation"][0]["diverged_at"] == expected
    assert [row["lost"] for row in found["steps"]] == [int(n >= expected) for n in range(1, 11)]
    assert len(found["per_simulation"][0]["temperature_error"]) == expected - 1


def test_a_rollout_is_fed_with_its_own_answers(
    trained: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellus.surrogate.time_unet.rollout.MARGIN", 1e3)
    stepper = TimeStepper.load(trained)
    history, chain = chained(dataset)
    part = history.select(chain[-4:])
    found = ScaledSnapshots.of(part, stepper.scale.each(part)).to(torch.float32)
    truth, parameters = CellState.of(found.temperature, found.psi, GRID), found.parameters
    state = truth.select(slice(1))
    errors = []
    for n in range(1, 4):
        dt = torch.tensor([part.time[n] - part.time[n - 1]]).float()
        state = stepper.step(state, parameters.select(slice(1)), dt)
        errors.append(float(state.error(truth.select(slice(n, n + 1)), "temperature")))
    found = time_rollout(trained, dataset, "test", steps=3, start="late")
    row = found["per_simulation"][0]
    np.testing.assert_allclose(row["temperature_error"], errors, rtol=1e-5)
    assert row["start_step"] == 45


def test_evaluation_says_what_a_step_is_worth(trained: Path, dataset: Path) -> None:
    found = evaluate_time_unet(trained, dataset, "validation")
    kept = card_of(trained)["validation"]
    assert found["relative_l2"]["median"] == pytest.approx(kept["velocity_median"], rel=1e-4)
    assert found["loss"]["u"] == pytest.approx(kept["loss_u"], rel=1e-4)
    assert found["max_divergence"] < 1e-5
    assert found["pairs"] + found["quiet_pairs_left_out"] == 12
    assert found["rollout"]["early"]["interval"] == INTERVAL
    json.dumps(found, allow_nan=False)
    assert "nothing changes" in table(found)


def test_what_does_not_fit_is_bad_input(trained: Path, dataset: Path, tmp_path: Path) -> None:
    shutil.copy(dataset / "card.json", tmp_path)
    edit_card(tmp_path, lambda card: card["grid"].update(nx=64))
    with pytest.raises(InputError, match=r"steps in time on 32x16 .* 64x16"):
        time_rollout(trained, tmp_path)
    with pytest.raises(InputError, match='"early" or "late"'):
        time_rollout(trained, dataset, start="never")
