"""What a run will need, and whether its grid can resolve it: said before it starts."""

from math import ceil, log2

import numpy as np

from tellus.solver.grid import Grid
from tellus.solver.rheology import Rheology

ENOUGH_CELLS = 4.0
CRITICAL_RAYLEIGH = 1000.0


BANDED = ("direct", "skip", "lagged", "anchored", "check")
"""Solvers that solve directly, every now and then at least, and keep the bands."""


SPARSE = {"mumps": 115.0, "mumps:lu": 230.0, "mumps-psi": 60.0}
"""Bytes that MUMPS needs per cell and binary digit of their number, measured up to 512x128."""


def memory_gib(grid: Grid, solver: str) -> float:
    """Memory of one run: the factor of a direct solve, and about 40 fields beside it."""
    fields = 40 * grid.nx * grid.ny
    direct = solver.partition(":")[0] in BANDED
    bands = (grid.nx - 1) * (grid.ny - 1) * (2 * min(grid.nx, grid.ny) - 1) if direct else 0
    cells = grid.nx * grid.ny
    name = ":".join(part for part in solver.split(":") if part in ("mumps", "mumps-psi", "lu"))
    sparse = SPARSE.get(name, 0.0) * cells * log2(cells)
    return (8.0 * (fields + bands) + sparse) / 2**30


def cost_sentence(grid: Grid, solver: str, solve_seconds: float, steps: int) -> str:
    """Memory and a lower bound of the time, from one solve that was measured.

    `steps` is the fewest that the run can take.
    """
    kind, _, argument = solver.partition(":")
    solves = ceil(steps / int(argument)) if kind == "skip" and argument.isdecimal() else steps
    return (
        f"{grid} cells, --stokes {solver}: about {memory_gib(grid, solver):.2g} GiB; one solve "
        f"took {1e3 * solve_seconds:.3g} ms, so at least {steps} steps and "
        f"{solves * solve_seconds:.3g} s, more where the flow limits the time step."
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


def resolution_warning(cells: float, where: str) -> str | None:
    """A sentence when fewer than about four cells span the thinnest feature."""
    if cells >= ENOUGH_CELLS:
        return None
    return (
        f"{where} spans about {cells:.1f} cells, fewer than {ENOUGH_CELLS:.0f}: "
        "heat flow will be too high or noisy; refine the grid."
    )
