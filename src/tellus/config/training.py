"""The sections of a training configuration; defaults are those of `tellus.surrogate.settings`.

`[model] kind` decides which sections there are: `KINDS`, at the end of `config.py`.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, field_validator, model_validator

from tellus.surrogate.settings import MultiScaleSettings, TrainingSettings

from .fields import Section, quantity
from .sections import LARGEST_SEED

_DEFAULT = TrainingSettings()
_PAPER = MultiScaleSettings()

Width = Annotated[int, Field(ge=1, le=4096)]
Widths = Annotated[tuple[Width, ...], Strict(False), Field(min_length=1, max_length=12)]
MOST_EPOCHS, LARGEST_BATCH, LARGEST_WEIGHT = 10**7, 10**6, 1e6
Epoch = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]


class TwoLevelModelSection(Section):
    """What is trained: a correction of a cheap solution."""

    kind: Literal["two-level"] = quantity("two-level", "a cheap solution and a network on top")


class MultiScaleModelSection(Section):
    """What is trained: the network of Agarwal et al. (2025)."""

    kind: Literal["multi-scale"] = quantity("multi-scale", "temperature to velocity in one go")
    mass: Literal["hard", "soft"] = quantity(
        _PAPER.mass, "conserved by a stream function, or asked for in the loss"
    )
    walls: Literal["paper", "exact"] = quantity(
        _PAPER.walls, "central differences and padding, or psi at the nodes, zero on the walls"
    )
    scale: str = quantity(
        _PAPER.scale, "velocity scale: regression (eq. 4), viscosity, or coarse:N"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mass == "soft" and self.walls == "exact":
            raise ValueError(
                'model.walls = "exact" needs a stream function: take model.mass = "hard", or '
                'walls = "paper"'
            )
        if not re.fullmatch(r"regression|viscosity|coarse:([2-9]|[1-9][0-9]+)", self.scale):
            raise ValueError(
                f'model.scale = "{self.scale}" must be "regression", "viscosity" or "coarse:4"'
            )
        return self


class BaseSection(Section):
    """The cheap solution that the network corrects."""

    solver: str = quantity(_DEFAULT.base, "a cheap Stokes solution, such as coarse:4")

    @field_validator("solver")
    @classmethod
    def _reads_as_a_name(cls, name: str) -> str:
        """Grammar only; `tellus.surrogate.base` knows which bases exist."""
        if not re.fullmatch(r"[a-z][a-z0-9_-]*(:.+)?", name):
            raise ValueError(f'base.solver must be a name such as "coarse:4", not "{name}"')
        return name


class FeaturesSection(Section):
    """What the network is shown."""

    residual: bool = quantity(_DEFAULT.features.residual, "show what the base leaves unsolved")


class NetworkSection(Section):
    """The multi-scale convolutional network."""

    block: int = quantity(_DEFAULT.network.block, "space-to-depth factor", "cells", ge=1, le=64)
    widths: Annotated[tuple[Width, ...], Strict(False), Field(min_length=1, max_length=12)] = (
        quantity(_DEFAULT.network.widths, "channels of each level, finest first")
    )
    depth: int = quantity(_DEFAULT.network.depth, "residual blocks each way", ge=1, le=64)


class MultiScaleNetworkSection(Section):
    """The paper's network."""

    filters: int = quantity(_PAPER.network.filters, "channels of every layer", ge=1, le=1024)
    levels: int = quantity(_PAPER.network.levels, "grids, each twice as coarse", ge=1, le=12)
    convolutions: int = quantity(_PAPER.network.convolutions, "at each level", ge=1, le=64)
    size: int = quantity(_PAPER.network.size, "side of a filter, odd", "cells", ge=1, le=15)
    padding: Literal["learned", "zeros", "replicate"] = quantity(
        _PAPER.network.padding, "what convolutions see beyond the border"
    )

    @model_validator(mode="after")
    def _filters_have_a_middle(self) -> Self:
        if self.size % 2 == 0:
            raise ValueError(f"network.size = {self.size} must be odd, such as 5")
        return self


