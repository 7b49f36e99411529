"""The direct solver: the velocity of a u-v-p solve, divergence, contrasts, failures."""

import numpy as np
import pytest

from helpers import reference_walls
from helpers.numerics import (
    GRIDS,
    divergence,
    flow_of,
    plume,
    random_psi,
    rough_field,
    rough_viscosity,
    worst_difference,
)
from helpers.physics_cases import SLIP, covering, slip_walls
from helpers.sequences import SMALL
from tellus.errors import SolverError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem


@pytest.mark.parametrize(
    ("kinds", "grid", "contrast"),
    covering(SLIP, [*GRIDS, Grid(24, 12, 4.0)], [1.0, 1e8, 1e10]),
)
def test_velocity_equals_that_of_the_system_in_u_v_and_p(
    kinds: tuple[str, ...], grid: Grid, contrast: float
) -> None:
    temperature, eta, walls = rough_field(grid), rough_viscosity(grid, contrast), slip_walls(kinds)
    problem = StokesProblem(grid, temperature, Given(eta), 5.0, walls)
    flow = DirectSolver(grid).solve(problem)
    u, v = reference_walls.velocity(eta, temperature, 5.0, grid, walls.no_slip)
    assert worst_difference(flow.u, u) < 1e-8
    assert worst_difference(flow.v, v) < 1e-8


@pytest.mark.parametrize("grid", [*GRIDS, Grid(512, 128, 4.0)], ids=str)
def test_a_random_stream_function_is_free_of_divergence(grid: Grid) -> None:
    flow = flow_of(random_psi(grid), grid)
    outflow = divergence(flow.u, flow.v, grid)
    speed = max(np.max(np.abs(flow.u)), np.max(np.abs(flow.v)))
    assert np.max(np.abs(outflow)) * max(grid.hx, grid.hy) < 1e-12 * speed
    assert not np.any(flow.u[:, [0, -1]])
    assert not np.any(flow.v[[0, -1]])


@pytest.mark.parametrize("contrast", [1.0, 1e6, 1e10])
def test_the_residual_is_rounding_at_every_contrast(contrast: float) -> None:
    report = DirectSolver(SMALL).solve(plume(SMALL, contrast)).report
    assert report.residual < 1e-10
    assert report.status == "solved"
    assert set(report.seconds) == {"assemble", "factor", "solve", "residual"}


def test_the_solver_remembers_nothing() -> None:
    solver, problem = DirectSolver(SMALL), plume(SMALL, 1e8)
    first = solver.solve(problem)
    solver.solve(plume(SMALL, 10.0))
    np.testing.assert_array_equal(solver.solve(problem).psi, first.psi)


def test_one_impossible_cell_is_a_clear_error() -> None:
    """Of a band so narrow that it is not factored in blocks, and of one that is."""
    for grid in (Grid(8, 8, 1.0), Grid(40, 40, 1.0)):
        for value in (-1.0, np.nan, np.inf):
            eta = np.ones(grid.cells)
            eta[2, 3] = value
            with pytest.raises(SolverError, match="viscosity ranges from"):
                DirectSolver(grid).solve(StokesProblem(grid, rough_field(grid), Given(eta)))
