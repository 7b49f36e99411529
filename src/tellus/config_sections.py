"""The sections of a run's configuration: `[grid]`, `[model]`, ... with units, ranges and defaults.

Everything is non-dimensional: lengths in box heights, times in diffusion
times, temperatures in the difference between bottom and top.
"""

import re
from typing import Literal, Self

from pydantic import field_validator, model_validator

from .config_fields import Section, quantity

LARGEST_SEED = 2**32 - 1
MOST_OUTPUTS = 100_000


class GridSection(Section):
    """The staggered grid."""

    nx: int = quantity(256, "cells along the box", "cells", ge=4, le=16384)
    ny: int = quantity(64, "cells up the box", "cells", ge=4, le=16384)
    aspect: float = quantity(4.0, "width of the box over its height", gt=0, le=100)


class ModelSection(Section):
    """The equations' numbers."""

    rayleigh: float = quantity(1.0, "Rayleigh number of the buoyancy term", ge=0, le=1e12)
    heating: float = quantity(3.0, "internal heating H = RaQ/Ra", ge=0, le=1e4)


class RheologySection(Section):
    """The viscosity law."""

    kind: Literal["frank-kamenetskii"] = quantity("frank-kamenetskii", "viscosity law")
    gamma_T: float = quantity(1e7, "viscosity contrast due to temperature", ge=1, le=1e12)
    gamma_p: float = quantity(10.0, "viscosity contrast due to pressure", ge=1, le=1e6)
    floor: float | None = quantity(None, "smallest viscosity allowed", gt=0)
    ceiling: float | None = quantity(None, "largest viscosity allowed", gt=0)

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> Self:
        if self.floor is not None and self.ceiling is not None and self.floor >= self.ceiling:
            raise ValueError(
                f"rheology.floor = {self.floor:g} must lie below rheology.ceiling = "
                f"{self.ceiling:g}"
            )
        return self


class InitialSection(Section):
    """The temperature a run starts from."""

    kind: Literal["hot", "linear", "conductive", "file"] = quantity(
        "hot", "starting temperature; file takes it from another run"
    )
    amplitude: float = quantity(0.01, "size of the perturbation", "temperature", ge=0, le=1)
    perturbation: Literal["random", "mode"] = quantity("random", "noise, or one cosine along x")
    mode: int = quantity(1, "half waves of perturbation = mode", ge=1, le=4096)
    seed: int = quantity(0, "seed of perturbation = random", ge=0, le=LARGEST_SEED)
    path: str | None = quantity(None, "run directory that kind = file starts from")
    time: float | None = quantity(
        None, "output of that run to take (none: its last)", "diffusion time", ge=0
    )

    @model_validator(mode="after")
    def _path_goes_with_file(self) -> Self:
        if self.kind == "file" and not self.path:
            raise ValueError('initial.kind = "file" needs initial.path, the run to start from')
        for key, value in (("path", self.path), ("time", self.time)):
            if self.kind != "file" and value is not None:
                raise ValueError(
                    f'initial.{key} is only read with initial.kind = "file", and here it is '
                    f'"{self.kind}"'
                )
        return self


class SteppingSection(Section):
    """How far and in which steps time goes; shared by runs and data sets."""

    end: float = quantity(0.1, "model time at which the run is done", "diffusion time", gt=0)
    dt_max: float = quantity(1e-4, "longest time step", "diffusion time", gt=0)
    dt_initial: float = quantity(1e-7, "first time step", "diffusion time", gt=0)
    dt_min: float = quantity(
        1e-12, "a step shorter than this ends the run as failed", "diffusion time", gt=0
    )
    growth: float = quantity(1.2, "longest step over the one before it", gt=1, le=100)
    courant: float = quantity(
        0.5, "limit of dt max(|u|/hx + |v|/hy), diffusion counted in", gt=0, le=1
    )
    bounds_tolerance: float = quantity(
        1e-3, "temperature may leave its physical bounds by this", "temperature", ge=0, le=1
    )

    @model_validator(mode="after")
    def _steps_in_order(self) -> Self:
        if self.dt_initial > self.dt_max:
            raise ValueError(
                f"time.dt_initial = {self.dt_initial:g} must not exceed time.dt_max = "
                f"{self.dt_max:g}"
            )
        if self.dt_min >= self.dt_initial:
            raise ValueError(
                f"time.dt_min = {self.dt_min:g} must lie below time.dt_initial = "
                f"{self.dt_initial:g}"
            )
        return self


class TimeSection(SteppingSection):
    """The clock of one run."""

    max_steps: int | None = quantity(None, "stop after this many steps", "steps", ge=1)
    wall_limit: float | None = quantity(
        None, "write a checkpoint and stop after this long, resumable", "s", gt=0
    )


class StokesSection(Section):
    """Where the velocity comes from."""

    solver: str = quantity("direct", "a name that `tellus solvers` lists, such as skip:10")

    @field_validator("solver")
    @classmethod
    def _reads_as_a_name(cls, name: str) -> str:
        """Grammar only; `tellus.coupling.solvers` knows which names exist."""
        if not re.fullmatch(r"[a-z][a-z0-9_-]*(:.+)?", name):
            raise ValueError(
                f'stokes.solver must be name[:argument]..., such as "direct" or "skip:10", '
                f'not "{name}"'
            )
        return name


class OutputSection(Section):
    """What is written, and how often."""

    every: float = quantity(1e-3, "model time between two outputs", "diffusion time", gt=0)
    checkpoint_every: int = quantity(200, "steps between two checkpoints", "steps", ge=1)
    keep_checkpoints: int = quantity(2, "newest checkpoints kept", ge=2, le=1000)
