"""A step of cell means: its stages, what a core loses meanwhile, and T within bounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tellus.solver.core import Core
from tellus.solver.diffusion import DiffusionSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow

from .diffusion import MeanDiffusion
from .means import Fluxes, MeanTransport
from .schemes import EARLIER, GAMMA, ark2

STAGES = ((1.0, 1.0 / 6.0), (1.0 / 4.0, 1.0 / 6.0), (2.0 / 3.0, 2.0 / 3.0))
"""Strong-stability preserving Runge-Kutta of third order (Shu and Osher 1988): what each stage
takes of a step of Euler's method from the last one, the rest being the start; and its weight. They
are at the start, the end and the middle of the step."""

Source = Callable[[Array], Array | float]
"""Heat sources at the cells, of their temperature."""


class Stage(NamedTuple):
    """Fluxes and sources at a stage of a step, and its weight in the step."""

    weight: float
    fluxes: Fluxes
    sources: Array | float


class Stepped(NamedTuple):
    """T and the bottom's T after a step, and the stages that it is made of."""

    temperature: Array
    bottom: float
    stages: Sequence[Stage]

    def fluxes(self, grid: Grid) -> Fluxes:
        """Fluxes of heat through the faces, averaged over the step."""
        total = Fluxes.zero(grid)
        for stage in self.stages:
            total.add(stage.weight, stage.fluxes)
        return total

    @property
    def sources(self) -> Array | float:
        """Heat sources per volume, averaged over the step: at the cells, (ny, nx), or a number."""
        return sum(stage.weight * stage.sources for stage in self.stages)

    @property
    def heat(self) -> Array:
        """The mean flux into the box through left, right, bottom and top."""
        shares = [stage.weight * stage.fluxes.heat() for stage in self.stages]
        return np.asarray(np.sum(shares, axis=0))

    def beyond(self, lowest: float, highest: float) -> bool:
        return bool(np.min(self.temperature) < lowest or np.max(self.temperature) > highest)


@dataclass(frozen=True)
class MeanStep:
    """What a step is taken from.

    Parameters
    ----------
    transport : MeanTransport
    core : Core, optional
        What lies below.
    start : array, shape (ny, nx)
        T before the step.
    bottom : float
        What the bottom wall holds before it.
    flow : Flow
        The velocity, held over the step, or its mean.
    flows : three of Flow
        At the times of the explicit stages: the start, the end and the middle of the step.
    source : callable
        Heat sources.
    dt : float
    added : Fluxes, optional
        Heat through the faces beside that of the scheme, see `tellus.solver.closure`.
    """

    transport: MeanTransport
    core: Core | None
    start: Array
    bottom: float
    flow: Flow
    flows: tuple[Flow, ...]
    source: Source
    dt: float
    added: Fluxes | None = None

    def explicit(self) -> Stepped:
        """Runge-Kutta of third order."""
        transport, grid, dt, core = self.transport, self.transport.grid, self.dt, self.core
        temperature, bottom, out = self.start, self.bottom, np.empty(grid.cells)
        stages = []
        for (share, weight), flow, room in zip(STAGES, self.flows, transport.rooms, strict=True):
            fluxes = self._fluxes(temperature, bottom, flow, room)
            sources = self.source(temperature)
            if core is not None:
                rate, entering = fluxes.gain(grid) + sources, float(fluxes.heat()[2])
                lost = core.flux(bottom, temperature, rate, entering, dt)
                fluxes.along_y[0] += lost - entering
                bottom = self.bottom + share * (bottom - dt * lost / core.capacity - self.bottom)
            transport.advanced(self.start, temperature, fluxes, sources, dt, share, out)
            temperature = out
            stages.append(Stage(weight, fluxes, sources))
        return Stepped(temperature, bottom, stages)

    def implicit(self, diffusion: MeanDiffusion) -> Stepped:
        """Conduction implicit, and all the rest at the stages of ARK2."""
        grid, stages, weights = self.transport.grid, list[Stage](), (EARLIER, EARLIER, GAMMA)

        def explicit(temperature: Array, bottom: float) -> tuple[Array, Array]:
            fluxes = self._fluxes(temperature, bottom, self.flow)
            sources = self.source(temperature)
            stages.append(Stage(weights[len(stages)], fluxes, sources))
            rate = fluxes.gain(grid) - diffusion.rate(temperature, bottom) + sources
            return rate, np.array([*fluxes.heat(), np.mean(sources)])

        temperature, _, bottom = ark2(self.start, self.bottom, explicit, diffusion, self.dt)
        return Stepped(temperature, bottom, stages)

    def limited(
        self, stepped: Stepped, bounds: tuple[float, float], diffusion: DiffusionSolver | None
    ) -> Stepped:
        """`stepped` with its fluxes limited, as little as keeps T within `bounds`.

        What they are drawn towards is a monotone step: upwind, with the conduction of its start,
        or, where there is a `diffusion` solver, of its end.
        """
        transport, start, dt = self.transport, self.start, self.dt
        low, heating = transport.upwind(start, self.flow), stepped.sources
        fluxes = stepped.fluxes(transport.grid)
        if diffusion is None:
            low.add(1.0, transport.conducted(start, self.bottom))
            monotone = transport.advanced(start, start, low, heating, dt)
        else:
            moved = transport.advanced(start, start, low, heating, dt)
            monotone, _ = diffusion.solve(moved, dt, stepped.bottom)
            low.add(1.0, transport.conducted(monotone, stepped.bottom))
        transport.limit(fluxes, monotone, low, dt, bounds)
        temperature = transport.advanced(start, start, fluxes, heating, dt)
        bottom = self.bottom
        if self.core is not None:
            bottom -= dt * float(fluxes.heat()[2]) / self.core.capacity
        return Stepped(temperature, bottom, [Stage(1.0, fluxes, heating)])

    def _fluxes(
        self, temperature: Array, bottom: float, flow: Flow, room: Fluxes | None = None
    ) -> Fluxes:
        found = self.transport.fluxes(temperature, bottom, flow, room)
        if self.added is not None:
            found.add(1.0, self.added)
        return found
