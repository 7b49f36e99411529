"""The choices that shape a U-net which learns to step in time."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from tellus.solver.limits import MOST_STEPS
from tellus.surrogate.multi_scale.settings import PaperLoopSettings, PaperWeights
from tellus.surrogate.network_settings import MultiScaleNetworkSettings
from tellus.surrogate.settings import count, setting


@dataclass(frozen=True)
class TimeUNetNetworkSettings(MultiScaleNetworkSettings):
    """The U-net."""

    convolutions: int = setting(3, "at each level, down and up", limits=count(64))


@dataclass(frozen=True)
class TimeUNetSettings(PaperWeights, PaperLoopSettings):
    """Training of a U-net that steps in time; defaults are U-net-4 of Agarwal et al. (2025).

    Parameters
    ----------
    mass : str
        "hard": u and v from a stream function; "none": predicted as they are.
    """

    kind: ClassVar[str] = "time-unet"
    meaning: ClassVar[str] = "T and velocity to those a while later"

    network: TimeUNetNetworkSettings = field(default_factory=TimeUNetNetworkSettings)
    mass: Literal["hard", "none"] = setting(
        "hard", "conserved by a stream function, or not looked at", section="model"
    )
    interval: int = setting(
        100, "from one state to the next", "steps", limits=count(MOST_STEPS), section="model"
    )
