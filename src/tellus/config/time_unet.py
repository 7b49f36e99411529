"""The sections of the training of a U-net that steps in time."""

from typing import Literal

from tellus.surrogate.time_unet.settings import TimeUNetNetworkSettings, TimeUNetSettings

from .fields import Section, quantity
from .sections import MOST_STEPS
from .training import LARGEST_WEIGHT, MultiScaleNetworkSection, PaperTrainingSection

_DEFAULT = TimeUNetSettings()


class TimeUNetSection(Section):
    """What is trained: a U-net from one moment to the next."""

    kind: Literal["time-unet"] = quantity("time-unet", "T and velocity to those a while later")
    mass: Literal["hard", "none"] = quantity(
        _DEFAULT.mass, "conserved by a stream function, or not looked at"
    )
    interval: int = quantity(
        _DEFAULT.interval, "from one state to the next", "steps", ge=1, le=MOST_STEPS
    )


class TimeUNetNetworkSection(MultiScaleNetworkSection):
    """The U-net."""

    convolutions: int = quantity(
        _DEFAULT.network.convolutions, "at each level, down and up", ge=1, le=64
    )


class TimeUNetLossSection(Section):
    """Which terms of the paper's loss count."""

    scaling: bool = quantity(_DEFAULT.scaling, "divide by each example's range (eq. 6)")
    wall_weight: float = quantity(
        _DEFAULT.wall_weight,
        "extra weight of the two cells next to walls (eq. 7)",
        ge=0,
        le=LARGEST_WEIGHT,
    )


class TimeUNetConfig(Section):
    """Training of a U-net that steps in time (Agarwal et al. 2025, section II.4.2)."""

    model: TimeUNetSection = TimeUNetSection()
    network: TimeUNetNetworkSection = TimeUNetNetworkSection()
    loss: TimeUNetLossSection = TimeUNetLossSection()
    training: PaperTrainingSection = PaperTrainingSection()

    def settings(self) -> TimeUNetSettings:
        """The record that training takes; every field of it is set from the configuration."""
        return TimeUNetSettings(
            **self.model.model_dump(exclude={"kind"}),
            network=TimeUNetNetworkSettings(**self.network.model_dump()),
            **self.loss.model_dump(),
            **self.training.model_dump(),
        )
