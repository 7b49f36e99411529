"""The choices that shape the two-level surrogate."""

import re
from dataclasses import dataclass, field
from typing import ClassVar

from tellus.errors import InputError
from tellus.surrogate.network_settings import NetworkSettings
from tellus.surrogate.settings import WEIGHT, LoopSettings, StoredSettings, setting


@dataclass(frozen=True)
class FeatureSettings(StoredSettings):
    """What the network is shown besides temperature, viscosity and the base flow.

    Parameters
    ----------
    residual : bool
        Show the residual of the momentum equation that the base leaves on the
        fine grid, over the diagonal of the operator: where the base errs.
    """

    residual: bool = setting(True, "show what the base leaves unsolved")


@dataclass(frozen=True)
class LossSettings(StoredSettings):
    """Weights of the terms of the training loss, each relative to the example's own flow."""

    l1: float = setting(1.0, "weight of the mean absolute error", limits=WEIGHT)
    l2: float = setting(1.0, "weight of the relative velocity error", limits=WEIGHT)
    gradient: float = setting(0.0, "weight of velocity gradients", limits=WEIGHT)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.l1 == self.l2 == self.gradient == 0:
            raise InputError("one of loss.l1, loss.l2 and loss.gradient must be above 0.")


@dataclass(frozen=True)
class TrainingSettings(LoopSettings):
    """Training of the two-level surrogate."""

    kind: ClassVar[str] = "two-level"
    meaning: ClassVar[str] = "a cheap solution and a network on top"

    base: str = setting(
        "coarse:4", "a cheap Stokes solution, such as coarse:4", section="base", key="solver"
    )
    features: FeatureSettings = field(default_factory=FeatureSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    loss: LossSettings = field(default_factory=LossSettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Grammar only; `make_base` knows which bases exist.
        if not re.fullmatch(r"[a-z][a-z0-9_-]*(:.+)?", self.base):
            raise InputError(f'base.solver must be a name such as "coarse:4", not "{self.base}".')
