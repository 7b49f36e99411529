"""What the training loop needs to know of whatever it trains, and who provides it."""

from importlib import import_module
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.surrogate.data import Dataset
from tellus.surrogate.settings import LoopSettings

LEARNERS = {
    "two-level": "two_level.learner:TwoLevelLearner",
    "multi-scale": "multi_scale.learner:MultiScaleLearner",
    "time-unet": "time_unet.learner:TimeStepLearner",
    "profile": "profile.learner:ProfileLearner",
}
"""Where each `kind` of settings finds its learner. A new one needs a line here."""

PRECISIONS = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.float32,
    "float64": torch.float64,
}
"""The type of weights and data; "bfloat16" computes in mixed precision."""


class Learner(Protocol):
    """A module with its data, its loss and its score.

    Built as ``Learner(settings, data, device, network=None)``: `data` is the directory
    of a data set, `network` a module of one's own where the learner allows it.
    """

    module: nn.Module
    dataset: Dataset

    def __len__(self) -> int:
        """Training examples."""
        ...

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Mean loss of the examples numbered `index`; those marked `mirrored` reflected in x."""
        ...

    def validate(self) -> dict[str, float]:
        """Scores of the weights now in `module`; the lowest "mean" decides which are kept."""
        ...

    def export(self, out: Path, scores: dict[str, float], spent: float) -> None:
        """Write weights and card of `module` into `out`; `spent` are the seconds of training."""
        ...

    def progress(self, scores: dict[str, float]) -> str:
        """The scores in words."""
        ...

    def rms_velocity(self) -> Tensor:
        """Of each training example, for balanced sampling, shape (len(self),)."""
        ...


def make_learner(
    settings: LoopSettings, data: Path, device: torch.device, network: nn.Module | None = None
) -> Learner:
    """The learner for settings of this kind."""
    kind = getattr(settings, "kind", "")
    if kind not in LEARNERS:
        raise InputError(f'model.kind "{kind}" is not known: choose one of {", ".join(LEARNERS)}.')
    module, _, name = LEARNERS[kind].partition(":")
    make = getattr(import_module(f"tellus.surrogate.{module}"), name)
    learner: Learner = make(settings, data, device, network)
    return learner
