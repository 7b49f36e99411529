"""What holds of every kind of model: configured, trained, resumed, stored, found by its name."""

from pathlib import Path

import pytest
import torch

from helpers.small_models import assert_same_training
from tellus.config import load_training_config
from tellus.coupling.runs.info import describe
from tellus.errors import InputError
from tellus.surrogate.kinds import KINDS, Kind
from tellus.surrogate.model import kind_of, load_surrogate
from tellus.surrogate.settings import LoopSettings
from tellus.surrogate.training.learner import make_learner
from tellus.surrogate.training.train import train

PAPER = ["network.filters=4", "network.levels=2", "network.convolutions=1", "network.size=3"]
SMALL = {
    "two-level": ["base.solver=coarse:2", "network.block=2", "network.widths=[4]"],
    "multi-scale": PAPER,
    "time-unet": PAPER,
    "profile": ["network.width=4", "model.drift=1e6"],
    "closure": ["network.width=4", "model.steps=2", "model.coarsenings=[1, 2]"],
}
SHORT = ["epochs=2", "batch_size=4", "balanced=true", "averaging=0.9", "quiet_vrms=0"]


def small(name: str) -> LoopSettings:
    changes = [f"model.kind={name}", *SMALL[name], *(f"training.{change}" for change in SHORT)]
    return load_training_config(None, changes).settings()


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def data(kind: Kind, request: pytest.FixtureRequest) -> Path:
    """What it learns from."""
    name = "filtered_dataset" if kind.name == "closure" else "dataset"
    found: Path = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="module")
def trained(kind: Kind, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / kind.name
    train(small(kind.name), data, out, report=len)
    return out


def test_the_configuration_is_the_settings(kind: Kind) -> None:
    assert load_training_config(None, [f"model.kind={kind.name}"]).settings() == kind.settings()
    again = kind.settings.from_json(small(kind.name).to_json())
    assert again == small(kind.name) != kind.settings()


def test_a_resumed_training_is_the_one_never_stopped(
    kind: Kind, trained: Path, data: Path, tmp_path: Path
) -> None:
    class EnoughError(Exception):
        """Stands for a kill."""

    def after_one(line: str) -> None:
        if line.startswith("epoch 1"):
            raise EnoughError

    with pytest.raises(EnoughError):
        train(small(kind.name), data, tmp_path, report=after_one)
    train(small(kind.name), data, tmp_path, resume=True, report=len)
    assert_same_training(tmp_path, trained)


def test_a_model_comes_back_as_it_was_saved(kind: Kind, trained: Path, tmp_path: Path) -> None:
    model = kind.find("model").load(trained)
    model.save(tmp_path)
    for name in ("weights.safetensors", "card.json"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()
    assert kind.find("model").load(tmp_path / "weights.safetensors").sha256 == model.sha256


def test_what_a_directory_holds_is_known(kind: Kind, trained: Path) -> None:
    assert kind_of(trained) is kind
    assert kind.name in describe(trained)
    for other in KINDS.values():
        if other is not kind:
            with pytest.raises(
                InputError, match=f"is a model of kind {kind.name}, not {other.name}: "
            ):
                other.find("model").load(trained)
    if not kind.solves:
        with pytest.raises(InputError, match="not two-level or multi-scale: name a trained model"):
            load_surrogate(trained)


def test_a_network_of_ones_own_is_taken_or_refused(kind: Kind, data: Path) -> None:
    own, settings, cpu = torch.nn.Identity(), small(kind.name), torch.device("cpu")
    if kind.find("learner").takes_network:
        assert make_learner(settings, data, cpu, own).module is own
    else:
        with pytest.raises(InputError, match="takes no network of one's own"):
            make_learner(settings, data, cpu, own)
