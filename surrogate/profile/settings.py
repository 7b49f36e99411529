"""The choices that shape the predictor of the profile of temperature."""

from dataclasses import dataclass
from typing import ClassVar

from tellus.solver.limits import Limits
from tellus.surrogate.settings import MOST_EPOCHS, LoopSettings, count, setting


@dataclass(frozen=True)
class ProfileSettings(LoopSettings):
    """Training of the profile predictor. An example is a simulation.

    Parameters
    ----------
    share : float
        Part of a simulation's snapshots, the last ones, that its profile is the mean of.
    drift : float
        Simulations whose profile changes by more than this, at any height, between the
        two halves of those snapshots are left out: they are not steady.
    """

    kind: ClassVar[str] = "profile"
    meaning: ClassVar[str] = "the steady profile of temperature"

    width: int = setting(48, "neurons of a hidden layer", limits=count(4096), section="network")
    depth: int = setting(3, "hidden layers", limits=count(64), section="network")
    share: float = setting(
        1 / 3,
        "part of a simulation's snapshots that is averaged",
        limits=Limits(above=0, most=1),
        section="model",
    )
    drift: float = setting(
        0.05,
        "leave out profiles that still change by more",
        "temperature",
        limits=Limits(above=0, most=1e6),
        section="model",
    )
    epochs: int = setting(1500, "passes over the simulations", limits=count(MOST_EPOCHS))
    learning_rate: float = 5e-3
    weight_decay: float = 1e-5
    quiet_vrms: float = 0.0
