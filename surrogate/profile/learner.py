"""The predictor of the profile of temperature in training, on one profile a simulation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.data import Dataset, Snapshots
from tellus.surrogate.model import PRECISIONS
from tellus.surrogate.networks import seeded
from tellus.surrogate.rows import Rows
from tellus.surrogate.training.learner import Learner

from .predictor import INPUTS, ProfileMLP, points
from .settings import ProfileSettings


@dataclass(frozen=True)
class Profiles(Rows):
    """The simulations of a split whose profile is steady enough.

    `parameters` has a column for each of `card.PARAMETERS`, shape (n, 4); `temperature` is the
    profile at `heights_of`, shape (n, ny+2); `drift` and `vrms` have shape (n,);
    `unsteady` counts those left out.
    """

    parameters: Array
    temperature: Array
    drift: Array
    vrms: Array
    unsteady: int

    @classmethod
    def load(cls, dataset: Dataset, split: str, settings: ProfileSettings) -> "Profiles":
        """Raises InputError if the split is unknown, damaged, or nowhere steady."""
        rows = [_one(simulation, settings.share) for simulation in dataset.simulations(split)]
        parameters, temperature, drift, vrms = (np.stack(part) for part in zip(*rows, strict=True))
        steady = (drift <= settings.drift) & (vrms >= settings.quiet_vrms)
        if not steady.any():
            raise InputError(
                f'{dataset.path}: no profile of "{split}" is steady, the least changes by '
                f"{drift.min():.3g}: raise model.drift, lower training.quiet_vrms, or make a data "
                "set of longer simulations."
            )
        found = cls(parameters, temperature, drift, vrms, unsteady=int((~steady).sum()))
        return found.select(steady)


def heights_of(grid: Grid) -> Array:
    """y of a profile: floor, cell centres, top, shape (ny+2,)."""
    return np.concatenate([[0.0], grid.y_cells, [1.0]])


def _one(simulation: Snapshots, share: float) -> tuple[Array, Array, Array, Array]:
    """Parameters, profile with the walls, drift and rms velocity of one simulation."""
    even = np.flatnonzero(simulation.even)
    last = even[-max(2, round(share * len(simulation))) :]
    profiles = simulation.temperature[last].astype(np.float64).mean(axis=2)
    first, second = (half.mean(axis=0) for half in np.array_split(profiles, 2))
    return (
        np.array([getattr(simulation, name)[0] for name in PARAMETERS]),
        np.concatenate([[1.0], profiles.mean(axis=0), [0.0]]),
        np.array(np.abs(second - first).max()),
        np.array(simulation.vrms[last].mean()),
    )


class ProfileLearner(Learner[ProfileSettings]):
    """Trains a profile predictor; an example is a simulation, whose mirror image is the same."""

    takes_network = False
    counted = "simulations"
    parts: dict[str, Profiles]

    def build(self, network: nn.Module | None) -> None:
        settings = self.settings
        self.heights = heights_of(self.grid)
        splits = {s["split"] for s in self.dataset.card["simulations"]} & {"test"}
        self.parts = {
            split: Profiles.load(self.dataset, split, settings)
            for split in ("train", "validation", *splits)
        }
        self._dtype = PRECISIONS[settings.precision]
        self._points, self._target = self._tensors(self.parts["train"])
        made = seeded(ProfileMLP, settings.width, settings.depth, seed=settings.seed)
        self.module = made.to(self.device, self._dtype)

    def _tensors(self, part: Profiles) -> tuple[Tensor, Tensor]:
        target = torch.from_numpy(part.temperature)
        seen = points(part.parameters, self.heights)
        return seen.to(self.device, self._dtype), target.to(self.device, self._dtype)

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        predicted: Tensor = self.module(self._points[index])
        return (predicted - self._target[index]).abs().mean()

    def validate(self) -> dict[str, float]:
        """Mean absolute errors over the validation simulations."""
        return self._errors(self.parts["validation"])

    def _errors(self, part: Profiles) -> dict[str, float]:
        seen, target = self._tensors(part)
        with torch.inference_mode():
            difference = (self.module(seen) - target).double().abs().cpu().numpy()
        # The walls, which are known, would flatter the figure.
        errors = difference[:, 1:-1].mean(axis=1)
        return {
            "mean": float(errors.mean()),
            "median": float(np.median(errors)),
            "worst": float(errors.max()),
            "largest": float(difference.max()),
        }

    def examples(self) -> dict[str, Any]:
        """How many simulations were learned from, and how steady they are."""
        return {
            **super().examples(),
            "unsteady_left_out": {split: part.unsteady for split, part in self.parts.items()},
            "median_drift": {split: float(np.median(p.drift)) for split, p in self.parts.items()},
        }

    def own_entries(self) -> dict[str, Any]:
        settings, train = self.settings, self.parts["train"].parameters
        return {
            "inputs": list(INPUTS),
            "network": {"width": settings.width, "depth": settings.depth},
            "range": {
                name: [float(train[:, k].min()), float(train[:, k].max())]
                for k, name in enumerate(PARAMETERS)
            },
            "test": self._errors(self.parts["test"]) if "test" in self.parts else None,
        }

    def progress(self, scores: dict[str, float]) -> str:
        return (
            f"validation error of <T>(y) mean {scores['mean']:.4f}, worst simulation "
            f"{scores['worst']:.4f}"
        )
