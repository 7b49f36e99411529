"""fine:R and richardson: the Stokes problem on finer grids than that of T."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.numerics import observed_orders, random_psi
from helpers.physics_cases import slip_walls
from tellus.config import load_config
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.solvers.fine import FORESEEN, FineSolver, RichardsonSolver
from tellus.coupling.solvers.names import make_solver, memory_of
from tellus.errors import InputError
from tellus.solver.coarse_means import coarse_means
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii, Viscoplastic
from tellus.solver.stokes import (
    Flow,
    StokesProblem,
    StokesReport,
    StokesSolver,
    relative_velocity_error,
    velocity,
)
from tellus.solver.transport.regridding import regridded

LAW = FrankKamenetskii(1e4, 5.0)
FINEST = Grid(128, 64, 2.0)


def averaged_plume(grid: Grid) -> StokesProblem:
    """Means over the cells of a plume between walls at 1 and 0 and insulating sides."""
    x, y = FINEST.x_cells, FINEST.y_cells[:, None]
    across = np.exp(-(((np.cos(0.5 * np.pi * x) + 0.3) / 0.4) ** 2))
    field = 1.0 - y + 0.5 * np.sin(np.pi * y) * across
    return StokesProblem(grid, coarse_means(field, grid), LAW, 1e4)


def restricted(flow: Flow, grid: Grid) -> Flow:
    step = (flow.psi.shape[0] - 1) // grid.ny
    psi = flow.psi[::step, ::step]
    return Flow(psi, *velocity(psi, grid), flow.report)


@pytest.mark.parametrize("grid", [Grid(32, 16, 2.0), Grid(16, 8, 2.0)], ids=str)
def test_a_finer_solve_of_the_same_cells_is_several_times_as_accurate(grid: Grid) -> None:
    exact = restricted(DirectSolver(FINEST).solve(averaged_plume(FINEST)), grid)
    problem = averaged_plume(grid)
    plain, fine = (
        relative_velocity_error(make_solver(name, grid).solve(problem), exact)
        for name in ("direct", "fine:2:direct")
    )
    assert fine < 0.25 * plain


def test_the_extrapolated_velocity_is_of_fourth_order() -> None:
    exact = make_solver("richardson:direct", FINEST).solve(averaged_plume(FINEST))
    errors = [
        relative_velocity_error(
            make_solver("richardson:direct", grid).solve(averaged_plume(grid)),
            restricted(exact, grid),
        )
        for grid in (Grid(16, 8, 2.0), Grid(32, 16, 2.0), Grid(64, 32, 2.0))
    ]
    assert min(observed_orders(errors)) > 3.5
    assert errors[-1] < 1e-4


def test_it_is_the_solution_on_the_finer_grid_and_the_mean_pressure() -> None:
    grid, finer = Grid(16, 8, 2.0), Grid(48, 24, 2.0)
    problem = averaged_plume(grid)
    walls = slip_walls(["no-slip", "free-slip", "no-slip", "free-slip"])
    problem = StokesProblem(grid, problem.temperature, Viscoplastic(LAW, 50.0), 1e4, walls)
    found = make_solver("fine:3:direct", grid).solve(problem)
    temperature = regridded(problem.temperature, grid, finer, walls)
    same = StokesProblem(finer, temperature, problem.rheology, 1e4, walls)
    expected = make_solver("direct", finer).solve(same)
    assert np.array_equal(found.psi, expected.psi[::3, ::3])
    assert found.report.iterations == expected.report.iterations > 1
    across, up = np.diff(found.u, axis=1) / grid.hx, np.diff(found.v, axis=0) / grid.hy
    assert np.max(np.abs(across + up)) < 1e-12 * np.max(np.abs(across))


class Divergent(StokesSolver):
    """Predicts faces, not a stream function, and a pressure."""

    name = "divergent"

    def solve(self, problem: StokesProblem) -> Flow:
        grid, rng = problem.grid, np.random.default_rng(0)
        u, v, p = (rng.random(shape) for shape in (grid.u_faces, grid.v_faces, grid.cells))
        return Flow(random_psi(grid), u, v, StokesReport(self.name), p, divergent=True)


def test_velocities_that_follow_from_no_psi_are_means_over_the_faces() -> None:
    grid, finer = Grid(8, 4, 2.0), Grid(16, 8, 2.0)
    flow = FineSolver(Divergent(), grid, finer).solve(averaged_plume(grid))
    inner = Divergent().solve(StokesProblem(finer, np.zeros(finer.cells), LAW))
    assert flow.divergent
    assert flow.u[1, 2] == pytest.approx((inner.u[2, 4] + inner.u[3, 4]) / 2.0)
    assert flow.v[1, 2] == pytest.approx((inner.v[2, 4] + inner.v[2, 5]) / 2.0)
    coarse = Divergent().solve(averaged_plume(grid))
    both = RichardsonSolver(Divergent(), FineSolver(Divergent(), grid, finer)).solve(
        averaged_plume(grid)
    )
    assert both.divergent
    np.testing.assert_allclose(3.0 * both.u, 4.0 * flow.u - coarse.u, rtol=0, atol=1e-12)
    assert both.p is not None
    assert coarse.p is not None
    assert flow.p is not None
    np.testing.assert_allclose(3.0 * both.p, 4.0 * flow.p - coarse.p, rtol=0, atol=1e-12)
    assert inner.p is not None
    assert flow.p[1, 2] == pytest.approx(np.mean(inner.p[2:4, 4:6]))


def test_names_and_memory() -> None:
    grid = Grid(64, 16)
    assert make_solver("fine:2", grid).name == "fine:2:refined:tol=1e-3"
    assert make_solver("skip:3:fine:2:reduced:4", grid).name == "skip:3:fine:2:reduced:4"
    assert memory_of("fine:2:direct", grid) > memory_of("direct", Grid(128, 32))
    assert make_solver("richardson", grid).name == "richardson:refined:tol=1e-3"
    assert make_solver("richardson:4", grid).name == "richardson:4:refined:tol=1e-3"
    assert make_solver("richardson:1:direct", grid).name == "richardson:direct"
    assert memory_of("richardson:direct", grid) > memory_of("fine:2:direct", grid)
    for wrong in ("fine", "fine:1", "fine:direct", "fine:2:nothing", "richardson:0"):
        with pytest.raises(InputError, match=r"stokes\.solver"):
            make_solver(wrong, grid)
    for wrong in ("richardson:-1", "richardson:1.5", "richardson:4:4", "richardson:0"):
        with pytest.raises(InputError, match=rf'"{wrong}" .* whole number of steps'):
            make_solver(wrong, grid)


def test_what_the_fine_grid_adds_goes_on_between_its_solves() -> None:
    grid = Grid(32, 16, 2.0)
    plumes = averaged_plume(grid)
    always = make_solver("richardson:direct", grid)
    now_and_then = make_solver("richardson:4:direct", grid)
    coarse = make_solver("direct", grid)
    statuses, errors, without = [], [], []
    for step in range(12):
        later = plumes.temperature + 0.002 * step * np.sin(np.pi * grid.y_cells)[:, None]
        problem = replace(plumes, temperature=later, time=1e-4 * step)
        exact, found = always.solve(problem), now_and_then.solve(problem)
        statuses.append(found.report.status)
        errors.append(relative_velocity_error(found, exact))
        without.append(relative_velocity_error(coarse.solve(problem), exact))
    assert [step for step, status in enumerate(statuses) if status == "solved"] == [0, 1, 4, 8]
    assert [errors[step] for step in (0, 1, 4, 8)] == [0.0] * 4
    assert max(errors) < 0.02 * min(without)
    assert now_and_then.cycle == 4


AMONG_THEM = 36
"""A step at which the fine grid is asked each time."""


def test_in_a_start_from_a_jump_the_fine_grid_is_asked_until_it_is_foreseen() -> None:
    """Steps grow there, and boundary layers are thinner than a cell."""
    config = load_config(None, ["grid.nx=64", "grid.ny=16", "stokes.solver=richardson:4"])
    simulation = Simulation.from_config(config, warn=lambda sentence: None)
    always = make_solver("richardson", simulation.grid)
    errors, statuses, other = [], [], make_solver("richardson:4", simulation.grid)
    for step in range(60):
        simulation.step()
        problem, flow = simulation.problem, simulation.flow()
        if step > AMONG_THEM:
            assert np.array_equal(other.solve(problem).psi, flow.psi)
        if step == AMONG_THEM:
            other.restore(simulation.solver.state())
        errors.append(relative_velocity_error(flow, always.solve(problem)))
        statuses.append(flow.report.status)
    assert max(errors) < 3 * FORESEEN
    course = "".join(status[0] for status in statuses)
    assert "s" * 10 in course
    assert course.endswith("cccscccs")


def test_a_solver_with_a_pressure_is_asked_on_the_fine_grid_each_time() -> None:
    grid, finer = Grid(8, 4, 2.0), Grid(16, 8, 2.0)
    solver = RichardsonSolver(Divergent(), FineSolver(Divergent(), grid, finer), every=4)
    for step in range(4):
        flow = solver.solve(replace(averaged_plume(grid), time=1e-4 * step))
        assert flow.report.status == "solved"
        assert flow.p is not None


def test_an_earlier_time_is_solved_for_on_both_grids() -> None:
    grid = Grid(16, 8, 2.0)
    solver = make_solver("richardson:4:direct", grid)
    for step in range(5):
        solver.solve(replace(averaged_plume(grid), time=0.1 + 1e-4 * step))
    other = replace(averaged_plume(grid), temperature=1.0 - averaged_plume(grid).temperature)
    found, exact = (one.solve(other) for one in (solver, make_solver("richardson:direct", grid)))
    assert found.report.status == "solved"
    assert np.array_equal(found.psi, exact.psi)


def test_a_velocity_that_is_held_on_the_grid_of_temperature_is_called_so() -> None:
    grid = Grid(16, 8, 2.0)
    solver = make_solver("richardson:4:skip:3:direct", grid)
    problems = [replace(averaged_plume(grid), time=1e-4 * step) for step in range(4)]
    statuses = [solver.solve(problem).report.status for problem in problems]
    assert statuses == ["solved", "held", "held", "corrected"]
