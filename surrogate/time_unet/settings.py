"""The choices that shape a U-net which learns to step in time."""

from dataclasses import dataclass, field
from typing import ClassVar

from tellus.surrogate.settings import LoopSettings, MultiScaleNetworkSettings


@dataclass(frozen=True)
class TimeUNetNetworkSettings(MultiScaleNetworkSettings):
    """The U-net: `convolutions` at each level both on the way down and on the way up."""

    convolutions: int = 3


@dataclass(frozen=True)
class TimeUNetSettings(LoopSettings):
    """Training of a U-net that steps in time; defaults are U-net-4 of Agarwal et al. (2025).

    Parameters
    ----------
    mass : str
        "hard": u and v from a stream function; "none": predicted as they are.
    scaling : bool
        Divide each field of each example by its range (eq. 6).
    wall_weight : float
        Added to the weight of the two cells next to every wall (eq. 7).
    interval : int
        Solver steps from one state to the next.
    network
        See its class; the rest is in `LoopSettings`.
    """

    kind: ClassVar[str] = "time-unet"

    network: TimeUNetNetworkSettings = field(default_factory=TimeUNetNetworkSettings)
    mass: str = "hard"
    scaling: bool = True
    wall_weight: float = 10.0
    interval: int = 100
    epochs: int = 100
    learning_rate: float = 1e-3
    schedule: str = "halving"
    weight_decay: float = 0.0
    averaging: float = 0.0
    quiet_vrms: float = 0.0
