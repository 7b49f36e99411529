"""The paper's surrogate: what it sees, its training, its files, its use as a solver."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from math import log
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from helpers.cards import edit_card
from helpers.forked import ended, forked
from helpers.numerics import divergence
from helpers.rollouts import assert_same, case, tellus
from helpers.small_data import GRID, problem
from helpers.small_models import epochs_of
from tellus.coupling.directory.checkpoint import FOLDER
from tellus.coupling.runs.run import run_directory
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem
from tellus.surrogate.data import Dataset, load_snapshots
from tellus.surrogate.evaluation.evaluate import evaluate
from tellus.surrogate.model import load_surrogate
from tellus.surrogate.multi_scale.features import CHANNELS, Parameters, paper_features
from tellus.surrogate.multi_scale.learner import MultiScaleLearner
from tellus.surrogate.multi_scale.model import MultiScaleSurrogate
from tellus.surrogate.multi_scale.scale import (
    FromViscosity,
    Regression,
    fitted_scale,
    scale_from_json,
)
from tellus.surrogate.multi_scale.settings import MultiScaleSettings
from tellus.surrogate.network_settings import MultiScaleNetworkSettings
from tellus.surrogate.training.train import train

NETWORK = MultiScaleNetworkSettings(filters=4, levels=2, convolutions=1)
SETTINGS = MultiScaleSettings(network=NETWORK, epochs=2, batch_size=4, walls="exact")
SMALLER = replace(
    SETTINGS, epochs=1, network=replace(NETWORK, filters=2, levels=1, padding="zeros")
)
CPU = torch.device("cpu")


@pytest.mark.parametrize("ring", [False, True])
def test_channels_are_the_papers(ring: bool) -> None:
    it = problem(0, gamma_T=1e8, gamma_p=10.0, heating=5.0)
    temperature = torch.from_numpy(it.temperature)[None]
    seen = paper_features(temperature, Parameters.one(1e8, 10.0, 5.0, temperature), GRID, ring)
    named = dict(zip(CHANNELS, seen[0].numpy(), strict=True))
    inside = (slice(1, -1),) * 2 if ring else (slice(None),) * 2
    assert np.allclose(named["temperature"][inside], it.temperature)
    assert np.allclose(named["x"][inside], GRID.x_cells / 4)
    assert np.allclose(named["y"][inside], GRID.y_cells[:, None] / 4)
    clipped = np.clip(it.viscosity(), 1e-8, 1.0)
    assert np.allclose(named["log_viscosity"][inside], np.log10(clipped) / 8)
    for name, value in {"heating": 0.5, "gamma_T": 0.5, "gamma_p": 0.5}.items():
        assert np.allclose(named[name], value)
    if ring:
        assert np.all(named["temperature"][0] == 1.0)
        assert np.all(named["temperature"][-1] == 0.0)
        assert np.allclose(named["temperature"][1:-1, 0], it.temperature[:, 0])
        assert named["x"][0, -1] == pytest.approx(GRID.aspect / 4)
        # Viscosity on the walls from the temperature there: 1/gamma_T times gamma_p below.
        assert named["log_viscosity"][0, 5] == pytest.approx(-7 / 8)
        assert named["log_viscosity"][-1, 5] == 0.0


def test_regression_finds_the_power_law_it_is_given() -> None:
    random = np.random.default_rng(0)
    gamma_T, gamma_p = 10 ** random.uniform(6, 10, 40), 10 ** random.uniform(0, 2, 40)
    heating, rayleigh = random.uniform(0, 10, 40), np.full(40, 2.0)
    law = Regression(log(3.0), 1.7, 0.4, -0.5)
    found = Regression.fit(
        gamma_T, gamma_p, heating, rayleigh, law.of(gamma_T, gamma_p, heating, rayleigh)
    )
    assert np.allclose(list(found.to_json().values())[1:], [log(3.0), 1.7, 0.4, -0.5])
    assert Regression()(
        StokesProblem(GRID, np.zeros(GRID.cells), FrankKamenetskii(1e8, 10.0), heating=5.0)
    ) == pytest.approx(5 * np.exp(1.80167667 / 2) * 1e8**0.4330392 * 10**-0.46052953)


@pytest.mark.parametrize("kind", ["regression", "viscosity", "coarse:2"])
def test_scales_bring_velocities_together(kind: str, dataset: Path) -> None:
    """And every problem gets in use the scale that it had in training."""
    data = Dataset.open(dataset)
    snapshots = load_snapshots(data, "train")
    scale = fitted_scale(kind, snapshots)
    found = scale.each(snapshots)
    spread = np.std(np.log(snapshots.vrms / found))
    assert spread < 0.5 * np.std(np.log(snapshots.vrms))
    again = scale_from_json(json.loads(json.dumps(scale.to_json())))
    assert again(snapshots.problem(7)) == pytest.approx(found[7], rel=1e-6)


def test_a_scale_from_fields_does_not_know_the_law() -> None:
    """The same fields under another parametrisation: viscosity is all that counts."""

    class SameViscosity:
        def viscosity(self, temperature: np.ndarray, grid: Grid) -> np.ndarray:
            return FrankKamenetskii(1e7, 3.0).viscosity(temperature, grid)

    it = problem(1, gamma_T=1e7, gamma_p=3.0, heating=1.0)
    scale = FromViscosity(1.0, 0.9, -0.6, -0.2)
    assert scale(replace(it, rheology=SameViscosity())) == scale(it)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mass", "walls"), [("hard", "exact"), ("hard", "paper"), ("soft", "paper")]
)
def test_the_loss_of_a_mirrored_example_is_that_of_the_mirrored_field(
    mass: str, walls: str, dataset: Path
) -> None:
    """psi, and u with it, change sign under x -> aspect - x; v keeps it."""
    learner = MultiScaleLearner(
        replace(SETTINGS, mass=mass, walls=walls, precision="float64"), dataset, CPU
    )
    index = torch.tensor([3])
    mirrored = learner.loss(index, torch.tensor([True]))
    part = learner.parts["train"]
    part.temperature[3] = part.temperature[3].flip(-1)
    part.psi[3] = -part.psi[3].flip(-1)
    plain = learner.loss(index, torch.tensor([False]))
    assert mirrored.item() == pytest.approx(plain.item(), rel=1e-12)


@pytest.mark.parametrize(
    ("mass", "walls"),
    [
        ("hard", "exact"),
        pytest.param("hard", "paper", marks=pytest.mark.slow),
        pytest.param("soft", "paper", marks=pytest.mark.slow),
    ],
)
def test_one_snapshot_can_be_learned_by_heart(mass: str, walls: str, dataset: Path) -> None:
    """And another snapshot's velocity does not pass for it."""
    settings = replace(SETTINGS, mass=mass, walls=walls)
    torch.manual_seed(0)
    learner = MultiScaleLearner(settings, dataset, CPU)
    optimiser = torch.optim.Adam(learner.module.parameters(), lr=1e-2)
    index, plain = torch.tensor([2]), torch.tensor([False])
    first, psi = learner.loss(index, plain).item(), learner.parts["train"].psi
    for step in range(200):
        optimiser.zero_grad()
        value = learner.loss(index, plain)
        value.backward()
        optimiser.step()
        if step % 10 == 9:
            with torch.no_grad():
                learned, own = learner.loss(index, plain).item(), psi[2].clone()
                psi[2] = psi[9]
                other = learner.loss(index, plain).item()
                psi[2] = own
            if learned < 0.2 * first and learned < 0.75 * other:
                return
    pytest.fail(f"{first} has become {learned}, against {other} of another snapshot")


