"""A closure in training: some steps unrolled, held against what fine runs made."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Any, Self

import torch
from torch import Tensor, nn

from tellus.solver.grid import Grid
from tellus.surrogate.features import face_velocity
from tellus.surrogate.model import PRECISIONS
from tellus.surrogate.networks import seeded
from tellus.surrogate.rows import Rows
from tellus.surrogate.training.learner import Learner, average

from .data import Part, Stretches, load_part
from .distance import Distance
from .features import FLOW, STATE, Seen, flow_features, state_features
from .momentum import finer_flows, flow_errors, flow_squares
from .network import ClosureNetworks, DetailNetwork
from .settings import OWN, ClosureSettings
from .unrolled import BATCH, Errors, Segment, followed

ERRORS = tuple(own.name for own in fields(Errors))
NAMES = (*ERRORS, "flow")

NOT_ASKED = 1e-5
"""Ratios below are of errors that settings or data do not ask for."""

INVISIBLE = 2e-4
"""Errors of T within cells that need not become smaller."""


MARGIN = 0.05
"""How far a feature may leave its range in training, over that range."""

UNSEEN = torch.tensor([1e-6, 1e-4]).double()
"""Squares of relative errors, of velocity and of surface velocity, that need not become smaller."""

SURFACE = 0.3
"""Weight of surface velocity beside that of velocity."""

LEAST_ROWS = 0.02
"""Squares of relative errors of the velocity in rows that need not become smaller."""

LEAST_DRIFT = 5e-5
"""Mean drift of T(y) in a segment that need not become smaller."""

MEMORY = 0.15
"""Weight of the latest stretch in the mean drift that is remembered of a simulation."""


@dataclass(frozen=True)
class _Base(Rows):
    """What errors are divided by: those without a closure, and what is forgiven.

    `flow` has squares of the relative errors of velocity and surface velocity where each segment
    begins, shape (n, segments, 2); none of them where they are not asked for. `gap` is by how
    much T(y) is off where each segment ends, (n, segments, ny).
    """

    unrolled: Errors
    flow: Tensor
    gap: Tensor

    @classmethod
    def of(cls, grid: Grid, each: Stretches, settings: ClosureSettings) -> Self:
        parts: list[Self] = []
        with torch.inference_mode():
            for some in each.batches(BATCH):
                segments = followed(grid, some, None, settings.velocity == OWN)
                found = [cls._of_segment(grid, one, settings) for one in segments]
                parts.append(cls.joined(found, axis=1))
        return cls.joined(parts)

    @classmethod
    def _of_segment(cls, grid: Grid, segment: Segment, settings: ClosureSettings) -> Self:
        part, found, gap = segment
        change = part.temperature.diff(dim=1)
        floor, heat = settings.floor**2, (part.wall_heat**2).mean(dim=(1, 2))[:, None]
        mean = change.mean(dim=3).square().mean(dim=(1, 2))[:, None]
        flow = torch.empty(len(part), 1, 0)
        if settings.flow and part.within.numel():
            flow = flow_squares(grid, part, None)[:, None] + UNSEEN
        return cls(
            Errors(
                found.temperature + floor * change.square().mean(dim=(1, 2, 3))[:, None],
                found.profile + floor * mean,
                found.heat + floor * (heat + 1.0),
                found.within + INVISIBLE**2,
                found.rows + LEAST_ROWS,
            ),
            flow,
            gap[:, None],
        )


def _flow_ratio(grid: Grid, part: Stretches, base: Tensor, detail: DetailNetwork) -> Tensor:
    """Errors of the flow over those of the base, that of the surface counted in; shape (n,)."""
    squares = flow_errors(finer_flows(grid, part, detail), part.psi[:, 0], grid)
    velocity, surface = torch.sqrt(squares / base + 1e-12).unbind(1)
    together: Tensor = (velocity + SURFACE * surface) / (1.0 + SURFACE)
    return together


class ClosureInTraining(nn.Module):
    """The networks, and what is remembered of how T(y) drifts with them.

    One average over the stretches of each simulation and segment for each grid, (simulations,
    segments, ny): a drift that all of them share is what becomes a bias of long runs.
    """

    def __init__(self, networks: ClosureNetworks, drifts: dict[Grid, Tensor]) -> None:
        super().__init__()
        self.networks = networks
        for grid, drift in drifts.items():
            self.register_buffer(f"drift_{grid}", drift.clone())

    def drift(self, grid: Grid) -> Tensor:
        """The mean drift on a grid, shape (simulations, segments, ny), to be changed in place."""
        found: Tensor = getattr(self, f"drift_{grid}")
        return found


class ClosureLearner(Learner[ClosureSettings]):
    """Trains a closure; an example is a stretch of steps on one of the grids."""

    takes_network = False
    counted = "stretches"
    parts: dict[str, Part]
    module: ClosureInTraining

    def build(self, network: nn.Module | None) -> None:
        settings = self.settings
        self.parts = {s: load_part(self.dataset, s, settings) for s in ("train", "validation")}
        self._seen, self._distance = self._ranges(), Distance.of(self._begun)
        self._base = {
            split: {grid: _Base.of(grid, each, settings) for grid, each in part.stretches.items()}
            for split, part in self.parts.items()
        }
        own = settings.velocity == OWN
        made = seeded(ClosureNetworks, settings.network, own, seed=settings.seed)
        self._drift = {
            grid: _by_simulation(self._base["train"][grid].gap, each.simulation)
            for grid, each in self.parts["train"].stretches.items()
        }
        module = ClosureInTraining(made, self._drift)
        self.module = module.to(self.device, PRECISIONS[settings.precision])

    def weights(self) -> dict[str, Tensor]:
        """The networks alone."""
        return self.module.networks.state_dict()

    def _followed(
        self, grid: Grid, each: Stretches, base: _Base, training: bool = True
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Segment after segment, the errors of stretches over the base's, shape (6, n).

        Of each of `NAMES`, that of the flow 0 where it is not asked for. And, in training, what
        each stretch adds to the mean drift of T(y), over the base's, (n,).
        """
        networks, own = self.module.networks, self.settings.velocity == OWN
        kept = base.unrolled.to(self.device)
        segments = followed(grid, each.to(next(networks.parameters())), networks, own)
        for number, (part, ours, gap) in enumerate(segments):
            drift, flow = torch.zeros(2, len(part)).to(gap)
            if training:
                drift = self._added_drift(grid, each.simulation, number, gap)
            if base.flow.numel():
                flow = _flow_ratio(grid, part, base.flow[:, number], networks.detail).to(gap)
            pairs = ((getattr(ours, name)[:, 0], getattr(kept, name)[:, number]) for name in ERRORS)
            ratios = [torch.sqrt(one / of + 1e-12) for one, of in pairs]
            yield torch.stack([*ratios, flow]), drift

    def _added_drift(self, grid: Grid, simulation: Tensor, number: int, gap: Tensor) -> Tensor:
        """How much each stretch adds to the mean drift of its simulation, shape (n,)."""
        kept = self.module.drift(grid)[:, number]
        for row, one in zip(simulation.tolist(), gap.detach(), strict=True):
            kept[row].lerp_(one, MEMORY)
        ours, base = (one.square().mean(dim=1) for one in (kept, self._drift[grid][:, number]))
        # As of the logarithm of both together: where the base hardly drifts, no more than that.
        scale = ours.to(base) + base + LEAST_DRIFT**2
        added: Tensor = (kept[simulation].clone() * gap).mean(dim=1)
        return added / scale[simulation].to(added)

    def losses(self, index: Tensor, mirrored: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Segment after segment: errors over the base's, and the mean drift of T(y), weighted."""
        grids = [
            self._followed(grid, each, self._base["train"][grid].select(rows))
            for grid, rows, each in self.parts["train"].chosen(index.cpu())
        ]
        for segment in zip_longest(*grids):
            ratios, drifts = zip(*(found for found in segment if found is not None), strict=True)
            errors, drift = torch.cat(ratios, dim=1), torch.cat(drifts)
            yield self._weighted(errors).mean() + self.settings.drift * drift.mean(), len(drift)

    def _weighted(self, ratios: Tensor) -> Tensor:
        # Where the scheme hardly errs a ratio says little: large ones count as their logarithm.
        settings = self.settings
        temperature, profile, heat, within, rows, flow = torch.log1p(ratios).unbind()
        return (
            temperature
            + settings.profile * profile
            + settings.wall_heat * heat
            + settings.within * within
            + settings.rows * rows
            + settings.flow * flow
        )

    def validate(self) -> dict[str, float]:
        """Errors over those of the base; "mean" is the loss, by grid the medians."""
        scores, weighted = dict[str, float](), list[Tensor]()
        with torch.inference_mode():
            for grid, each in self.parts["validation"].stretches.items():
                bases = self._base["validation"][grid].batches(BATCH)
                found = [
                    ratios
                    for some, base in zip(each.batches(BATCH), bases, strict=True)
                    for ratios, _ in self._followed(grid, some, base, training=False)
                ]
                ratios = torch.cat(found, dim=1)
                weighted.append(self._weighted(ratios))
                medians = ratios.double().median(dim=1).values.tolist()
                scores |= {f"{n}_{grid}": m for n, m in zip(NAMES, medians, strict=True)}
        return average(torch.cat(weighted).double().cpu().numpy()) | scores

    def _beginnings(self) -> Iterator[tuple[Grid, Stretches, int]]:
        """The steps at which the segments of training stretches begin, in batches."""
        for grid, each in self.parts["train"].stretches.items():
            for some in each.batches(BATCH):
                for step in range(0, some.dt.shape[1], self.settings.steps):
                    yield grid, some, step

    def _begun(self) -> Iterator[Seen]:
        """The states there."""
        return (some.seen(some.temperature[:, step]) for _, some, step in self._beginnings())

    def _ranges(self) -> dict[str, list[float]]:
        """The range of each feature there, a little wider."""
        low, high = torch.full((2, len(STATE) + len(FLOW)), torch.inf)
        high = -high
        for grid, some, step in self._beginnings():
            of_state, _ = state_features(some.seen(some.temperature[:, step]))
            of_flow = flow_features(*face_velocity(some.mean_psi[:, step], grid), grid)
            found = torch.stack([*of_state, *of_flow]).flatten(1)
            low = torch.minimum(low, found.amin(dim=1))
            high = torch.maximum(high, found.amax(dim=1))
        odd = torch.tensor([*STATE.values(), *FLOW.values()])
        largest = torch.maximum(-low, high)
        low, high = torch.where(odd, -largest, low), torch.where(odd, largest, high)
        wider = MARGIN * (high - low)
        ends = zip((low - wider).tolist(), (high + wider).tolist(), strict=True)
        return {name: list(pair) for name, pair in zip((*STATE, *FLOW), ends, strict=True)}

    def own_entries(self) -> dict[str, Any]:
        return {
            "seen": self._seen,
            "distance": self._distance.to_json(),
            "channels": [*STATE, *FLOW],
            "network": self.settings.network.to_json(),
            "grids": [str(grid) for grid in self.parts["train"].stretches],
        }

    def progress(self, scores: dict[str, float]) -> str:
        grids = [str(grid) for grid in self.parts["validation"].stretches]
        found = (
            f"{name} " + "/".join(f"{scores[f'{name}_{grid}']:.2f}" for grid in grids)
            for name in NAMES
            if any(scores[f"{name}_{grid}"] > NOT_ASKED for grid in grids)
        )
        return f"validation {scores['mean']:.4f}  at {'/'.join(grids)}, of the base's: " + (
            ", ".join(found)
        )


def _by_simulation(gap: Tensor, simulation: Tensor) -> Tensor:
    """Means over the stretches of each simulation, (n, segments, ny) to (simulations, ...)."""
    count = int(simulation.max()) + 1
    found = gap.new_zeros((count, *gap.shape[1:])).index_add_(0, simulation, gap)
    members = torch.bincount(simulation, minlength=count).clamp(min=1)
    return found / members[:, None, None]
