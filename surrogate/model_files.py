"""A trained model on disk: its weights and its card, found to belong together."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.io.card_check import check_card
from tellus.io.json_file import read_json
from tellus.io.whole_file import sync, write_atomically, written_aside

from .files import CARD, WEIGHTS, read_safetensors, refuse_pickle, sha256, to_safetensors
from .kind import Kind
from .kinds import kind_of_card


class StoredModel(NamedTuple):
    """What `read_model` found: the weights file, the card, and the weights."""

    weights: Path
    card: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def kind(self) -> Kind:
        """What the card says it is."""
        return kind_of_card(self.card)


def read_card(path: Path) -> dict[str, Any]:
    """The card of a model of any kind; raises InputError if it is missing or damaged."""
    try:
        card = read_json(path, "copy it again")
    except FileNotFoundError:
        raise InputError(f"{path} is missing: weights come with their card, copy both.") from None
    try:
        check_card(kind_of_card(card).name, card)
    except ValueError as error:
        raise unknown_card(path, error) from None
    return card


def read_model(path: Path) -> StoredModel:
    """A trained model, its weights file and its card found to belong together.

    `path` is a directory made by training, or the .safetensors file in one. Raises
    InputError if something is missing, damaged, a pickle, or not of one training.
    """
    weights, card_path = _locate(path)
    card = read_card(card_path)
    tensors, _ = read_safetensors(weights)
    if sha256(weights.read_bytes()) != card.get("weights_sha256"):
        raise InputError(
            f"{weights} is not the file that {card_path.name} describes: copy both again, "
            "or resume the training that was stopped while writing them."
        )
    return StoredModel(weights, card, tensors)


def check_weights(model: StoredModel, build: Callable[[], nn.Module]) -> None:
    """Raise InputError unless the weights are those of the network that `build` makes, and finite.

    It is made without memory: what a card describes may be larger than the machine.
    """
    with torch.device("meta"):
        described = {name: _form(value) for name, value in build().state_dict().items()}
    stored = {name: _form(value) for name, value in model.tensors.items()}
    for name in [*described, *stored]:
        ours, theirs = (forms.get(name, "nothing") for forms in (described, stored))
        if ours != theirs:
            reason = f"size mismatch of {name}: its weights hold {theirs}, its network {ours}"
            raise unknown_card(model.weights, ValueError(reason))
    for name, value in model.tensors.items():
        if not torch.isfinite(value).all():
            raise InputError(
                f"{model.weights} holds weights that are not finite ({name}): copy it again, or "
                "train anew."
            )


Network = TypeVar("Network", bound=nn.Module)


def restored(model: StoredModel, build: Callable[[], Network], part: str = "") -> Network:
    """The module that `build` makes, with the stored weights in it, or in a `part` of it.

    Errors as in `check_weights`, which comes before any memory is taken.
    """
    check_weights(model, lambda: build().get_submodule(part))
    made = build()
    made.get_submodule(part).load_state_dict(model.tensors)
    return made


@contextmanager
def described(model: StoredModel) -> Iterator[None]:
    """What goes wrong in following a card is an InputError that names the card."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise unknown_card(model.weights, error) from None


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"


def write_model(directory: Path, tensors: Mapping[str, Tensor], card: dict[str, Any]) -> None:
    """Write weights.safetensors and card.json, the digest of the one in the other.

    Where there is no room for both, those of before stay.
    """
    content = to_safetensors(tensors, {})
    card["weights_sha256"] = sha256(content)
    directory.mkdir(parents=True, exist_ok=True)
    with written_aside(directory / CARD) as described:
        described.write(json.dumps(card, indent=2).encode() + b"\n")
        described.flush()
        sync(described.fileno())
        write_atomically(directory / WEIGHTS, content)


def _locate(path: Path) -> tuple[Path, Path]:
    """Weights and card."""
    if path.is_dir():
        return path / WEIGHTS, path / CARD
    refuse_pickle(path)
    if not path.exists():
        raise InputError(f"{path} is missing: name a directory made by `tellus train`.")
    return path, path.with_name(CARD)


def unknown_card(weights: Path, error: Exception) -> InputError:
    """What to say of a card that this version cannot follow."""
    reason = " ".join(f"{type(error).__name__}: {error}".split()[:40])
    return InputError(
        f"{weights.with_name(CARD)} does not describe a surrogate that this version knows "
        f"({reason}): copy weights and card again, or train anew."
    )
