"""Problems of a mantle that convects: what an iteration meets in earnest."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from tellus.benchmarks.fields import Case, make_states
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

RUN = Case(gamma_T=1e8, end=0.006, states=1, steps=6, recorded=2, coarse_ny=16)
"""A hot start, up to where cold currents have sunk from the lid."""


def short_states(
    grid: Grid, case: Case, make: Callable[[Grid, Case], tuple[Array, Array]] = make_states
) -> tuple[Array, Array]:
    """As `make_states`, of a coarser run."""
    return make(grid, replace(case, coarse_ny=min(case.coarse_ny, 8)))


@cache
def convecting(nx: int, gamma_T: float = 1e8) -> StokesProblem:
    """A temperature of the run on a 4 x 1 box, nx by nx / 4, under that law."""
    grid = Grid(nx, nx // 4, 4.0)
    times, temperatures = make_states(grid, RUN)
    law = FrankKamenetskii(gamma_T, RUN.gamma_p)
    return StokesProblem(grid, temperatures[0, -1], law, time=float(times[0, -1]))
