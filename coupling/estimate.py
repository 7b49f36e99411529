"""What a run will need, and whether its grid can resolve it: said before it starts."""

import resource
from math import ceil, inf, pi, sqrt
from pathlib import Path

import numpy as np
import psutil

from tellus.config.sections import TimeSection
from tellus.coupling.solvers.names import memory_of, period_of
from tellus.errors import InputError
from tellus.solver.energy import MP5, VAN_LEER
from tellus.solver.grid import Grid
from tellus.solver.rheology import Rheology

ENOUGH_CELLS = {VAN_LEER: 4.0, MP5: 2.0}
"""Cells across the thinnest layer, for Nusselt numbers within a per cent or two: high order has
0.003 and 0.1 % with 3 cells, 0.2 and 1.5 % with 1.5 (Blankenbach 1b and 2a on 64 and 32 cells)."""

BY_SCALING = 0.5
"""Share of `ENOUGH_CELLS` that suffices by an estimate, which makes layers too thin."""

LIKE_CONDUCTION = 0.8, 1.25
"""Thicknesses that count as conductive, over what conduction alone gives a jump, sqrt(pi t)."""
HALF_A_CELL = 0.5
"""Cells from a wall to the first T: no layer measures less, however young it is."""

CRITICAL_RAYLEIGH = 1000.0

WORTH_WHILE = 3.0
"""How many times longer implicit diffusion must make the steps to be spoken of ..."""
IN_A_ROW = 10
"""... at so many outputs."""

GIB = 2.0**30
FIELDS = 40
"""Arrays of the size of the grid beside the solver, all phases of a step together."""
PROGRAM = 0.25
"""GiB that a run takes with no grid to speak of, measured."""


def memory_gib(grid: Grid, solver: str) -> float:
    """Memory of one run beside the program's own: what the solver says, and the fields."""
    return (8.0 * FIELDS * grid.nx * grid.ny + memory_of(solver, grid)) / GIB


def check_memory(grid: Grid, solver: str, jobs: int = 1) -> list[str]:
    """Warnings where little memory is free; InputError where the machine has too little.

    `jobs` is the number of runs at once.
    """
    need, total, free = jobs * (memory_gib(grid, solver) + PROGRAM), *_machine_gib()
    run = f"a {grid} grid with --stokes {solver}"
    what = f"{run} needs" if jobs == 1 else f"{jobs} runs at once, each {run}, need"
    what += f" about {need:.3g} GiB of memory"
    fewer = "" if jobs == 1 else "fewer --jobs, "
    remedy = f"choose {fewer}smaller grid.nx and grid.ny, or a solver of less, such as refined"
    if need > total:
        raise InputError(f"{what}, and this machine has {total:.3g} GiB: {remedy}.")
    return [f"{what}, and {free:.3g} GiB are free: {remedy}"] if need > free else []


def _machine_gib() -> tuple[float, float]:
    """The memory that this process may have, and what of it is free."""
    memory, limit = psutil.virtual_memory(), _group_limit()
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)  # as `ulimit -v` sets it
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, float(soft))
    return min(memory.total, limit) / GIB, min(memory.available, limit) / GIB


def _group_limit() -> float:
    """Bytes of memory that a container on Linux allows; infinite outside of one."""
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return float(Path(file).read_text())
        except (OSError, ValueError):  # "max" is no number
            continue
    return inf


def cost_sentence(
    grid: Grid, solver: str, solve_seconds: float, steps: int, until: str = ""
) -> str:
    """A lower bound of the time, from one solve that was measured.

    Parameters
    ----------
    grid : Grid
    solver : str
        By name, as --stokes takes it.
    solve_seconds : float
        What that solve took.
    steps : int
        The fewest that the run can take.
    until : str
        What its end or their number depends on, see `fewest_steps`.
    """
    solves = ceil(steps / period_of(solver))
    return (
        f"{grid} cells, --stokes {solver}: one solve took {1e3 * solve_seconds:.3g} ms, so at "
        f"least {steps} steps and {solves * solve_seconds:.3g} s{until}, more where the flow "
        "limits the time step."
    )


def fewest_steps(clock: TimeSection, time: float, diffusive_dt: float) -> tuple[int, str]:
    """Fewest steps of a run from model time `time` to its end, and what that number depends on."""
    longest = min(clock.dt_max, diffusive_dt)
    steps, why = ceil((clock.end - time) / longest), ""
    if diffusive_dt < clock.dt_max:
        why = f" (diffusion allows steps of {diffusive_dt:.2g})"
    if clock.max_steps is not None and clock.max_steps < steps:
        steps, why = clock.max_steps, " (time.max_steps)"
    return steps, why + ("" if clock.steady_tolerance is None else ", fewer if it is steady before")


def implicit_sentence(factor: float) -> str:
    """What a run is told whose steps diffusion makes `factor` times shorter."""
    return (
        f"diffusion makes the time steps {factor:.2g} times shorter than the flow asks for: "
        'time.scheme = "implicit" would take fewer of them (also from here on, with --resume '
        "--set time.scheme=implicit)"
    )


def expected_layer_cells(grid: Grid, rheology: Rheology, rayleigh: float) -> float:
    """Cells across a hot boundary layer, from the classical scaling (1000 / Ra)^(1/3).

    Ra here is that of a layer at T = 1 throughout.
    """
    viscosity = rheology.viscosity(np.ones(grid.cells), grid)
    # At T = 1 everywhere some laws fall below the smallest number.
    viscosity = np.maximum(viscosity, np.finfo(np.float64).tiny)
    interior = rayleigh / float(np.exp(np.mean(np.log(viscosity))))
    thickness = min(1.0, (CRITICAL_RAYLEIGH / interior) ** (1.0 / 3.0)) if interior > 0 else 1.0
    return thickness * grid.ny


def is_conducted(cells: float, grid: Grid, time: float) -> bool:
    """Whether a layer is what conduction alone makes of a start with a jump, and no flow."""
    conducted = sqrt(pi * time) * grid.ny
    least, most = LIKE_CONDUCTION
    return least * conducted <= cells <= most * conducted + HALF_A_CELL


def resolution_warning(cells: float, where: str, enough: float) -> str | None:
    """A sentence when fewer than enough cells span the thinnest feature."""
    if cells >= enough:
        return None
    return (
        f"{where} spans about {cells:.1f} cells, fewer than {enough:.0f}: "
        "heat flow will be too high or noisy; refine the grid."
    )
