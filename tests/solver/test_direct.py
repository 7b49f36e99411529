"""The direct solver: the velocity of a u-v-p solve, divergence, contrasts, symmetry, failures."""

import numpy as np
import pytest
import reference_walls
from numerics import (
    GRIDS,
    flow_of,
    random_psi,
    rough_field,
    rough_viscosity,
    worst_difference,
)
from physics_cases import SLIP, covering, slip_walls

from tellus.errors import SolverError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.rheology import FrankKamenetskii, Given
from tellus.solver.stokes import Flow, StokesProblem, relative_velocity_error

CONVECTING = Grid(64, 16, 4.0)


def plume(grid: Grid) -> Array:
    """A hot rising and a cold sinking current in a conductive layer, T in 0..1."""
    return np.clip(conductive(grid) + 0.4 * mode_perturbation(grid, mode=3), 0.0, 1.0)


def convecting(contrast: float, grid: Grid = CONVECTING) -> StokesProblem:
    return StokesProblem(grid, plume(grid), FrankKamenetskii(contrast, gamma_p=1.0))


def worst_divergence(flow: Flow, grid: Grid) -> float:
    """Largest |div u| over all cells, relative to max |u| / h."""
    divergence = np.diff(flow.u, axis=1) / grid.hx + np.diff(flow.v, axis=0) / grid.hy
    speed = max(float(np.max(np.abs(flow.u))), float(np.max(np.abs(flow.v))))
    return float(np.max(np.abs(divergence))) * max(grid.hx, grid.hy) / speed


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
    assert worst_divergence(flow, grid) < 1e-12
    assert_impermeable(flow)


def assert_impermeable(flow: Flow) -> None:
    assert not np.any(flow.u[:, [0, -1]])
    assert not np.any(flow.v[[0, -1]])


@pytest.mark.parametrize("contrast", [1.0, 1e6, 1e10])
def test_the_residual_is_rounding_at_every_contrast(contrast: float) -> None:
    problem = convecting(contrast)
    report = DirectSolver(problem.grid).solve(problem).report
    assert report.residual < 1e-10
    assert report.status == "solved"
    assert set(report.seconds) == {"assemble", "factor", "solve", "residual"}


def test_flow_scales_with_the_rayleigh_number_and_turns_with_it() -> None:
    problem, solver = convecting(1e4), DirectSolver(CONVECTING)
    once = solver.solve(problem)
    turned = solver.solve(
        StokesProblem(CONVECTING, problem.temperature, problem.rheology, rayleigh=-10.0)
    )
    np.testing.assert_allclose(
        turned.psi, -10.0 * once.psi, rtol=0, atol=1e-12 * abs(once.psi).max()
    )


def test_hot_material_rises() -> None:
    problem = convecting(1.0)
    v = DirectSolver(CONVECTING).solve(problem).v[CONVECTING.ny // 2]
    hot = problem.temperature[CONVECTING.ny // 2]
    assert v[np.argmax(hot)] > 0.0 > v[np.argmin(hot)]


@pytest.mark.parametrize("contrast", [1.0, 1e8])
def test_a_mirrored_temperature_gives_the_mirrored_flow(contrast: float) -> None:
    problem, solver = convecting(contrast), DirectSolver(CONVECTING)
    rough = np.clip(problem.temperature + 0.1 * rough_field(CONVECTING), 0.0, 1.0)
    flow = solver.solve(StokesProblem(CONVECTING, rough, problem.rheology))
    mirrored = solver.solve(StokesProblem(CONVECTING, rough[:, ::-1], problem.rheology))
    expected = flow_of(-flow.psi[:, ::-1], CONVECTING)
    assert relative_velocity_error(mirrored, expected) < 1e-10


def test_the_solver_remembers_nothing() -> None:
    solver, problem = DirectSolver(CONVECTING), convecting(1e8)
    first = solver.solve(problem)
    solver.solve(convecting(10.0))
    np.testing.assert_array_equal(solver.solve(problem).psi, first.psi)


def test_one_impossible_cell_is_a_clear_error() -> None:
    """Of a band so narrow that it is not factored in blocks, and of one that is."""
    for grid in (Grid(8, 8, 1.0), Grid(40, 40, 1.0)):
        for value in (-1.0, np.nan, np.inf):
            eta = np.ones(grid.cells)
            eta[2, 3] = value
            with pytest.raises(SolverError, match="viscosity ranges from"):
                DirectSolver(grid).solve(StokesProblem(grid, rough_field(grid), Given(eta)))
