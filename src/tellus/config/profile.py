"""The sections of the training of the profile predictor."""

from typing import Literal

from tellus.surrogate.profile.settings import ProfileSettings

from .fields import Section, quantity
from .training import MOST_EPOCHS, TrainingSection

_DEFAULT = ProfileSettings()


class ProfileModelSection(Section):
    """What is trained: parameters and depth to temperature."""

    kind: Literal["profile"] = quantity("profile", "the steady profile of temperature")
    share: float = quantity(
        _DEFAULT.share, "part of a simulation's snapshots that is averaged", gt=0, le=1
    )
    drift: float = quantity(
        _DEFAULT.drift, "leave out profiles that still change by more", "temperature", gt=0, le=1e6
    )


class ProfileNetworkSection(Section):
    """The network, asked point by point."""

    width: int = quantity(_DEFAULT.width, "neurons of a hidden layer", ge=1, le=4096)
    depth: int = quantity(_DEFAULT.depth, "hidden layers", ge=1, le=64)


class ProfileTrainingSection(TrainingSection):
    """The optimiser; an example is a simulation."""

    epochs: int = quantity(_DEFAULT.epochs, "passes over the simulations", ge=1, le=MOST_EPOCHS)
    learning_rate: float = quantity(_DEFAULT.learning_rate, "peak learning rate", gt=0, le=1)
    weight_decay: float = quantity(_DEFAULT.weight_decay, "decoupled decay of AdamW", ge=0, le=1)
    quiet_vrms: float = quantity(
        _DEFAULT.quiet_vrms,
        "leave out flows slower than this",
        "height / diffusion time",
        ge=0,
        le=1e12,
    )


class ProfileConfig(Section):
    """Training of the profile predictor (Agarwal et al. 2024)."""

    model: ProfileModelSection = ProfileModelSection()
    network: ProfileNetworkSection = ProfileNetworkSection()
    training: ProfileTrainingSection = ProfileTrainingSection()

    def settings(self) -> ProfileSettings:
        """The record that training takes; every field of it is set from the configuration."""
        return ProfileSettings(
            **self.model.model_dump(exclude={"kind"}),
            **self.network.model_dump(),
            **self.training.model_dump(),
        )
