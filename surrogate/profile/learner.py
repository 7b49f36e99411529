"""The predictor of the profile of temperature in training."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.surrogate.card import PARAMETERS, training_card
from tellus.surrogate.data import Dataset
from tellus.surrogate.networks.profile_mlp import ProfileMLP, make_profile_mlp
from tellus.surrogate.training.learner import PRECISIONS

from .data import Profiles, heights_of
from .predictor import INPUTS, ProfilePredictor, points
from .settings import ProfileSettings


class ProfileLearner:
    """See `Learner`; an example is a simulation, and mirrored it is the same."""

    def __init__(
        self,
        settings: ProfileSettings,
        data: Path,
        device: torch.device,
        network: nn.Module | None = None,
    ) -> None:
        if network is not None:
            raise InputError(
                "the profile predictor cannot be exchanged for a network of one's own: leave out "
                "`network`."
            )
        self.settings = settings
        self.dataset = Dataset.open(data)
        self.device = device
        self.heights = heights_of(self.dataset.grid)
        splits = {s["split"] for s in self.dataset.card["simulations"]} & {"test"}
        self.parts = {
            split: Profiles.load(self.dataset, split, settings)
            for split in ("train", "validation", *splits)
        }
        self._dtype = PRECISIONS[settings.precision]
        self._points, self._target = self._tensors(self.parts["train"])
        made = make_profile_mlp(len(INPUTS), settings.width, settings.depth, settings.seed)
        self.module: nn.Module = made.to(device, self._dtype)

    def _tensors(self, part: Profiles) -> tuple[Tensor, Tensor]:
        target = torch.from_numpy(part.temperature)
        seen = points(part.parameters, self.heights)
        return seen.to(self.device, self._dtype), target.to(self.device, self._dtype)

    def __len__(self) -> int:
        """Training examples."""
        return len(self.parts["train"])

    def rms_velocity(self) -> Tensor:
        """Of each training example."""
        return torch.from_numpy(self.parts["train"].vrms)

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Mean absolute error over examples and heights."""
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

    def export(self, out: Path, scores: dict[str, float], spent: float) -> None:
        """Weights and card, which has the errors on the test split if there is one."""
        assert isinstance(self.module, ProfileMLP)
        ProfilePredictor(self.module, self._card(scores, spent)).save(out)
        self.module.train()

    def _card(self, scores: dict[str, float], spent: float) -> dict[str, Any]:
        settings, train = self.settings, self.parts["train"].parameters
        examples = {
            "simulations": {split: len(part) for split, part in self.parts.items()},
            "unsteady_left_out": {split: part.unsteady for split, part in self.parts.items()},
            "median_drift": {split: float(np.median(p.drift)) for split, p in self.parts.items()},
        }
        return training_card(
            settings,
            self.dataset,
            self.module,
            examples,
            scores,
            spent,
            inputs=list(INPUTS),
            network={"width": settings.width, "depth": settings.depth},
            # Of the simulations that were steady enough to learn from.
            range={
                name: [float(train[:, k].min()), float(train[:, k].max())]
                for k, name in enumerate(PARAMETERS)
            },
            test=self._errors(self.parts["test"]) if "test" in self.parts else None,
        )

    def progress(self, scores: dict[str, float]) -> str:
        """Mean and worst error."""
        return (
            f"validation error of <T>(y) mean {scores['mean']:.4f}, worst simulation "
            f"{scores['worst']:.4f}"
        )
