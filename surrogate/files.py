"""Weights and cards on disk: safetensors and JSON only, written whole or not at all."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from tellus.errors import InputError

PICKLES = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"}
WEIGHTS = "weights.safetensors"
CARD = "card.json"
SIMULATIONS = "simulations"
MAKERS = {"config.toml": "tellus dataset", "travel.json": "tellus unpack"}
"""What a data set that is begun holds, and the command that goes on with it."""

LOCK = ".lock"
"""What the command line keeps in a directory while it writes there; nobody's data."""


def no_data_set(path: Path) -> InputError:
    """What to say of a directory without a data set's card: begun and not finished, or none."""
    begun = [name for name in MAKERS if (path / name).is_file()]
    folder = path / SIMULATIONS
    if begun and folder.is_dir():
        there = sum(entry.suffix in (".zarr", ".npz") for entry in folder.iterdir())
        return InputError(
            f"{path} is an unfinished data set, {there} of its simulations are there: give its "
            f"`{MAKERS[begun[0]]}` command again, which goes on."
        )
    return InputError(f"{path} is no data set: it has no {CARD}; make one with `tellus dataset`.")


def to_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The content of a safetensors file; equal tensors give equal bytes."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(plain, dict(metadata) or None)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata; raises InputError for a pickle, a missing or a damaged file."""
    from safetensors import SafetensorError, safe_open

    refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as archive:
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
            return tensors, archive.metadata() or {}
    except FileNotFoundError:
        raise InputError(f"{path} is missing: name a directory made by `tellus train`.") from None
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged or truncated ({error}): copy it again.") from None


def refuse_pickle(path: Path) -> None:
    """Raise InputError for a file that only an unsafe loader could read."""
    if path.suffix.lower() in PICKLES:
        raise InputError(
            f"{path} is a pickle, which can run any code when loaded: "
            "save the weights as safetensors with Surrogate.save."
        )


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()
