"""Developed states, from moderate to vigorous, that schemes of every cost go on from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from tellus.config import Config, load_config
from tellus.config.own_class import (
    CLASSICAL,
    LEARNED,
    NO_CLOSURE,
    OwnClass,
    closure_settings,
)
from tellus.config.solver_spec import RECOMMENDED
from tellus.coupling.build import boundaries_of, replaced
from tellus.coupling.own import source_of
from tellus.coupling.simulation.loop import Simulation
from tellus.io.json_file import Record
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.regridding import regridded

from .fields import cached

RECIPE = 1
"""Version of how states are made: raise it when older ones should not be used."""

FINE, COMPARED = Grid(512, 128), Grid(128, 32)
"""Grid of the reference, and that on whose cell means everything is compared."""

LADDER = (Grid(256, 64), FINE)


@dataclass(frozen=True)
class Scheme(Record):
    """How a run is stepped, in the words of a configuration.

    `closure` is a trained one's directory, `FILE.py:CLASS`, or "none".
    """

    advection: str = "van-leer"
    velocity: str = "held"
    courant: float = 0.5
    solver: str = RECOMMENDED
    closure: str = NO_CLOSURE

    @property
    def label(self) -> str:
        """What a rollout is called after it."""
        added = "" if self.closure == NO_CLOSURE else f" with {Path(self.closure).name}"
        return f"{self.advection} {self.velocity} {self.courant:g} {self.solver}{added}"

    @property
    def closure_sha256(self) -> str | None:
        """Digest of the closure's weights, or of its file."""
        if self.closure in CLASSICAL:
            return None
        if own := OwnClass.parse(self.closure):
            return sha256(source_of(own, "--closure")).hexdigest()
        # PyTorch, which no other scheme needs.
        from tellus.surrogate.closure.model import LearnedClosure

        return LearnedClosure.load(None if self.closure == LEARNED else self.closure).sha256


FINEST = Scheme("mp5", "mid-step", 1.0, "richardson:4:refined:tol=1e-4")
"""The reference's scheme: of fourth order in velocity too, where a solve at 1024x256 alone errs by
several times as much."""


@dataclass(frozen=True)
class AccuracyCase:
    """One case of the paper's box.

    All rollouts begin in the state at the model time `start`. Fields are compared at so many
    `outputs` of the span after it that is `determined`, means over the `long` one, the first left
    out. The state grows from `initial`, as the configuration has it, on the grids of the `ladder`,
    the last of which it is kept on. `finest` is the grid of the reference.
    """

    name: str
    gamma_T: float
    gamma_p: float
    heating: float
    start: float
    determined: float
    long: float
    # What follows has no part in the key of a rollout: its grid and start say all that matters.
    outputs: int = field(default=8, repr=False)
    initial: str = field(default="hot", repr=False)
    ladder: tuple[Grid, ...] = field(default=LADDER, repr=False)
    finest: Grid = field(default=FINE, repr=False)

    def config(self, grid: Grid, scheme: Scheme) -> Config:
        """A run to the end of the long span."""
        settings: Mapping[str, float | str] = {
            "grid.nx": grid.nx,
            "grid.ny": grid.ny,
            "model.heating": self.heating,
            "rheology.gamma_T": self.gamma_T,
            "rheology.gamma_p": self.gamma_p,
            "time.end": self.start + self.long,
            "time.courant": scheme.courant,
            "time.dt_initial": 1e-4,
            "energy.advection": scheme.advection,
            "energy.velocity": scheme.velocity,
            "stokes.solver": scheme.solver,
            **closure_settings(scheme.closure),
        }
        return load_config(None, [f"{key}={value}" for key, value in settings.items()])

    def state(self) -> Array:
        """T at the start on the last grid: grown on coarser ones, settled on each for a while."""

        def grown() -> dict[str, Array]:
            settled, above = 0.1 * self.determined, len(self.ladder) - 1
            temperature, time = None, 0.0
            for rung, grid in enumerate(self.ladder):
                config = self.config(grid, replace(FINEST, solver=RECOMMENDED))
                config = replaced(config, "initial", kind=self.initial)
                if temperature is not None:
                    boundaries = boundaries_of(config)
                    temperature = regridded(temperature, self.ladder[rung - 1], grid, boundaries)
                simulation = Simulation.from_config(config, temperature=temperature)
                simulation.time = time
                time = self.start - settled * (above - rung) / above
                simulation.run(time)
                temperature = simulation.temperature
            assert temperature is not None
            return {"temperature": temperature}

        name = f"accuracy-{RECIPE}-{self.name}-{self.start:g}-{self.determined:g}"
        return cached(name, grown, f"the developed state of case {self.name}")["temperature"]


CASES = {
    case.name: case
    for case in (
        AccuracyCase("A", 1e7, 10.0, 3.0, start=0.03, determined=0.01, long=0.05),
        AccuracyCase("B", 1e8, 5.0, 7.0, start=0.02, determined=0.004, long=0.024),
        AccuracyCase("C", 1e9, 10.0, 8.0, start=0.02, determined=0.0012, long=0.01),
    )
}
"""Moderate; vigorous, its plumes thinner than a cell of 128x32; and the strongest contrast."""
