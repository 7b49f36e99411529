"""Temperature fields to measure on: from a real run, made on the spot and cached.

How fast an iterative solver converges and how wrong an approximate one is
depends on the viscosity it meets; noise or a textbook plume is no convecting
mantle. So a short simulation runs on a coarse grid, and its states are carried
to the wanted grid through grids twice as fine each time, with some steps on
each, which sharpen what the coarser one blurred. The last of these steps are
kept one by one: a solver that remembers its last time step is timed on them.
"""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from tellus.coupling.simulation.loop import HELD, Simulation, StepRecord
from tellus.coupling.simulation.stepping import Stepping
from tellus.errors import InputError
from tellus.io.arrays import read_npz, write_npz
from tellus.solver import initial
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.closure import Closure
from tellus.solver.direct import DirectSolver
from tellus.solver.energy import VAN_LEER
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, StokesSolver
from tellus.solver.transport.regridding import regridded

log = logging.getLogger(__name__)


def cached(
    name: str,
    make: Callable[[], Mapping[str, Array]],
    what: str,
    fits: Callable[[Mapping[str, Array]], bool] = lambda arrays: True,
) -> Mapping[str, Array]:
    """Arrays of an earlier time; made, and kept for the next, where they are missing or damaged.

    `name`, of their file too, is one of everything that decides what they are, `what` is for the
    log; `fits` says whether arrays are those that are wanted, damage apart.
    """
    path = cache_directory() / f"{name}.npz"
    try:
        found = read_npz(path)
        if fits(found):
            return found
    except FileNotFoundError:
        log.info("making %s (once, then cached in %s)", what, path)
    except (OSError, ValueError, KeyError) as error:
        log.warning("%s is damaged (%s): made again", path, error)
    made = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, made)
    except OSError as error:
        log.warning("%s could not be cached: %s", what, error)
    return made


def cache_directory() -> Path:
    """The directory of this user's caches of Tellus."""
    home = Path.home()
    local = os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")
    places = {"darwin": home / "Library" / "Caches", "win32": Path(local)}
    default = places.get(sys.platform, home / ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME", default)) / "tellus" / "benchmarks"


# Part of the key of the cache: raise it when fields made by an older version should not be used.
RECIPE = 3

STEPPING = Stepping(courant=0.5)


@dataclass(frozen=True)
class Case:
    """The simulation that fields are taken from.

    A mantle that starts hot. States at `states` evenly spaced times up to `end`
    hold the first downwellings as well as the calmer flow after them; each is
    advanced by `steps` time steps per grid on its way to the wanted one, of which
    the last `recorded` are kept.
    """

    gamma_T: float = 1e8
    gamma_p: float = 10.0
    heating: float = 5.0
    rayleigh: float = 1.0
    seed: int = 0
    coarse_ny: int = 32
    end: float = 0.01
    states: int = 5
    steps: int = 12
    recorded: int = 10

    def __post_init__(self) -> None:
        if not 2 <= self.recorded <= self.steps:
            raise InputError(
                f"a benchmark case records 2 or more of its {self.steps} steps, not "
                f"{self.recorded}."
            )

    @property
    def rheology(self) -> FrankKamenetskii:
        """The viscosity law of the case."""
        return FrankKamenetskii(self.gamma_T, self.gamma_p)

    def problem(self, grid: Grid, temperature: Array, time: float) -> StokesProblem:
        """The momentum problem of one state."""
        return StokesProblem(grid, temperature, self.rheology, self.rayleigh, time=time)

    def simulation(
        self,
        grid: Grid,
        temperature: Array,
        time: float = 0.0,
        solver: StokesSolver | None = None,
        advection: str = VAN_LEER,
        closure: Closure | None = None,
    ) -> Simulation:
        """A simulation that goes on from a state, at once with a full time step if time > 0.

        Parameters
        ----------
        grid : Grid
        temperature : array, shape (ny, nx)
            T of the state.
        time : float
            Model time of the state.
        solver : StokesSolver, optional
            The direct one by default.
        advection : str
            As `[energy] advection`.
        closure : Closure, optional
        """
        return Simulation(
            grid,
            self.rheology,
            solver or DirectSolver(grid),
            temperature,
            rayleigh=self.rayleigh,
            heating=self.heating,
            stepping=replace(STEPPING, dt_initial=STEPPING.dt_max) if time > 0.0 else STEPPING,
            advection=advection,
            closure=closure,
            velocity=HELD,
            time=time,
        )


CASE = Case()


def problems(grid: Grid, case: Case = CASE) -> list[StokesProblem]:
    """The momentum problems of a case on a grid, in order of time: each sequence's last."""
    return [sequence[-1] for sequence in sequences(grid, case)]


def sequences(grid: Grid, case: Case = CASE) -> list[list[StokesProblem]]:
    """The momentum problems of the time steps that led to each state of a case."""
    shape = (case.states, case.recorded)

    def make() -> dict[str, Array]:
        times, temperatures = make_states(grid, case)
        return {"times": times, "temperatures": temperatures}

    found = cached(
        f"fields-{_key(grid, case)}",
        make,
        f"the temperature fields for {grid}",
        fits=lambda arrays: (
            arrays["times"].shape == shape and arrays["temperatures"].shape == (*shape, *grid.cells)
        ),
    )
    return [
        [case.problem(grid, *state) for state in zip(temperatures, times.tolist(), strict=True)]
        for times, temperatures in zip(found["times"], found["temperatures"], strict=True)
    ]


def make_states(grid: Grid, case: Case) -> tuple[Array, Array]:
    """Times, shape (states, recorded), and temperatures, shape (states, recorded, ny, nx)."""
    rungs = ladder(grid, case)
    noise = initial.random_perturbation(rungs[0], case.seed)
    run = case.simulation(rungs[0], initial.hot(rungs[0]) + 0.01 * noise)
    times, temperatures = [], []
    for time in np.linspace(0.0, case.end, case.states + 1)[1:].tolist():
        run.run(until=time)
        recorded = _refined(rungs, run.temperature, time, case)[-case.recorded :]
        times.append([at for at, _ in recorded])
        temperatures.append([temperature for _, temperature in recorded])
    return np.array(times), np.array(temperatures)


def ladder(grid: Grid, case: Case) -> list[Grid]:
    """Grids from the coarse one to `grid`, each up to twice as fine as the one before."""
    rungs = [Grid(max(4, round(grid.aspect * case.coarse_ny)), case.coarse_ny, grid.aspect)]
    while 2 * rungs[-1].ny < grid.ny:
        rungs.append(Grid(2 * rungs[-1].nx, 2 * rungs[-1].ny, grid.aspect))
    return [*rungs, grid]


def _refined(
    rungs: list[Grid], temperature: Array, time: float, case: Case
) -> list[tuple[float, Array]]:
    """Time and temperature after each step on the finest grid."""
    recorded: list[tuple[float, Array]] = []

    def record(run: Simulation, step: StepRecord) -> None:
        recorded.append((step.time, run.temperature))

    for coarse, fine in pairwise(rungs):
        run = case.simulation(
            fine, regridded(temperature, coarse, fine, BoundaryConditions()), time
        )
        recorded.clear()
        run.run(steps=case.steps, observers=[record])
        time, temperature = recorded[-1]
    return recorded


def _key(grid: Grid, case: Case) -> str:
    described = {"recipe": RECIPE, "grid": [grid.nx, grid.ny, grid.aspect], **asdict(case)}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
