"""The sections of a training configuration; defaults are those of `TrainingSettings`."""

import re
from typing import Annotated, Self

from pydantic import Field, Strict, field_validator, model_validator

from tellus.surrogate.settings import TrainingSettings

from .config_fields import Section, quantity
from .config_sections import LARGEST_SEED

_DEFAULT = TrainingSettings()

Width = Annotated[int, Field(ge=1, le=4096)]


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
    widths: Annotated[tuple[Width, ...], Strict(False), Field(min_length=1)] = quantity(
        _DEFAULT.network.widths, "channels of each level, finest first"
    )
    depth: int = quantity(_DEFAULT.network.depth, "residual blocks each way", ge=1, le=64)


class LossSection(Section):
    """Weights of the terms of the loss."""

    l1: float = quantity(_DEFAULT.loss.l1, "weight of the mean absolute error", ge=0)
    l2: float = quantity(_DEFAULT.loss.l2, "weight of the relative velocity error", ge=0)
    gradient: float = quantity(_DEFAULT.loss.gradient, "weight of velocity gradients", ge=0)

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if self.l1 == self.l2 == self.gradient == 0:
            raise ValueError("one of loss.l1, loss.l2 and loss.gradient must be above 0")
        return self


class TrainingSection(Section):
    """The optimiser and what it is fed."""

    epochs: int = quantity(_DEFAULT.epochs, "passes over the snapshots", ge=1)
    batch_size: int = quantity(_DEFAULT.batch_size, "snapshots per step", ge=1)
    learning_rate: float = quantity(_DEFAULT.learning_rate, "peak learning rate", gt=0, le=1)
    warmup: float = quantity(_DEFAULT.warmup, "share of all steps that warm up", ge=0, le=1)
    weight_decay: float = quantity(_DEFAULT.weight_decay, "decoupled decay of AdamW", ge=0, le=1)
    gradient_clip: float = quantity(_DEFAULT.gradient_clip, "largest norm of a gradient", gt=0)
    averaging: float = quantity(
        _DEFAULT.averaging, "decay of the averaged weights (0: no average)", ge=0, lt=1
    )
    mirror: bool = quantity(_DEFAULT.mirror, "show half of the examples reflected in x")
    quiet_vrms: float = quantity(
        _DEFAULT.quiet_vrms, "leave out flows slower than this", "height / diffusion time", ge=0
    )
    seed: int = quantity(_DEFAULT.seed, "seed of weights and order", ge=0, le=LARGEST_SEED)
    time_limit: float | None = quantity(
        _DEFAULT.time_limit, "stop after this long, resumable", "s", gt=0
    )
