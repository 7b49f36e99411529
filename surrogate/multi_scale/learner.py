"""The paper's network in training, on snapshots with their direct solutions."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.solver.defaults import QUIET_VRMS
from tellus.surrogate.data import load_snapshots
from tellus.surrogate.features import Velocity, face_velocity, reflect, relative_errors
from tellus.surrogate.model import PRECISIONS
from tellus.surrogate.training.learner import Learner, average

from .features import CHANNELS, ScaledSnapshots
from .loss import paper_loss
from .model import make_model
from .scale import fitted_scale
from .settings import MultiScaleSettings

VALIDATION_CELLS = 2**16
"""Cells of all snapshots validated at once: more leave the processor's cache."""


class MultiScaleLearner(Learner[MultiScaleSettings]):
    """Trains a multi-scale surrogate; `module` is the network alone."""

    parts: dict[str, ScaledSnapshots]

    def build(self, network: nn.Module | None) -> None:
        self.model = make_model(self.settings, self.grid).to(self.device)
        if network is not None:
            self.model.network = network.to(self.device)
        self.module = self.model.network
        settings, wide = self.settings, self.settings.precision == "float64"
        kind = np.float64 if wide else np.float32
        loaded = {
            split: load_snapshots(self.dataset, split, settings.quiet_vrms, kind)
            for split in ("train", "validation")
        }
        self.scale = fitted_scale(settings.scale, loaded["train"])
        self.parts = {
            split: ScaledSnapshots.of(each, self.scale.each(each)).to(
                self.device, PRECISIONS[settings.precision]
            )
            for split, each in loaded.items()
        }

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        return self._losses(self.parts["train"], index, mirrored)[0].mean()

    def _losses(
        self, part: ScaledSnapshots, index: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, Velocity, Tensor]:
        """Loss of each example, its true velocities on the faces, and the network's answer."""
        temperature = reflect(part.temperature[index], mirrored)
        psi = reflect(part.psi[index], mirrored, sign=-1.0)
        answer = self.model.answer(temperature, part.parameters.select(index), self.grid)
        answer = answer.to(part.psi.dtype)
        head, truth = self.model.head, face_velocity(psi, self.grid)
        predicted = head.velocity(answer, self.grid)
        divergence = head.divergence(predicted, self.grid)
        losses = paper_loss(predicted, head.target(*truth), divergence, self.settings.loss)
        return losses, truth, answer

    def validate(self) -> dict[str, float]:
        """Loss, and relative velocity errors on the faces of the snapshots that move."""
        part = self.parts["validation"]
        moving = torch.from_numpy(np.flatnonzero(part.even & (part.vrms >= QUIET_VRMS)))
        losses, errors = [], []
        batch = max(1, VALIDATION_CELLS // (self.grid.nx * self.grid.ny))
        with torch.inference_mode():
            for index in moving.to(self.device).split(batch):  # type: ignore[no-untyped-call]
                plain = torch.zeros(len(index), dtype=torch.bool, device=self.device)
                found, truth, answer = self._losses(part, index, plain)
                losses.append(found)
                faces = zip(self.model.head.faces(answer, self.grid), truth, strict=True)
                u, v = (predicted - expected for predicted, expected in faces)
                errors.append(relative_errors((u, v), truth))
        error = torch.cat(errors).double().cpu().numpy()
        return {**average(error), "loss": float(torch.cat(losses).mean())}

    def own_entries(self) -> dict[str, Any]:
        return {
            "channels": list(CHANNELS),
            "network": self.settings.network.to_json(),
            "scale": self.scale.to_json(),
        }

    def progress(self, scores: dict[str, float]) -> str:
        return (
            f"validation loss {scores['loss']:.4f}  error median {100 * scores['median']:.1f} %  "
            f"p95 {100 * scores['p95']:.1f} %"
        )
