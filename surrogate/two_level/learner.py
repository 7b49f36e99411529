"""The two-level surrogate in training: corrections of a base, relative to each example's flow."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.solver.grid import Grid
from tellus.surrogate.features import (
    face_velocity,
    names,
    reflect,
    relative_errors,
    square_sum,
)
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.residual_unet import UNet
from tellus.surrogate.training.learner import Learner, average

from .examples import Examples, load_examples, make_base
from .model import UNET, Corrector, Normalisation
from .settings import LossSettings, TrainingSettings

VALIDATION_BATCH = 32


class TwoLevelLearner(Learner[TrainingSettings]):
    """Trains a two-level surrogate; `module` is the network alone."""

    parts: dict[str, Examples]

    def build(self, network: nn.Module | None) -> None:
        settings = self.settings
        base = make_base(settings.base, self.grid)
        self.parts = {
            split: load_examples(self.dataset, split, base, settings.quiet_vrms).to(self.device)
            for split in ("train", "validation")
        }
        channels = len(names(settings.features.residual))
        self.module = network or seeded(UNet, channels, settings.network, seed=settings.seed)
        examples = self.parts["train"]
        self.normalisation = Normalisation.measure(
            examples.inputs, examples.target, self.grid, settings.features
        )
        self.model = Corrector(self.module, self.normalisation, settings.features).to(self.device)

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
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
        ours, theirs = (average(torch.cat(found).cpu().numpy()) for found in (model, base))
        return {**ours, "base_median": theirs["median"], "base_p95": theirs["p95"]}

    def examples(self) -> dict[str, Any]:
        """How much of which data was learned from."""
        return {
            "seed": self.dataset.card.get("seed"),
            "config": self.dataset.card.get("config"),
            "simulations": {split: len(self.dataset.entries(split)) for split in self.parts},
            **super().examples(),
        }

    def own_entries(self) -> dict[str, Any]:
        settings, own = self.settings, type(self.module)
        network = {"kind": f"{own.__module__}.{own.__qualname__}"}
        if issubclass(own, UNet):
            network = {"kind": UNET, **settings.network.to_json()}
        return {
            "base": settings.base,
            "features": settings.features.to_json(),
            "channels": names(settings.features.residual),
            "network": network,
            "normalisation": asdict(self.normalisation),
            "seed": settings.seed,
        }

    def progress(self, scores: dict[str, float]) -> str:
        return (
            f"validation error median {100 * scores['median']:.2f} %  "
            f"p95 {100 * scores['p95']:.2f} %  (base {100 * scores['base_median']:.2f} %, "
            f"{100 * scores['base_p95']:.2f} %)"
        )


def loss(psi: Tensor, reference: Tensor, grid: Grid, weights: LossSettings) -> Tensor:
    """The training loss, a scalar: the weighted terms of `LossSettings`, mean over examples.

    psi and reference: (n, ny+1, nx+1), in any unit that both share.
    """
    error = face_velocity(psi - reference, grid)
    truth = face_velocity(reference, grid)
    energy = square_sum(*truth)
    rms = torch.sqrt(energy / truth[0][0].numel())
    total = torch.zeros_like(rms)
    if weights.l1:
        total = total + weights.l1 * _absolute_mean(*error) / rms
    if weights.l2:
        total = total + weights.l2 * torch.sqrt(square_sum(*error) / energy + 1e-12)
    if weights.gradient:
        gradient_truth = _gradients(*truth, grid)
        rms_gradient = torch.sqrt(square_sum(*gradient_truth) / gradient_truth[0][0].numel())
        total = total + weights.gradient * _absolute_mean(*_gradients(*error, grid)) / rms_gradient
    return total.mean()


def _gradients(u: Tensor, v: Tensor, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """du/dx at the cells (dv/dy is its opposite), du/dy and dv/dx at the interior nodes."""
    return (
        torch.diff(u, dim=2) / grid.hx,
        torch.diff(u[..., 1:-1], dim=1) / grid.hy,
        torch.diff(v[:, 1:-1], dim=2) / grid.hx,
    )


def _absolute_mean(*parts: Tensor) -> Tensor:
    return torch.stack([part.abs().mean(dim=(1, 2)) for part in parts]).sum(dim=0)
