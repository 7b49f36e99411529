"""Steady convection: relax a configured case on finer and finer grids, then measure it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tellus.config import Config, load_config
from tellus.coupling.build import boundaries_of
from tellus.coupling.simulation.loop import Simulation, StepRecord
from tellus.coupling.simulation.steady import WATCHED, SteadyWatch
from tellus.coupling.solvers.names import make_solver
from tellus.errors import RunFailedError
from tellus.solver.derived import (
    dynamic_topography,
    surface_heat_flux,
    surface_rms,
    surface_velocity,
)
from tellus.solver.grid import Array, Grid
from tellus.solver.picard import PicardSettings
from tellus.solver.stokes import vrms
from tellus.solver.strain import dissipation, effective_viscosity
from tellus.solver.transport.regridding import regridded

from .harness import timed
from .rows import PublishedRow, Range, table_rows

log = logging.getLogger(__name__)

COARSEST = 32
# Diffusion is implicit, so that steps are as long as advection allows, and a velocity, which costs
# most of the time, is held for some of them. Holding it leaves the steady state as it is; the
# implicit steps move it by O(dt^2), less than a ten-thousandth on the coarsest grids here, which
# falls with the grid as dt does.
STEPPING = (
    "time.scheme=implicit",
    "time.courant=1.0",
    "time.dt_max=2.5e-4",
    "energy.velocity=held",
)
TOLERANCE, WINDOW = 1e-6, 0.02
LONGEST = 10.0
"""Diffusion times after which a state that still moves is taken to be a periodic one."""
# The last flow, from which everything is measured, solves the non-linear problem closely.
CLOSELY = PicardSettings(tolerance=1e-8, limit=500, required=True)


@dataclass(frozen=True)
class SteadyCase:
    """A case in the words of a configuration, and what was published of its steady state.

    `solver` is held over some steps until the state is steady, and measures it.
    """

    name: str
    settings: tuple[str, ...]
    published: Mapping[str, Range]
    solver: str = "direct"

    def of_high_order(self) -> "SteadyCase":
        """Take transport and velocity of fourth order for the same case."""
        settings = (*self.settings, "energy.advection=mp5")
        return replace(
            self, name=f"{self.name}-mp5", settings=settings, solver="richardson:refined"
        )

    def config(self, resolution: int, more: Sequence[str] = ()) -> Config:
        """The configuration of the case on resolution x resolution cells."""
        size = (f"grid.nx={resolution}", f"grid.ny={resolution}")
        return load_config(None, [*self.settings, *size, *more])


def verify(case: SteadyCase, resolutions: Sequence[int]) -> list[PublishedRow]:
    """Measured beside published at each resolution."""
    return table_rows(case.name, steady_states(case, resolutions), case.published)


def steady_states(case: SteadyCase, resolutions: Sequence[int]) -> dict[int, dict[str, float]]:
    """What is measured of the steady state, by resolution.

    Each grid starts from the steady state of the one before; below the coarsest wanted there are
    grids twice as coarse each, down to about 32 cells, the first of which starts as configured.
    """
    coarser: Simulation | None = None
    found = {}
    for resolution in ladder(resolutions):
        held = 10 * max(1, resolution // COARSEST)  # for about the same time on every grid
        config = case.config(resolution, [*STEPPING, f"stokes.solver=skip:{held}:{case.solver}"])
        temperature = None
        if coarser is not None:
            grid = Grid(resolution, resolution, config.grid.aspect)
            walls = boundaries_of(config)
            temperature = regridded(coarser.temperature, coarser.grid, grid, walls)
        seconds, simulation = timed(partial(relaxed, config, held, temperature))
        coarser = simulation
        if resolution in resolutions:
            found[resolution] = measure(simulation, case.solver)
        told = case.name, str(simulation.grid), simulation.steps, seconds
        log.info("%s at %s is steady after %d steps, %.0f s", *told)
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


def relaxed(config: Config, held: int, temperature: Array | None = None) -> Simulation:
    """Step until nothing moves, seen every `held` steps; RunFailedError if that never comes."""
    simulation = Simulation.from_config(config, temperature=temperature)
    watch = SteadyWatch(TOLERANCE, WINDOW)

    def look(_: Simulation, record: StepRecord) -> None:
        if record.step % held == 0:
            values = tuple(getattr(record.diagnostics, name) for name in WATCHED)
            watch.add(record.step, record.time, values)
            if watch.steady:
                raise StopIteration

    simulation.run(LONGEST, [look])
    if not watch.steady:
        raise RunFailedError(
            f"no steady state on {simulation.grid} by t = {LONGEST:g}: the flow oscillates, or "
            "is too coarsely resolved; take a finer grid."
        )
    return simulation


def measure(simulation: Simulation, solver: str = "direct") -> dict[str, float]:
    """The quantities of Blankenbach et al. (1989) and Tosi et al. (2015), from one close solve.

    `work` is <T v>, `dissipation` <2 eta e:e> / Ra, and `imbalance` their relative difference;
    `heat_flux_...` and `topography_...` are those in the corners of the top wall.
    """
    grid, problem = simulation.grid, simulation.problem
    flow = make_solver(solver, grid, CLOSELY).solve(problem)
    viscosity = effective_viscosity(problem, flow)
    surface = surface_velocity(flow, problem.boundaries)
    between_rows = 0.5 * (problem.temperature[1:] + problem.temperature[:-1])
    work = float(np.sum(between_rows * flow.v[1:-1]) / (grid.nx * grid.ny))
    heated = np.mean(dissipation(flow, viscosity, grid, problem.boundaries))
    heat = float(heated / problem.rayleigh)
    return {
        "mean_temperature": float(np.mean(problem.temperature)),
        "nusselt_top": simulation.state.heat_out,
        "nusselt_bottom": simulation.state.heat_in,
        "vrms": vrms(flow, grid),
        "surface_velocity_rms": surface_rms(flow, grid, problem.boundaries),
        "surface_velocity_max": float(np.max(np.abs(surface))),
        "work": work,
        "dissipation": heat,
        "imbalance": abs(work - heat) / max(work, heat),
        **_corners("heat_flux", surface_heat_flux(flow, problem)),
        **_corners("topography", dynamic_topography(flow, problem, viscosity)),
    }


def _corners(name: str, surface: Array) -> dict[str, float]:
    """Values at both ends of the top wall, where the slope is zero."""
    ends = {"left": surface[:2], "right": surface[:-3:-1]}
    return {f"{name}_{end}": float(9.0 * a - b) / 8.0 for end, (a, b) in ends.items()}


BOX = (
    "grid.aspect=1.0",
    "model.heating=0.0",
    "initial.kind=conductive",
    "initial.perturbation=mode",
    "energy.advection=van-leer",
)


METRES = 25e3
CORNERS = ("heat_flux_left", "heat_flux_right", "topography_left", "topography_right")


def _blankenbach(
    name: str,
    nusselt: float,
    vrms: float,
    *settings: str,
    flux: Sequence[float] = (),
    metres: Sequence[float] = (),
) -> SteadyCase:
    published = {"nusselt_top": nusselt, "vrms": vrms}
    corners = [*flux, *(height / METRES for height in metres)]
    published |= dict(zip(CORNERS, corners, strict=False))
    ranges = {quantity: (value, value) for quantity, value in published.items()}
    box = (*BOX, "initial.amplitude=0.05")
    return SteadyCase(f"blankenbach-{name}", (*box, *settings), ranges)


THOUSANDFOLD = ("rheology.gamma_T=1e3", "rheology.gamma_p=1.0")
BLANKENBACH = (
    _blankenbach(
        "1a",
        4.884409,
        42.864947,
        *("model.rayleigh=1e4", "rheology.kind=constant"),
        flux=(8.059384, 0.588810),
        metres=(2254.02, -2903.23),
    ),
    _blankenbach(
        "1b",
        10.534095,
        193.21454,
        *("model.rayleigh=1e5", "rheology.kind=constant"),
        flux=(19.079440, 0.722751),
        metres=(1460.99, -2004.20),
    ),
    _blankenbach("2a", 10.0660, 480.4334, "model.rayleigh=1e4", *THOUSANDFOLD),
)

LIDS = (*BOX, "initial.amplitude=0.01", "model.rayleigh=100.0", "rheology.gamma_T=1e5")
YIELDING = ("rheology.yield_stress=1.0", "rheology.eta_star=1e-3")
TOSI_SETTINGS = (
    ("rheology.gamma_p=1.0",),
    ("rheology.gamma_p=1.0", *YIELDING),
    ("rheology.gamma_p=10.0",),
    ("rheology.gamma_p=10.0", *YIELDING),
)
TOSI_TABLE = """
mean_temperature        0.7758   0.7768    0.6027   0.6071    0.7241   0.7268    0.5273   0.5289
nusselt_top             3.4091   3.4305    8.5217   8.7475    3.0253   3.0918    6.5572   6.6822
nusselt_bottom          3.4091   3.4259    8.5217   8.6489    2.9628   3.0376    6.5243   6.6690
vrms                  248.9252 252.0906  140.1871 143.8518   99.8701 100.9467   78.6652  79.6202
surface_velocity_rms    1.8298   1.8999  102.8500 105.1767    2.0374   2.0916   74.1719  75.4814
surface_velocity_max    2.5516   2.6477  119.4120 122.9754    2.8458   2.9207   88.8130  88.9848
work                    2.3690   2.4583    7.5199   7.6400    2.0028   2.0400    5.5903   5.6512
dissipation             2.3920   2.4333    7.4690   7.6422    2.0277   2.0370    5.5434   5.6463
imbalance               0.0      0.0178    0.0      0.0068    0.0      0.0123    0.0      0.0084
"""
"""Smallest and largest value of each quantity, in cases 1, 2, 3 and 4."""


def _tosi(number: int) -> SteadyCase:
    lines = [line.split() for line in TOSI_TABLE.strip().splitlines()]
    low = 2 * (number - 1)
    published = {name: (float(values[low]), float(values[low + 1])) for name, *values in lines}
    return SteadyCase(f"tosi-{number}", (*LIDS, *TOSI_SETTINGS[number - 1]), published)


CASES = {case.name: case for case in (*BLANKENBACH, *map(_tosi, (1, 2, 3, 4)))}

HIGH_ORDER = {case.name: case for case in (each.of_high_order() for each in CASES.values())}
