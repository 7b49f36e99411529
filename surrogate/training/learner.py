"""What the training loop needs to know of whatever it trains, and what all that has in common."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.solver.grid import Array
from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.data import Dataset
from tellus.surrogate.files import write_model
from tellus.surrogate.kinds import KINDS
from tellus.surrogate.settings import LoopSettings
from tellus.version import __version__

FORMAT = 1
"""The format of a card."""

Settings = TypeVar("Settings", bound=LoopSettings)


class Split(Protocol):
    """The examples of a split."""

    @property
    def vrms(self) -> Array: ...  # of each example, shape (n,)

    def __len__(self) -> int: ...


class Learner(ABC, Generic[Settings]):
    """A module with its data, its loss and its score.

    A subclass reads its `parts`, "train" among them, and makes its `module` in `build`.

    Parameters
    ----------
    settings : LoopSettings
    data : Path
        Directory of a data set.
    device : torch.device
    network : torch.nn.Module, optional
        A network of one's own, where this kind takes one.

    Raises
    ------
    InputError
        The data are missing or damaged, or a network is given where none can be.
    """

    takes_network: ClassVar[bool] = True
    counted: ClassVar[str] = "snapshots"
    """What an example is, in the card."""

    module: nn.Module
    parts: Mapping[str, Split]

    def __init__(
        self, settings: Settings, data: Path, device: torch.device, network: nn.Module | None = None
    ) -> None:
        if network is not None and not self.takes_network:
            raise InputError(
                f"a model of kind {settings.kind} takes no network of one's own: leave out "
                "`network`."
            )
        self.settings, self.device = settings, device
        self.dataset = Dataset.open(data)
        self.grid = self.dataset.grid
        self.build(network)

    @abstractmethod
    def build(self, network: nn.Module | None) -> None:
        """Read `parts` and make `module`, of the network where one is given."""

    def __len__(self) -> int:
        """Training examples."""
        return len(self.parts["train"])

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Mean loss of the examples numbered `index`; those marked `mirrored` reflected in x.

        Of a subclass that does not yield `losses` of its own.
        """
        raise NotImplementedError

    def losses(self, index: Tensor, mirrored: Tensor) -> Iterator[tuple[Tensor, int]]:
        """What the optimiser takes a step after, one by one, and the examples it is a mean of."""
        yield self.loss(index, mirrored), len(index)

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Scores of the weights now in `module`; the lowest "mean" decides which are kept."""

    @abstractmethod
    def progress(self, scores: dict[str, float]) -> str:
        """The scores in words."""

    def examples(self) -> dict[str, Any]:
        """What the card says of the data that were learned from, beside its name and hash."""
        return {self.counted: {split: len(part) for split, part in self.parts.items()}}

    def own_entries(self) -> dict[str, Any]:
        """What the card holds besides, or in place of, what every card does."""
        return {}

    def weights(self) -> dict[str, Tensor]:
        """What is kept of `module`."""
        return self.module.state_dict()

    def export(self, out: Path, scores: dict[str, float], spent: float) -> None:
        """Write weights and card of `module` into `out`; `spent` are the seconds of training."""
        data, grid = self.dataset.card, self.grid
        known = [s for s in data["simulations"] if s["split"] == "train"]
        ranges = {k: [min(s[k] for s in known), max(s[k] for s in known)] for k in PARAMETERS}
        card = {
            "format": FORMAT,
            "kind": self.settings.kind,
            "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
            "boundaries": data["boundaries"],
            "range": ranges,
            **self.own_entries(),
            "parameters": sum(p.numel() for p in self.module.parameters()),
            "data": {
                "name": self.dataset.path.resolve().name,
                "hash": data["hash"],
                **self.examples(),
                "command": data.get("command"),
            },
            "training": self.settings.to_json(),
            "validation": scores,
            "seconds": {"data": data.get("seconds"), "training": spent},
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "version": __version__,
        }
        write_model(out, self.weights(), card)


def average(errors: NDArray[np.floating]) -> dict[str, float]:
    """Mean, median and 95th percentile: "mean", "median" and "p95" of a validation."""
    return {
        "mean": float(np.mean(errors)),
        "median": float(np.median(errors)),
        "p95": float(np.percentile(errors, 95)),
    }


def make_learner(
    settings: LoopSettings, data: Path, device: torch.device, network: nn.Module | None = None
) -> Learner[Any]:
    """The learner for settings of this kind."""
    kind = getattr(settings, "kind", "")
    if kind not in KINDS:
        raise InputError(f'model.kind "{kind}" is not known: choose one of {", ".join(KINDS)}.')
    learner: Learner[Any] = KINDS[kind].find("learner")(settings, data, device, network)
    return learner
