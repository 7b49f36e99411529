"""Steady convection: relax a configured case on finer and finer grids, then measure it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tellus.config import Config, load_config
from tellus.coupling.build import boundaries_of
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.steady import WATCHED, SteadyWatch
from tellus.coupling.solvers.names import make_solver
from tellus.errors import RunFailedError
from tellus.solver.diagnostics import surface_velocity
from tellus.solver.grid import Array, Grid
from tellus.solver.picard import PicardSettings
from tellus.solver.strain import dissipation, effective_viscosity
from tellus.solver.transport.regridding import regridded

from .rows import PublishedRow, Range, one_case, table_rows
from .spread import Row
from .timing import timed

log = logging.getLogger(__name__)

COARSEST = 32
# Diffusion is implicit, so that steps are as long as advection allows, and a velocity, which costs
# most of the time, is held for some of them. Holding it leaves the steady state as it is; the
# implicit steps move it by O(dt^2), less than a ten-thousandth on the coarsest grids here, which
# falls with the grid as dt does.
STEPPING = ("time.scheme=implicit", "time.courant=1.0", "time.dt_max=2.5e-4")
TOLERANCE, WINDOW = 1e-6, 0.02
LONGEST = 10.0
"""Diffusion times after which a state that still moves is taken to be a periodic one."""
# The last flow, from which everything is measured, solves the non-linear problem closely.
CLOSELY = PicardSettings(tolerance=1e-8, limit=500, required=True)


@dataclass(frozen=True)
class SteadyCase:
    """A case in the words of a configuration, and what was published of its steady state."""

    name: str
    settings: tuple[str, ...]
    published: Mapping[str, Range]

    def config(self, resolution: int, more: Sequence[str] = ()) -> Config:
        """Its configuration on resolution x resolution cells."""
        size = (f"grid.nx={resolution}", f"grid.ny={resolution}")
        return load_config(None, [*self.settings, *size, *more])


def verify(case: SteadyCase, resolutions: Sequence[int]) -> list[PublishedRow]:
    """Measured beside published at each resolution."""
    return table_rows(case.name, steady_states(case, resolutions), case.published)


def run_one(cases: Mapping[str, SteadyCase], name: str, resolution: int) -> Row:
    """The rows of one of `cases` at one resolution; InputError for an unknown one."""
    known = {each: partial(verify, case) for each, case in cases.items()}
    return one_case(known, name, [resolution])


def steady_states(case: SteadyCase, resolutions: Sequence[int]) -> dict[int, dict[str, float]]:
    """What is measured of the steady state, by resolution.

    Each grid starts from the steady state of the one before; below the coarsest wanted there are
    grids twice as coarse each, down to about 32 cells, the first of which starts as configured.
    """
    temperature: Array | None = None
    before: Grid | None = None
    found = {}
    for resolution in ladder(resolutions):
        held = held_steps(resolution)
        config = case.config(resolution, [*STEPPING, f"stokes.solver=skip:{held}"])
        grid = Grid(resolution, resolution, config.grid.aspect)
        if temperature is not None and before is not None:
            temperature = regridded(temperature, before, grid, boundaries_of(config))
        seconds, simulation = timed(partial(relaxed, config, held, temperature))
        temperature, before = simulation.temperature, grid
        if resolution in resolutions:
            found[resolution] = measure(simulation)
        log.info(
            "%s at %dx%d is steady after %d steps, %.0f s",
            case.name,
            resolution,
            resolution,
            simulation.steps,
            seconds,
        )
    return found


def ladder(resolutions: Sequence[int]) -> list[int]:
    """The resolutions, with coarser ones to begin with.

    >>> ladder([128, 256])
    [32, 64, 128, 256]
    """
    steps = sorted(set(resolutions))
    while steps[0] >= 2 * COARSEST and steps[0] % 2 == 0:
        steps.insert(0, steps[0] // 2)
    return steps


def held_steps(resolution: int) -> int:
    """Steps for which a velocity is held: about the same time on every grid."""
    return 10 * max(1, resolution // COARSEST)


def relaxed(config: Config, held: int, temperature: Array | None = None) -> Simulation:
    """Step, `held` at a time, until nothing moves; RunFailedError if that never comes."""
    simulation = Simulation.from_config(config, temperature=temperature)
    watch = SteadyWatch(TOLERANCE, WINDOW)
    while not watch.steady:
        if simulation.time >= LONGEST:
            raise RunFailedError(
                f"no steady state on {simulation.grid} by t = {LONGEST:g}: the flow oscillates, or "
                "is too coarsely resolved; take a finer grid."
            )
        for _ in range(held):
            record = simulation.step()
        values = tuple(getattr(record.diagnostics, name) for name in WATCHED)
        watch.add(record.step, record.time, values)
    return simulation


def measure(simulation: Simulation) -> dict[str, float]:
    """The quantities of Blankenbach et al. (1989) and Tosi et al. (2015), from one close solve.

    `work` is <T v>, `dissipation` <2 eta e:e> / Ra, and `imbalance` their relative difference.
    """
    grid, problem = simulation.grid, simulation.problem
    flow = make_solver("direct", grid, CLOSELY).solve(problem)
    viscosity = effective_viscosity(problem, flow)
    surface = surface_velocity(flow, problem.boundaries)
    work = float(np.sum(0.5 * (problem.temperature[1:] + problem.temperature[:-1]) * flow.v[1:-1]))
    work /= grid.nx * grid.ny
    heat = float(np.mean(dissipation(flow, viscosity, grid, problem.boundaries)))
    heat /= problem.rayleigh
    squares = np.sum(flow.u**2) + np.sum(flow.v**2)
    return {
        "mean_temperature": float(np.mean(problem.temperature)),
        "nusselt_top": simulation.state.heat_out,
        "nusselt_bottom": simulation.state.heat_in,
        "vrms": float(np.sqrt(squares / (grid.nx * grid.ny))),
        # u is zero at both ends, so that the sum over the nodes is the trapezoidal rule.
        "surface_velocity_rms": float(np.sqrt(np.sum(surface**2) / grid.nx)),
        "surface_velocity_max": float(np.max(np.abs(surface))),
        "work": work,
        "dissipation": heat,
        "imbalance": abs(work - heat) / max(work, heat),
    }
