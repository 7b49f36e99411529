"""Weights and cards on disk: safetensors and JSON only, whole, and found to belong together."""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from tellus.errors import InputError, RunFailedError
from tellus.io.json_file import read_json
from tellus.io.recognised import MODEL, expect, lost
from tellus.io.whole_file import sync, write_atomically, written_aside

from .card import CARD, check_card
from .kinds import Kind, kind_of_card

PICKLES = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"}
WEIGHTS = "weights.safetensors"


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
        raise lost(path, MODEL) from None
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
    weights = path / WEIGHTS if path.is_dir() else path
    if weights.suffix.lower() in PICKLES:
        raise InputError(
            f"{weights} is a pickle, which can run any code when loaded: "
            "save the weights as safetensors with Surrogate.save."
        )
    expect(path, MODEL)
    card = read_card(weights.with_name(CARD))
    tensors, _ = read_safetensors(weights)
    if sha256(weights.read_bytes()).hexdigest() != card.get("weights_sha256"):
        raise InputError(
            f"{weights} is not the file that {CARD} describes: copy both again, "
            "or resume the training that was stopped while writing them."
        )
    return StoredModel(weights, card, tensors)


Network = TypeVar("Network", bound=nn.Module)


def restored(model: StoredModel, build: Callable[[], Network], part: str = "") -> Network:
    """The module that `build` makes, with the stored weights in it, or in a `part` of it.

    Raises InputError unless the weights are those of that network, and finite. That is known
    before memory is taken: what a card describes may be larger than the machine.
    """
    with torch.device("meta"):
        described = _forms(build().get_submodule(part).state_dict())
    stored = _forms(model.tensors)
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
    made = build()
    made.get_submodule(part).load_state_dict(model.tensors)
    return made


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: f"{value.dtype} {list(value.shape)}" for name, value in tensors.items()}


def write_model(directory: Path, tensors: Mapping[str, Tensor], card: dict[str, Any]) -> None:
    """Write weights.safetensors and card.json, the digest of the one in the other.

    Where there is no room for both, those of before stay; RunFailedError, and they do too, where
    the card holds numbers that are not finite.
    """
    content = to_safetensors(tensors, {})
    card["weights_sha256"] = sha256(content).hexdigest()
    try:
        text = json.dumps(card, indent=2, allow_nan=False)
    except ValueError:
        raise RunFailedError(
            f"{directory / CARD} would hold numbers that are not finite: nothing was written there."
        ) from None
    directory.mkdir(parents=True, exist_ok=True)
    with written_aside(directory / CARD) as described:
        described.write(f"{text}\n".encode())
        described.flush()
        sync(described.fileno())
        write_atomically(directory / WEIGHTS, content)


def unknown_card(weights: Path, error: Exception) -> InputError:
    """What to say of a card that this version cannot follow."""
    reason = " ".join(f"{type(error).__name__}: {error}".split()[:40])
    return InputError(
        f"{weights.with_name(CARD)} does not describe a surrogate that this version knows "
        f"({reason}): copy weights and card again, or train anew."
    )


def to_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The content of a safetensors file; equal tensors give equal bytes."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(plain, dict(metadata) or None)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata; raises InputError for a missing or a damaged file."""
    from safetensors import SafetensorError, safe_open

    if path.exists() and not path.is_file():
        raise InputError(f"{path} is no file: put the weights in its place.")
    try:
        with safe_open(path, framework="pt") as archive:
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
            return tensors, archive.metadata() or {}
    except FileNotFoundError:
        raise lost(path, MODEL) from None
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged or truncated ({error}): copy it again.") from None
