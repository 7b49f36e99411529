"""The choices that shape the predictor of the profile of temperature."""

from dataclasses import dataclass
from typing import ClassVar

from tellus.surrogate.settings import LoopSettings


@dataclass(frozen=True)
class ProfileSettings(LoopSettings):
    """Training of the profile predictor. An example is a simulation.

    Parameters
    ----------
    width, depth : int
        Neurons in a hidden layer, and hidden layers.
    share : float
        Part of a simulation's snapshots, the last ones, that its profile is the mean of.
    drift : float
        Simulations whose profile changes by more than this, at any height, between the
        two halves of those snapshots are left out: they are not steady.
    """

    kind: ClassVar[str] = "profile"

    width: int = 48
    depth: int = 3
    share: float = 1 / 3
    drift: float = 0.05
    epochs: int = 1500
    batch_size: int = 16
    learning_rate: float = 5e-3
    weight_decay: float = 1e-5
    quiet_vrms: float = 0.0
