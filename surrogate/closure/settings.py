"""The choices that shape a learned closure and its training."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from tellus.solver.limits import Limits
from tellus.surrogate.settings import WEIGHT, LoopSettings, StoredSettings, count, setting

OWN = "own"
"""Velocities of a solve on the grid of T."""


@dataclass(frozen=True)
class ClosureNetworkSettings(StoredSettings):
    """Convolutions of 3 x 3 cells with a rectifier between them."""

    width: int = setting(16, "channels of a hidden layer", limits=count(1024))
    viscosity_width: int = setting(
        8, "those of the network of viscosity, with velocity = own", limits=count(1024)
    )
    depth: int = setting(2, "hidden layers", limits=count(32))


@dataclass(frozen=True)
class ClosureSettings(LoopSettings):
    """Training of a closure on filtered data.

    Parameters
    ----------
    steps : int
        How many time steps in a row gradients go back through; each on the way counts.
    segments : int
        How many such stretches follow each other at most, all but the first from the state in
        which the closure itself ended the one before: what it meets in a run is smoother than
        the means of fine runs.
    velocity : {"fine", "own"}
        What carries T in training: the velocity of the fine run, or that of a Stokes solve on the
        grid of T, of the state that it was carried to. With "own" what cells show of their
        viscosity is learned, too, and gradients go through the solve.
    coarsenings : tuple of int
        The closure is trained on grids whose cells are so many times longer than those of the
        data. A window of the data is about a step on its own grid.
    """

    kind: ClassVar[str] = "closure"
    meaning: ClassVar[str] = "the heat that coarse cells lose, from filtered data"

    network: ClosureNetworkSettings = field(default_factory=ClosureNetworkSettings)
    steps: int = setting(
        4, "in a row that gradients go back through", limits=count(64), section="model"
    )
    segments: int = setting(
        1,
        "of so many steps at most, each from the state that the one before ended in",
        limits=count(64),
        section="model",
    )
    velocity: Literal["fine", "own"] = setting(
        "fine",
        "of the fine run, or of solves on the grid of T",
        section="model",
    )
    coarsenings: tuple[int, ...] = setting(
        (1, 2, 4),
        "lengths of cells to train for, in those of the data",
        limits=count(64),
        section="model",
        length=(1, 8),
    )
    wall_heat: float = setting(
        0.3, "weight of the heat through bottom and top", limits=WEIGHT, section="loss"
    )
    profile: float = setting(
        0.0, "weight of the horizontal mean of T", limits=WEIGHT, section="loss"
    )
    within: float = setting(
        0.5, "weight of the temperature within cells", limits=WEIGHT, section="loss"
    )
    flow: float = setting(
        0.0,
        "weight of the flow that follows from it, through the Stokes solve",
        limits=WEIGHT,
        section="loss",
    )
    rows: float = setting(
        0.3,
        "weight of the velocity row by row, with velocity = own",
        limits=WEIGHT,
        section="loss",
    )
    drift: float = setting(
        0.0,
        "weight of the mean drift of T(y) in each simulation",
        limits=WEIGHT,
        section="loss",
    )
    floor: float = setting(
        0.005,
        "part of its change that the error of T is forgiven",
        limits=Limits(above=0, most=1),
        section="loss",
    )
    epochs: int = 20
    mirror: bool = False
    quiet_vrms: float = 0.0