def test_a_trained_model_is_a_solver(trained: Path) -> None:
    it = problem(0, gamma_T=1e7, gamma_p=3.0, heating=2.0)
    solver = make_solver(f"surrogate:{trained}", GRID)
    flow = solver.solve(it)
    outflow = divergence(flow.u, flow.v, GRID)
    assert np.abs(outflow).max() < 1e-12 * np.abs(flow.u).max() / GRID.hy
    assert np.allclose(
        np.diff(flow.psi, axis=1) / -GRID.hx, flow.v, atol=1e-9 * np.abs(flow.v).max()
    )
    assert np.abs(flow.u).max() > 0
    hotter = solver.solve(replace(it, heating=4.0))
    assert not np.allclose(hotter.u, flow.u), "the paper's network sees H"


@pytest.fixture(scope="module")
def leaking(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the paper's walls, beside which its flow has a divergence."""
    out = tmp_path_factory.mktemp("models") / "paper"
    train(replace(SETTINGS, walls="paper", epochs=1), dataset, out, report=len)
    assert load_surrogate(out).flow(problem(0, 1e7, 3.0, 2.0)).divergent
    return out


def test_flow_of_other_heads_is_closed_at_the_walls(
    dataset: Path, leaking: Path, tmp_path: Path
) -> None:
    soft = tmp_path / "soft"
    train(replace(SETTINGS, mass="soft", walls="paper", epochs=1), dataset, soft, report=len)
    for out in (leaking, soft):
        flow = load_surrogate(out).flow(problem(0, gamma_T=1e7, gamma_p=3.0, heating=2.0))
        for wall in (flow.u[:, 0], flow.u[:, -1], flow.v[0], flow.v[-1]):
            assert not wall.any()
        assert np.allclose(np.diff(flow.psi, axis=0) / GRID.hy, flow.u)
    # Mass is conserved softly, which a stream function would hide: velocities are evaluated.
    result = evaluate(soft, dataset)
    assert "base" not in result
    assert result["divergence"]["inside"]["rms"] > 1e-4
    assert result["max_divergence"] >= result["divergence"]["walls"]["max"] > 1e-4
    assert result["previous_snapshot"]["ratio"] > 0
    assert result["snapshots"] == sum(d["snapshots"] for d in result["decades"])


@pytest.mark.parametrize("every", [3, 100])
def test_a_run_with_a_divergent_flow_resumes_bitwise(
    every: int, leaking: Path, tmp_path: Path
) -> None:
    """From step 3; and from step 0, whose checkpoint holds a flow that owns to its divergence."""

    def run(out: Path, steps: int, resume: bool = False) -> Path:
        box = ("grid.nx=32", "grid.ny=16", "grid.aspect=2.0", f"output.checkpoint_every={every}")
        changes = (f"stokes.solver=surrogate:{leaking}", f"time.max_steps={steps}")
        run_directory(case(*box, *changes), out, resume=resume, progress=False)
        return out

    out = run(tmp_path / "run", 5)
    # As a kill at step 5 leaves it.
    (newest,) = (out / FOLDER).glob("step-000000005-*")
    newest.unlink()
    run(out, 8, resume=True)
    assert_same(out, run(tmp_path / "alone", 8))


def by_forks(*command: str | Path) -> None:
    """Two processes that meet as those of `torchrun` do."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        meeting = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free.getsockname()[1])}
    ranks = [
        forked(lambda: tellus(*command), WORLD_SIZE="2", RANK=rank, **meeting) for rank in "01"
    ]
    assert [ended(rank) for rank in ranks] == [0, 0]


def by_torchrun(*command: str | Path) -> None:
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "tellus"]
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", *launcher, *command], env=variables, check=True)


@pytest.mark.parametrize("by_two", [by_forks, pytest.param(by_torchrun, marks=pytest.mark.slow)])
def test_two_processes_train_as_one(
    by_two: Callable[..., None], dataset: Path, tmp_path: Path
) -> None:
    """The same losses within rounding, batch for batch, also where shares are uneven."""
    config = tmp_path / "train.toml"
    config.write_text(
        '[model]\nkind = "multi-scale"\nwalls = "exact"\n'
        "[network]\nfilters = 2\nlevels = 1\nconvolutions = 1\n"
        "[training]\nepochs = 3\nbatch_size = 7\n"
    )
    command = ["train", str(config), "--data", str(dataset), "--out"]
    tellus(*command, tmp_path / "by-1")  # first: children need not import what it imports
    by_two(*command, str(tmp_path / "by-2"))
    losses = [[line["loss"] for line in epochs_of(tmp_path / out)] for out in ("by-1", "by-2")]
    assert len(losses[0]) == 3
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert losses[0][0] != losses[0][1]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda card: card["scale"].update(constant=float("nan")), "finite"),
        (lambda card: card["network"].update(filters=5), "size mismatch"),
        (lambda card: card.pop("scale"), "scale"),
        (lambda card: card.update(kind="profile"), r"network\.filters"),
    ],
)
def test_cards_that_do_not_fit_are_refused(
    damage: Callable[[dict[str, Any]], object], said: str, model: Path
) -> None:
    edit_card(model, damage)
    with pytest.raises(InputError, match=said):
        load_surrogate(model)


def test_a_grid_too_small_for_the_levels_is_refused(dataset: Path) -> None:
    settings = replace(SETTINGS, network=replace(NETWORK, levels=4))
    with pytest.raises(InputError, match=r"network\.levels"):
        MultiScaleLearner(settings, dataset, CPU)


def test_other_precisions_train_to_nearly_the_same(dataset: Path, tmp_path: Path) -> None:
    """bfloat16 on this processor too: only its speed is for GPUs."""
    losses = {}
    for each in ("float32", "float64", "bfloat16"):
        train(replace(SMALLER, precision=each), dataset, tmp_path / each, report=len)
        losses[each] = epochs_of(tmp_path / each)[0]["loss"]
    assert len(set(losses.values())) == 3
    for each, kind, near in (("float64", torch.float64, 1e-4), ("bfloat16", torch.float32, 0.1)):
        assert losses[each] == pytest.approx(losses["float32"], rel=near)
        surrogate = load_surrogate(tmp_path / each)
        assert isinstance(surrogate, MultiScaleSurrogate)
        assert next(surrogate.model.parameters()).dtype is kind
        flow = surrogate.flow(problem(0, gamma_T=1e7, gamma_p=3.0, heating=2.0))
        assert flow.u.dtype == np.float64


def test_tensorboard_is_written_where_it_is_installed(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stand-in for it; without, training goes on as ever."""
    written: list[tuple[str, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def __enter__(self) -> "SummaryWriter":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def add_scalar(self, name: str, value: float, epoch: int) -> None:
            written.append((name, epoch))

    stand_in = ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    twice = replace(SMALLER, epochs=2)
    train(twice, dataset, tmp_path / "with", report=len)
    assert {("loss", 1), ("loss", 2), ("mean", 2)} <= set(written)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    train(twice, dataset, tmp_path / "without", report=len)
    weights = [tmp_path / name / "weights.safetensors" for name in ("with", "without")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
