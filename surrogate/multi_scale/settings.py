"""The choices that shape the network of Agarwal et al. (2025) and its training."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from tellus.errors import InputError
from tellus.surrogate.network_settings import MultiScaleNetworkSettings
from tellus.surrogate.settings import WEIGHT, LoopSettings, StoredSettings, coarsening, setting


@dataclass(frozen=True)
class PaperWeights(StoredSettings):
    """How Agarwal et al. (2025) weigh the errors of examples and cells."""

    scaling: bool = setting(True, "divide by each example's range (eq. 6)", section="loss")
    wall_weight: float = setting(
        10.0,
        "extra weight of the two cells next to walls (eq. 7)",
        limits=WEIGHT,
        section="loss",
    )


@dataclass(frozen=True)
class PaperLossSettings(PaperWeights):
    """Which terms of the loss of Agarwal et al. (2025) count.

    Parameters
    ----------
    divergence : bool
        Next to the walls under hard mass conservation, everywhere else under soft. Nothing is
        left of it under exact walls.
    """

    derivative: bool = setting(True, "errors of du/dy and dv/dx too (eq. 10)")
    divergence: bool = setting(True, "|div u| where it is not zero (eq. 9)")


@dataclass(frozen=True)
class PaperLoopSettings(LoopSettings):
    """How Agarwal et al. (2025) train, where they state it."""

    epochs: int = 100
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "halving"] = "halving"
    weight_decay: float = 0.0
    averaging: float = 0.0
    quiet_vrms: float = 0.0


@dataclass(frozen=True)
class MultiScaleSettings(PaperLoopSettings):
    """Training of the paper's network; defaults are the paper's where it states them.

    Parameters
    ----------
    mass : str
        "hard": velocity from a stream function; "soft": velocities, and div u in the loss.
    walls : str
        "paper": a at the cells and a ring of ghost points, central differences, normal
        velocity zero at the walls afterwards; "exact": psi at the nodes, zero on the walls.
    scale : str
        What velocities are divided by: "regression" (eq. 4, fitted to the training data),
        "viscosity" (from the fields alone) or "coarse:N" (largest velocity of a coarse solve).
    """

    kind: ClassVar[str] = "multi-scale"
    meaning: ClassVar[str] = "temperature to velocity in one go"

    network: MultiScaleNetworkSettings = field(default_factory=MultiScaleNetworkSettings)
    loss: PaperLossSettings = field(default_factory=PaperLossSettings)
    mass: Literal["hard", "soft"] = setting(
        "hard", "conserved by a stream function, or asked for in the loss", section="model"
    )
    walls: Literal["paper", "exact"] = setting(
        "paper",
        "central differences and padding, or psi at the nodes, zero on the walls",
        section="model",
    )
    scale: str = setting(
        "regression",
        "velocity scale: regression (eq. 4), viscosity, or coarse:N",
        section="model",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mass == "soft" and self.walls == "exact":
            raise InputError(
                'model.walls = "exact" needs a stream function: take model.mass = "hard", or '
                'walls = "paper".'
            )
        if self.scale not in ("regression", "viscosity") and coarsening(self.scale) < 2:
            raise InputError(
                f'model.scale = "{self.scale}" must be "regression", "viscosity" or "coarse:4".'
            )
