"""What a simulation is handed, looked at once: its first field, and its first velocity."""

from dataclasses import replace

import numpy as np

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import check_viscosity, depends_on_strain_rate
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, check_flow
from tellus.solver.strain import effective_viscosity


def first_field(temperature: Array, grid: Grid) -> Array:
    """A copy in double precision; InputError unless it is finite, of the shape (ny, nx)."""
    try:
        initial = np.array(temperature, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise InputError(
            f"temperature must be an array of numbers of shape {grid.cells}, not "
            f"{temperature!r:.60}."
        ) from None
    if initial.shape != grid.cells:
        raise InputError(f"temperature has shape {initial.shape}, the grid {grid.cells}.")
    if not np.all(np.isfinite(initial)):
        raise InputError("the initial temperature holds NaN or infinity: mend the field.")
    return initial


def first_flow(problem: StokesProblem, solver: StokesSolver) -> Flow:
    """The solver's answer; InputError or SolverError for what it or the law must not return."""
    law, grid = problem.rheology, problem.grid
    if not depends_on_strain_rate(law):
        check_viscosity(law, problem.viscosity_of_means(), grid)
    flow = solver.solve(problem)
    check_flow(flow, problem, solver.name)
    if depends_on_strain_rate(law):
        check_viscosity(law, effective_viscosity(replace(problem, closure=None), flow), grid)
    return flow
