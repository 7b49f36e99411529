"""The two-level surrogate in training: corrections of a base, relative to each example's flow."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tellus.surrogate.base import make_base
from tellus.surrogate.card import training_card
from tellus.surrogate.data import Dataset, load_split
from tellus.surrogate.features import names, reflect
from tellus.surrogate.networks.residual_unet import make_network
from tellus.surrogate.settings import TrainingSettings

from .card import examples_of, own_entries
from .corrector import Corrector, Normalisation
from .losses import loss, relative_errors
from .model import Surrogate

VALIDATION_BATCH = 32


class TwoLevelLearner:
    """See `Learner`; `module` is the network alone."""

    def __init__(
        self,
        settings: TrainingSettings,
        data: Path,
        device: torch.device,
        network: nn.Module | None = None,
    ) -> None:
        self.settings = settings
        self.dataset = Dataset.open(data)
        self.grid = self.dataset.grid
        base = make_base(settings.base, self.grid)
        self.parts = {
            split: load_split(self.dataset, split, base, settings.quiet_vrms).to(device)
            for split in ("train", "validation")
        }
        channels = len(names(settings.features.residual))
        self.module = network or make_network(channels, settings.network, settings.seed)
        examples = self.parts["train"]
        self.normalisation = Normalisation.measure(
            examples.inputs, examples.target, self.grid, settings.features
        )
        self.model = Corrector(self.module, self.normalisation, settings.features).to(device)

    def __len__(self) -> int:
        """Training examples."""
        return len(self.parts["train"])

    def rms_velocity(self) -> Tensor:
        """Of each training example."""
        return torch.from_numpy(self.parts["train"].vrms)

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
        model, base = [], []
        with torch.inference_mode():
            for chunk in index.split(VALIDATION_BATCH):  # type: ignore[no-untyped-call]
                inputs, target = part.inputs.select(chunk), part.target[chunk]
                model.append(relative_errors(self.model(inputs, self.grid), target, self.grid))
                base.append(relative_errors(inputs.psi, target, self.grid))
        errors, base_errors = torch.cat(model).cpu().numpy(), torch.cat(base).cpu().numpy()
        return {
            "mean": float(np.mean(errors)),
            "median": float(np.median(errors)),
            "p95": float(np.percentile(errors, 95)),
            "base_median": float(np.median(base_errors)),
            "base_p95": float(np.percentile(base_errors, 95)),
        }

    def export(self, out: Path, scores: dict[str, float], spent: float) -> None:
        """Weights and card."""
        card = training_card(
            self.settings,
            self.dataset,
            self.module,
            examples_of(self.dataset, self.parts),
            scores,
            spent,
            **own_entries(self.settings, self.module, self.normalisation),
        )
        Surrogate(self.model, card).save(out)

    def progress(self, scores: dict[str, float]) -> str:
        """Median and 95th percentile, beside those of the base."""
        return (
            f"validation error median {100 * scores['median']:.2f} %  "
            f"p95 {100 * scores['p95']:.2f} %  (base {100 * scores['base_median']:.2f} %, "
            f"{100 * scores['base_p95']:.2f} %)"
        )
