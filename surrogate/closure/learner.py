"""A closure in training: states carried over some steps, held against what fine runs made."""

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from tellus.solver.grid import Grid
from tellus.surrogate.model import PRECISIONS
from tellus.surrogate.networks import seeded
from tellus.surrogate.training.learner import Learner, average

from .carrying import BATCH, Errors, errors, plain_errors
from .data import Part, Stretches, load_part
from .features import FLOW, STATE
from .network import ClosureNetworks
from .settings import ClosureSettings

NAMES = tuple(own.name for own in fields(Errors))

INVISIBLE = 2e-4
"""Errors of T within cells that need not become smaller."""


class ClosureLearner(Learner[ClosureSettings]):
    """See `Learner`; an example is a stretch of steps on one of the grids.

    Velocities are those of the fine run, so that nothing but transport is learned.
    """

    takes_network = False
    counted = "stretches"
    parts: dict[str, Part]
    module: ClosureNetworks

    def build(self, network: nn.Module | None) -> None:
        settings = self.settings
        self.parts = {s: load_part(self.dataset, s, settings) for s in ("train", "validation")}
        made = seeded(ClosureNetworks, settings.network, seed=settings.seed)
        self.module = made.to(self.device, PRECISIONS[settings.precision])
        self._forgiven = {
            id(each): self._base(grid, each)
            for part in self.parts.values()
            for grid, each in part.stretches.items()
        }

    def _base(self, grid: Grid, each: Stretches) -> Errors:
        """What the errors are divided by: those of the base, and what is forgiven."""
        found = plain_errors(grid, each)
        change = (each.temperature.diff(dim=1) ** 2).mean(dim=(1, 2, 3))
        floor, heat = self.settings.floor**2, (each.wall_heat**2).mean(dim=(1, 2))
        return Errors(
            (found.temperature + floor * change).clone(),
            (found.heat + floor * (heat + 1.0)).clone(),
            (found.within + INVISIBLE**2).clone(),
        )

    def _ratios(self, split: str, index: Tensor) -> Tensor:
        """Errors of the stretches numbered `index`, in order of their grids, over the base's.

        Shape (3, n): of T, of heat, and of T within cells.
        """
        part, found = self.parts[split], []
        for grid, rows, each in part.chosen(index.cpu()):
            ours = errors(grid, each.to(self.device), self.module)
            base = self._forgiven[id(part.stretches[grid])].select(rows).to(self.device)
            pairs = ((getattr(ours, name), getattr(base, name)) for name in NAMES)
            found.append(torch.stack([torch.sqrt(one / of + 1e-12) for one, of in pairs]))
        return torch.cat(found, dim=1)

    def loss(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """Errors of T, of the heat through bottom and top and of T within cells, weighted."""
        return self._weighted(self._ratios("train", index)).mean()

    def _weighted(self, ratios: Tensor) -> Tensor:
        temperature, heat, within = ratios.unbind()
        weighted: Tensor = temperature + self.settings.wall_heat * heat
        return weighted + self.settings.within * within

    def validate(self) -> dict[str, float]:
        """Errors over those of the base; "mean" is the loss, by grid the medians."""
        part = self.parts["validation"]
        with torch.inference_mode():
            batches = torch.arange(len(part)).split(BATCH)  # type: ignore[no-untyped-call]
            ratios = torch.cat([self._ratios("validation", index) for index in batches], dim=1)
        scores = average(self._weighted(ratios).double().cpu().numpy())
        first = 0
        for grid, each in part.stretches.items():
            mine = ratios[:, first : first + len(each)].double().median(dim=1).values
            scores |= {f"{name}_{grid}": float(m) for name, m in zip(NAMES, mine, strict=True)}
            first += len(each)
        return scores

    def own_entries(self) -> dict[str, Any]:
        return {
            "channels": [*STATE, *FLOW],
            "network": self.settings.network.to_json(),
            "grids": [str(grid) for grid in self.parts["train"].stretches],
        }

    def progress(self, scores: dict[str, float]) -> str:
        grids = [str(grid) for grid in self.parts["validation"].stretches]
        found = (
            f"{name} " + "/".join(f"{scores[f'{name}_{grid}']:.2f}" for grid in grids)
            for name in NAMES
        )
        return f"validation {scores['mean']:.4f}  at {'/'.join(grids)}, of the base's: " + (
            ", ".join(found)
        )
