"""The state of an unfinished training: one file of tensors, and a line of metrics per epoch.

The file carries a digest of its content, so that a damaged one is not trained on.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from tellus.errors import InputError
from tellus.io.whole_file import not_followed, write_atomically
from tellus.surrogate import files
from tellus.surrogate.card import METRICS

CHECKPOINT = Path("checkpoint") / "last.safetensors"


class TrainingState(NamedTuple):
    """The tensors of an unfinished training, and its scalars, plain JSON."""

    tensors: dict[str, Tensor]
    scalars: dict[str, Any]

    @property
    def digest(self) -> str:
        content = files.to_safetensors(self.tensors, {"state": json.dumps(self.scalars)})
        return sha256(content).hexdigest()


def write_checkpoint(out: Path, state: TrainingState) -> None:
    """Tensors, with the scalars as JSON in the header: one file, replaced in one piece."""
    text = json.dumps(state.scalars | {"sha256": state.digest})
    (out / CHECKPOINT).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out / CHECKPOINT, files.to_safetensors(state.tensors, {"state": text}))


def read_checkpoint(out: Path) -> TrainingState:
    """What `write_checkpoint` wrote; raises InputError if it is damaged."""
    tensors, metadata = files.read_safetensors(out / CHECKPOINT)
    try:
        state = TrainingState(tensors, json.loads(metadata["state"]))
        digest = state.scalars.pop("sha256")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise InputError(
            f"{out / CHECKPOINT} is no checkpoint of a training: start again in a new directory."
        ) from None
    if digest != state.digest:
        raise InputError(
            f"{out / CHECKPOINT} is damaged: copy it again, or start again in a new directory."
        )
    return state


def append_metrics(out: Path, line: dict[str, Any]) -> None:
    """Add one line to metrics.jsonl."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / METRICS, "a", opener=not_followed) as stream:
        stream.write(json.dumps(line) + "\n")


def cut_metrics(out: Path, epochs: int) -> float:
    """Keep the lines of the first `epochs` epochs, and return how many seconds these took.

    Later ones will be written again. Raises InputError, and changes nothing, where one is damaged.
    """
    path, seconds = out / METRICS, 0.0
    if not path.exists():
        return seconds
    kept = path.read_text(errors="replace").splitlines()[:epochs]
    for number, line in enumerate(kept, 1):
        try:
            seconds += float(json.loads(line)["seconds"])
        except (ValueError, KeyError, RecursionError, TypeError, OverflowError):
            raise InputError(
                f"{path} is damaged in line {number}: copy it again, or remove it, which forgets "
                "how the epochs so far went."
            ) from None
    write_atomically(path, "".join(f"{line}\n" for line in kept).encode())
    return seconds
