"""The sections that only a data set's configuration has."""

from math import lcm
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, field_validator, model_validator

from tellus.solver.limits import LARGEST_RAYLEIGH, LARGEST_SEED, MOST_STEPS

from .fields import Section, quantity
from .paths import SOLVER
from .sections import LONGEST_TIME, solver_name

BOX_CORNERS = 8
PAIR = 2

HeatingRate = Annotated[float, Field(ge=0, le=1e4)]
Log10GammaT = Annotated[float, Field(ge=0, le=12)]
Log10GammaP = Annotated[float, Field(ge=0, le=6)]
EndTime = Annotated[float, Field(gt=0, le=LONGEST_TIME)]


class DatasetModelSection(Section):
    """The equations' numbers that all simulations of a data set share."""

    rayleigh: float = quantity(
        1.0, "Rayleigh number of the buoyancy term", ge=0, le=LARGEST_RAYLEIGH
    )


class DatasetInitialSection(Section):
    """The temperature every simulation of a data set starts from."""

    kind: Literal["hot", "linear", "conductive"] = quantity("hot", "starting temperature")
    amplitude: float = quantity(0.01, "size of the perturbation", "temperature", ge=0, le=1)
    perturbation: Literal["random", "mode"] = quantity("random", "noise, or one cosine along x")
    mode: int = quantity(1, "half waves of perturbation = mode", ge=1, le=4096)


class WindowsSection(Section):
    """What a data set of `dataset.kind = "filtered"` keeps: windows of time on a coarser grid.

    A simulation is spun up on a grid of `spin_up_factor` times longer cells; at the start of each
    sequence it is carried over to its own grid, where it settles before the first window.
    """

    factor: int = quantity(2, "cells to one that is kept, in each direction", ge=2, le=64)
    steps: int = quantity(2, "steps in a window", "steps", ge=1, le=10_000)
    count: int = quantity(16, "windows in a sequence", ge=1, le=10_000)
    sequences: int = quantity(12, "of windows in a simulation", ge=1, le=10_000)
    settle: int = quantity(100, "steps before a sequence", "steps", ge=0, le=MOST_STEPS)
    spin_up_factor: int = quantity(4, "cells to one of the grid of the spin-up", ge=1, le=64)
    spin_up_solver: str | None = quantity(
        None, "Stokes solver of the spin-up (none: stokes.solver)", path=SOLVER
    )

    @field_validator("spin_up_solver")
    @classmethod
    def _reads_as_a_name(cls, name: str | None) -> str | None:
        return name and solver_name("windows.spin_up_solver", name)


class DatasetSection(Section):
    """Which simulations a data set holds, and which moments of them.

    A TOML array is a Python list, hence the lax tuples; their numbers stay strict.
    """

    kind: Literal["snapshots", "filtered"] = quantity(
        "snapshots", "moments and their exact flows, or what coarser cells see of fine runs"
    )
    train: int = quantity(24, "simulations to train on", ge=1, le=10_000)
    validation: int = quantity(4, "simulations to choose the best epoch by", ge=1, le=10_000)
    test: int = quantity(6, "simulations nothing is fitted to", ge=1, le=10_000)
    seed: int = quantity(0, "seed of parameters and perturbations", ge=0, le=LARGEST_SEED)
    heating: Annotated[tuple[HeatingRate, HeatingRate], Strict(False)] = quantity(
        (0.0, 10.0), "range of internal heating"
    )
    log10_gamma_T: Annotated[tuple[Log10GammaT, Log10GammaT], Strict(False)] = quantity(
        (6.0, 9.0), "range of log10 of the contrast due to temperature"
    )
    log10_gamma_p: Annotated[tuple[Log10GammaP, Log10GammaP], Strict(False)] = quantity(
        (0.0, 2.0), "range of log10 of the contrast due to pressure"
    )
    corners: bool = quantity(True, "train on the corners of these ranges too")
    end_times: Annotated[tuple[EndTime, EndTime] | None, Strict(False)] = quantity(
        None,
        "end of the most vigorous and the most sluggish simulation (none: time.end for all)",
        "diffusion time",
    )
    max_steps: int = quantity(2000, "longest simulation", "steps", ge=1, le=MOST_STEPS)
    max_snapshots: int = quantity(100, "most snapshots of a simulation", ge=3, le=100_000)
    snapshot_every: int = quantity(
        25, "between evenly spaced snapshots", "steps", ge=1, le=MOST_STEPS
    )
    dense_every: int = quantity(
        5, "between the extra early snapshots", "steps", ge=1, le=MOST_STEPS
    )
    dense_until: int = quantity(
        100, "end of the extra early snapshots", "steps", ge=0, le=MOST_STEPS
    )

    @property
    def early(self) -> int:
        """Most moments up to `dense_until`: multiples of `dense_every` or `snapshot_every`."""
        last = min(self.dense_until, self.max_steps)
        both = lcm(self.dense_every, self.snapshot_every)
        return last // self.dense_every + last // self.snapshot_every - last // both + 1

    @model_validator(mode="after")
    def _ranges_and_counts_fit(self) -> Self:
        for key in ("heating", "log10_gamma_T", "log10_gamma_p", "end_times"):
            low, high = getattr(self, key) or (0.0, 0.0)
            if low > high:
                raise ValueError(f"dataset.{key} = [{low:g}, {high:g}] must be [low, high]")
        if self.corners and self.train < BOX_CORNERS:
            raise ValueError(
                f"dataset.train = {self.train} has no room for the {BOX_CORNERS} corners: take "
                f"at least {BOX_CORNERS}, or dataset.corners = false"
            )
        if self.snapshot_every > self.max_steps:
            raise ValueError(
                f"dataset.snapshot_every = {self.snapshot_every} must not exceed "
                f"dataset.max_steps = {self.max_steps}"
            )
        if self.early + PAIR > self.max_snapshots:
            raise ValueError(
                f"dataset.max_snapshots = {self.max_snapshots} has no room for the {self.early} "
                f"early snapshots and {PAIR} later ones: raise it, or dataset.dense_every"
            )
        return self
