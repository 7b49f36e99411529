"""Learning to step in time: a U-net in training, on pairs of snapshots of a data set.

The rival of a network in the solver's place (Agarwal et al. 2025, section II.4.2):
it takes temperature and velocities a hundred solver steps on in one go, and feeds
on its own answers when it is rolled out, see `time_rollout`.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.errors import InputError
from tellus.solver.defaults import QUIET_VRMS
from tellus.surrogate.model import PRECISIONS
from tellus.surrogate.multi_scale.scale import Regression
from tellus.surrogate.training.learner import Learner

from .data import Pairs, TimedSnapshots
from .model import CHANNELS, FIELDS, CellState, make_time_step_model, step_losses
from .settings import TimeUNetSettings

VALIDATION_BATCH = 16


class TimeStepLearner(Learner[TimeUNetSettings]):
    """Trains a U-net in time; `module` is the network alone."""

    takes_network = False
    counted = "pairs"
    parts: dict[str, Pairs]

    def build(self, network: nn.Module | None) -> None:
        settings = self.settings
        loaded = {
            split: TimedSnapshots.load(self.dataset, split) for split in ("train", "validation")
        }
        self.scale = Regression.fitted(loaded["train"])
        how = settings.interval, settings.quiet_vrms, PRECISIONS[settings.precision], self.device
        self.parts = {split: Pairs(each, self.scale, *how) for split, each in loaded.items()}
        log10_dt = self.parts["train"].log10_dt()
        self.model = make_time_step_model(settings, self.grid, log10_dt).to(self.device)
        self.module = self.model.network

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Mean over the examples of the sum over T, u and v."""
        losses, _, _ = self._losses(self.parts["train"], index, mirrored)
        return losses.sum(dim=1).mean()

    def _losses(
        self, part: Pairs, index: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, CellState, CellState]:
        """Loss of each field of each example, what was predicted, and the truth."""
        state, parameters, dt, target = part.select(index, mirrored, self.grid)
        predicted: CellState = self.model(state, parameters, dt, self.grid)
        settings = self.settings
        losses = step_losses(predicted, target, settings.scaling, settings.wall_weight)
        return losses, predicted, target

    def validate(self) -> dict[str, float]:
        """Losses over all pairs, and relative errors over those that move."""
        part, found = self.parts["validation"], []
        with torch.inference_mode():
            every = torch.arange(len(part), device=self.device)
            for index in every.split(VALIDATION_BATCH):  # type: ignore[no-untyped-call]
                plain = torch.zeros(len(index), dtype=torch.bool, device=self.device)
                losses, predicted, target = self._losses(part, index, plain)
                errors = [predicted.error(target, *fields) for fields in (FIELDS[:1], FIELDS[1:])]
                found.append(torch.cat([losses, torch.stack(errors, dim=1)], dim=1))
        columns = torch.cat(found).double().cpu().numpy()
        velocity = columns[part.vrms >= QUIET_VRMS, -1]
        if not len(velocity):
            raise InputError(
                f"{self.dataset.path}: nothing moves in the validation split; make a data set at "
                "higher gamma_T."
            )
        return {
            "mean": float(columns[:, :3].sum(axis=1).mean()),
            **{f"loss_{name}": float(columns[:, k].mean()) for k, name in enumerate(FIELDS)},
            "temperature_median": float(np.median(columns[:, 3])),
            "velocity_median": float(np.median(velocity)),
            "velocity_p95": float(np.percentile(velocity, 95)),
        }

    def own_entries(self) -> dict[str, Any]:
        return {
            "channels": list(CHANNELS),
            "network": self.settings.network.to_json(),
            "scale": self.scale.to_json(),
            "log10_dt": list(self.model.log10_dt),
        }

    def progress(self, scores: dict[str, float]) -> str:
        return (
            f"validation loss {scores['mean']:.4f}  median error of T "
            f"{100 * scores['temperature_median']:.2f} %, of velocity "
            f"{100 * scores['velocity_median']:.1f} %"
        )