class PaperLossSection(Section):
    """Which terms of the paper's loss count."""

    scaling: bool = quantity(_PAPER.loss.scaling, "divide by each example's range (eq. 6)")
    wall_weight: float = quantity(
        _PAPER.loss.wall_weight,
        "extra weight of the two cells next to walls (eq. 7)",
        ge=0,
        le=LARGEST_WEIGHT,
    )
    derivative: bool = quantity(_PAPER.loss.derivative, "errors of du/dy and dv/dx too (eq. 10)")
    divergence: bool = quantity(_PAPER.loss.divergence, "|div u| where it is not zero (eq. 9)")


class LossSection(Section):
    """Weights of the terms of the loss."""

    l1: float = quantity(
        _DEFAULT.loss.l1, "weight of the mean absolute error", ge=0, le=LARGEST_WEIGHT
    )
    l2: float = quantity(
        _DEFAULT.loss.l2, "weight of the relative velocity error", ge=0, le=LARGEST_WEIGHT
    )
    gradient: float = quantity(
        _DEFAULT.loss.gradient, "weight of velocity gradients", ge=0, le=LARGEST_WEIGHT
    )

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if self.l1 == self.l2 == self.gradient == 0:
            raise ValueError("one of loss.l1, loss.l2 and loss.gradient must be above 0")
        return self


class TrainingSection(Section):
    """The optimiser and what it is fed."""

    epochs: int = quantity(_DEFAULT.epochs, "passes over the snapshots", ge=1, le=MOST_EPOCHS)
    batch_size: int = quantity(_DEFAULT.batch_size, "snapshots per step", ge=1, le=LARGEST_BATCH)
    learning_rate: float = quantity(_DEFAULT.learning_rate, "peak learning rate", gt=0, le=1)
    schedule: Literal["cosine", "halving"] = quantity(_DEFAULT.schedule, "of the learning rate")
    halve_after: Annotated[tuple[Epoch, ...], Strict(False)] = quantity(
        _DEFAULT.halve_after, "epochs after which schedule = halving halves it"
    )
    warmup: float = quantity(_DEFAULT.warmup, "share of all steps that warm up", ge=0, le=1)
    weight_decay: float = quantity(_DEFAULT.weight_decay, "decoupled decay of AdamW", ge=0, le=1)
    gradient_clip: float = quantity(
        _DEFAULT.gradient_clip, "largest norm of a gradient", gt=0, le=1e30
    )
    averaging: float = quantity(
        _DEFAULT.averaging, "decay of the averaged weights (0: no average)", ge=0, lt=1
    )
    mirror: bool = quantity(_DEFAULT.mirror, "show half of the examples reflected in x")
    balanced: bool = quantity(_DEFAULT.balanced, "draw every decade of rms velocity equally often")
    precision: Literal["float32", "tf32", "bfloat16", "float64"] = quantity(
        _DEFAULT.precision, "of the arithmetic; tf32 and bfloat16 for GPUs"
    )
    quiet_vrms: float = quantity(
        _DEFAULT.quiet_vrms,
        "leave out flows slower than this",
        "height / diffusion time",
        ge=0,
        le=1e12,
    )
    seed: int = quantity(_DEFAULT.seed, "seed of weights and order", ge=0, le=LARGEST_SEED)
    time_limit: float | None = quantity(
        _DEFAULT.time_limit, "stop after this long, resumable", "s", gt=0, le=1e9
    )


class PaperTrainingSection(TrainingSection):
    """The same, as the paper trained where it says so."""

    epochs: int = quantity(_PAPER.epochs, "passes over the snapshots", ge=1, le=MOST_EPOCHS)
    learning_rate: float = quantity(_PAPER.learning_rate, "peak learning rate", gt=0, le=1)
    schedule: Literal["cosine", "halving"] = quantity(_PAPER.schedule, "of the learning rate")
    weight_decay: float = quantity(_PAPER.weight_decay, "decoupled decay of AdamW", ge=0, le=1)
    averaging: float = quantity(
        _PAPER.averaging, "decay of the averaged weights (0: no average)", ge=0, lt=1
    )
    quiet_vrms: float = quantity(
        _PAPER.quiet_vrms,
        "leave out flows slower than this",
        "height / diffusion time",
        ge=0,
        le=1e12,
    )
