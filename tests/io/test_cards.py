"""Cards and weights are what a card says, or refused before memory is taken."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.small_models import save_models
from tellus.errors import InputError, RunFailedError
from tellus.solver.grid import Grid
from tellus.surrogate import files
from tellus.surrogate.closure.model import LearnedClosure
from tellus.surrogate.kinds import KINDS, kind_of_card
from tellus.surrogate.model import load_surrogate
from tellus.surrogate.two_level.model import SHIPPED

PROFILE = SHIPPED.parent / "profile"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of every kind, in a folder named after it."""
    root = tmp_path_factory.mktemp("models")
    save_models(root, Grid(16, 16, 1.0))
    return root


@pytest.fixture
def models(made: Path, tmp_path: Path) -> dict[str, Path]:
    """The same, to be damaged."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return {kind: tmp_path / kind for kind in KINDS}


LOADERS: dict[str, Callable[[Path], object]] = {
    name: kind.find("model").load for name, kind in KINDS.items()
}


def test_shipped_cards_are_typed() -> None:
    assert kind_of_card({}).name == "two-level"
    for folder in (SHIPPED, PROFILE):
        files.read_card(folder / files.CARD)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["none", "nan", "missing", "extra", "shape", "dtype", "cut"])
def test_weights_that_are_not_the_networks(kind: str, damage: str, models: dict[str, Path]) -> None:
    stored = files.read_model(models[kind])
    tensors = {name: value.clone() for name, value in stored.tensors.items()}
    name, words = next(iter(tensors)), f"size mismatch of {next(iter(tensors))}"
    if damage == "nan":
        tensors[name].view(-1)[-1], words = float("nan"), r"weights\.safetensors .* not finite"
    elif damage == "missing":
        tensors.pop(name)
    elif damage == "extra":
        tensors["more"], words = torch.zeros(3), "size mismatch of more"
    elif damage == "shape":
        tensors[name] = tensors[name][..., None]
    elif damage == "dtype":
        tensors[name] = tensors[name].to(torch.int32)
    files.write_model(models[kind], tensors, stored.card)
    if damage == "cut":
        content, words = stored.weights.read_bytes(), "is damaged or truncated"
        stored.weights.write_bytes(content[: len(content) // 2])
    if damage == "none":
        LOADERS[kind](models[kind])
        return
    with pytest.raises(InputError, match=words):
        LOADERS[kind](models[kind])


LARGEST: dict[str, dict[str, Any]] = {
    "two-level": {"block": 64, "widths": [4096] * 3, "depth": 1},
    "multi-scale": {"filters": 1024, "convolutions": 8, "size": 5},
    "time-unet": {"filters": 1024, "convolutions": 8, "size": 5},
    "profile": {"width": 4096, "depth": 64},
    "closure": {"width": 1024, "depth": 32},
}


@pytest.mark.parametrize("kind", KINDS)
def test_networks_as_large_as_may_be_take_no_memory(
    kind: str, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All within the limits of a configuration, and beyond those of a machine."""
    file = models[kind] / files.CARD
    card = json.loads(file.read_text())
    card["network"] |= LARGEST[kind]
    file.write_text(json.dumps(card))

    def initialised(weights: torch.Tensor, *_: Any, **__: Any) -> None:
        assert weights.is_meta

    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", initialised)
    with pytest.raises(InputError, match=r"card\.json does not describe .* size mismatch"):
        LOADERS[kind](models[kind])


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("two-level", {"widths": [4096] * 13}, r"network\.widths"),
        ("two-level", {"depth": 65}, r"network\.depth: .* less than or equal to 64"),
        ("two-level", {"block": 10**9}, r"network\.block"),
        ("multi-scale", {"filters": 1025}, r"network\.filters"),
        ("multi-scale", {"size": 4}, "must be odd"),
        ("time-unet", {"levels": 13}, r"network\.levels"),
        ("time-unet", {"convolutions": True}, r"network\.convolutions"),
        ("profile", {"width": 4097}, r"network\.width"),
        ("profile", {"depth": 10**6}, r"network\.depth"),
    ],
)
def test_layers_have_the_limits_of_a_configuration(
    kind: str, change: dict[str, Any], words: str, models: dict[str, Path]
) -> None:
    file = models[kind] / files.CARD
    card = json.loads(file.read_text())
    card["network"] |= change
    file.write_text(json.dumps(card))
    with pytest.raises(InputError, match=words):
        LOADERS[kind](models[kind])


def test_a_closure_says_where_it_was_trained(models: dict[str, Path]) -> None:
    file = models["closure"] / files.CARD
    card = json.loads(file.read_text())
    name = next(iter(card["seen"]))
    for wrong in ([1.0, -1.0], None, ["a", "b"], [0.0]):
        file.write_text(json.dumps({**card, "seen": {**card["seen"], name: wrong}}))
        with pytest.raises(InputError, match=rf'card\.json does not .* of "{name}" is no range'):
            LearnedClosure.load(models["closure"])
    file.write_text(json.dumps({**card, "range": {**card["range"], "heating": None}}))
    with pytest.raises(InputError, match=r"card\.json does not .* no range of heating"):
        LearnedClosure.load(models["closure"])


def test_weights_that_are_no_file_are_not_waited_for(models: dict[str, Path]) -> None:
    weights = models["closure"] / files.WEIGHTS
    weights.unlink()
    os.mkfifo(weights)
    with pytest.raises(InputError, match="is no file"):
        LearnedClosure.load(models["closure"])


def test_a_card_of_what_is_not_finite_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match=r"card\.json would hold numbers that are not finite"):
        files.write_model(tmp_path / "model", {}, {"kind": "closure", "validation": float("nan")})
    assert not (tmp_path / "model").exists()


def test_an_unknown_kind_is_said(tmp_path: Path) -> None:
    files.write_model(tmp_path, {}, {"kind": "oracle"})
    with pytest.raises(InputError, match="its kind is none of two-level, "):
        load_surrogate(tmp_path)
