"""The two-level surrogate in training: corrections of a base, relative to each example's flow."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.surrogate.base import make_base
from tellus.surrogate.features import face_velocity, names, reflect, relative_errors
from tellus.surrogate.networks.residual_unet import UNet, make_network
from tellus.surrogate.training.learner import Learner

from .corrector import Corrector, Normalisation
from .examples import Examples, load_examples
from .losses import loss
from .model import UNET, Surrogate
from .settings import TrainingSettings

VALIDATION_BATCH = 32


class TwoLevelLearner(Learner[TrainingSettings]):
    """See `Learner`; `module` is the network alone."""

    parts: dict[str, Examples]

    def build(self, network: nn.Module | None) -> None:
        """Read the examples and make the module."""
        settings = self.settings
        base = make_base(settings.base, self.grid)
        self.parts = {
            split: load_examples(self.dataset, split, base, settings.quiet_vrms).to(self.device)
            for split in ("train", "validation")
        }
        channels = len(names(settings.features.residual))
        self.module = network or make_network(channels, settings.network, settings.seed)
        examples = self.parts["train"]
        self.normalisation = Normalisation.measure(
            examples.inputs, examples.target, self.grid, settings.features
        )
        self.model = Corrector(self.module, self.normalisation, settings.features).to(self.device)

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Mean over the examples."""
        examples = self.parts["train"]
        inputs = examples.inputs.select(index).mirrored(mirrored)
        target = reflect(examples.target[index], mirrored, sign=-1.0)
        return loss(self.model(inputs, self.grid), target, self.grid, self.settings.loss)

    def validate(self) -> dict[str, float]:
        """Relative velocity errors of model and base over the evenly spread snapshots."""
        part = self.parts["validation"]
        index = torch.from_numpy(np.flatnonzero(part.even)).to(part.target.device)
        model: list[Tensor] = []
        base: list[Tensor] = []
        with torch.inference_mode():
            for chunk in index.split(VALIDATION_BATCH):  # type: ignore[no-untyped-call]
                inputs, target = part.inputs.select(chunk), part.target[chunk]
                truth = face_velocity(target, self.grid)
                for found, psi in ((model, self.model(inputs, self.grid)), (base, inputs.psi)):
                    found.append(relative_errors(face_velocity(psi - target, self.grid), truth))
        errors, base_errors = (torch.cat(found).cpu().numpy() for found in (model, base))
        return {
            "mean": float(np.mean(errors)),
            "median": float(np.median(errors)),
            "p95": float(np.percentile(errors, 95)),
            "base_median": float(np.median(base_errors)),
            "base_p95": float(np.percentile(base_errors, 95)),
        }

    def trained(self, card: dict[str, Any]) -> Surrogate:
        """The corrector with this card."""
        return Surrogate(self.model, card)

    def examples(self) -> dict[str, Any]:
        """How much of which data was learned from."""
        return {
            "seed": self.dataset.card.get("seed"),
            "config": self.dataset.card.get("config"),
            "simulations": {split: len(self.dataset.entries(split)) for split in self.parts},
            **super().examples(),
        }

    def own_entries(self) -> dict[str, Any]:
        """Base, features, network and normalisation."""
        settings = self.settings
        return {
            "base": settings.base,
            "features": settings.features.to_json(),
            "channels": names(settings.features.residual),
            "network": self._network(),
            "normalisation": {
                "mean": list(self.normalisation.mean),
                "spread": list(self.normalisation.spread),
                "correction": self.normalisation.correction,
            },
            "seed": settings.seed,
        }

    def _network(self) -> dict[str, Any]:
        network = self.module
        if isinstance(network, UNet):
            return {"kind": UNET, **self.settings.network.to_json()}
        return {"kind": f"{type(network).__module__}.{type(network).__qualname__}"}

    def progress(self, scores: dict[str, float]) -> str:
        """Median and 95th percentile, beside those of the base."""
        return (
            f"validation error median {100 * scores['median']:.2f} %  "
            f"p95 {100 * scores['p95']:.2f} %  (base {100 * scores['base_median']:.2f} %, "
            f"{100 * scores['base_p95']:.2f} %)"
        )
