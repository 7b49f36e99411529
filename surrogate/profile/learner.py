"""The predictor of the profile of temperature in training."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.model import PRECISIONS
from tellus.surrogate.networks import seeded
from tellus.surrogate.training.learner import Learner

from .data import Profiles, heights_of
from .predictor import INPUTS, ProfileMLP, ProfilePredictor, points
from .settings import ProfileSettings


class ProfileLearner(Learner[ProfileSettings]):
    """See `Learner`; an example is a simulation, and mirrored it is the same."""

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

    def trained(self, card: dict[str, Any]) -> ProfilePredictor:
        assert isinstance(self.module, ProfileMLP)
        return ProfilePredictor(self.module, card)

    def examples(self) -> dict[str, Any]:
        """How many simulations were learned from, and how steady they are."""
        return {
            **super().examples(),
            "unsteady_left_out": {split: part.unsteady for split, part in self.parts.items()},
            "median_drift": {split: float(np.median(p.drift)) for split, p in self.parts.items()},
        }

    def own_entries(self) -> dict[str, Any]:
        """Inputs, network, the range of what was steady, and errors on a test split, if any."""
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
