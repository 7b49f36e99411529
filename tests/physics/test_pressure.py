"""Pressure recovered from the velocity, and the exact flows it is measured by."""

from collections.abc import Callable

import numpy as np
import pytest

from helpers.numerics import observed_orders, rough_field, rough_viscosity
from helpers.physics_cases import SLIP, covering, slip_walls
from tellus.benchmarks.analytic import CONTRAST, Exact, errors, solcx, solkz
from tellus.solver.derived import DERIVED
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.pressure import momentum_residual, pressure
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem


@pytest.mark.parametrize(("kinds", "grid"), covering(SLIP, [Grid(12, 8, 1.5), Grid(7, 10, 0.6)]))
def test_its_gradient_is_what_is_left_of_the_momentum_equation(
    kinds: tuple[str, ...], grid: Grid
) -> None:
    eta = rough_viscosity(grid, 1e3)
    problem = StokesProblem(grid, rough_field(grid), Given(eta), 1e4, slip_walls(kinds))
    flow = DirectSolver(grid).solve(problem)
    p = pressure(flow, problem, eta)
    across, up = momentum_residual(flow, problem, eta)
    scale = max(np.max(np.abs(across)), np.max(np.abs(up)))
    assert np.max(np.abs(np.diff(p, axis=1) / grid.hx - across)) < 1e-11 * scale
    assert np.max(np.abs(np.diff(p, axis=0) / grid.hy - up)) < 1e-11 * scale
    assert abs(np.mean(p)) < 1e-12 * np.max(np.abs(p))


def test_a_layered_fluid_at_rest_is_hydrostatic() -> None:
    """dp/dy = Ra T where nothing moves: the sign and the factor are right."""
    grid, rayleigh = Grid(8, 16, 1.0), 100.0
    temperature = np.repeat(1.0 - grid.y_cells[:, None], 8, axis=1)
    problem = StokesProblem(grid, temperature, Given(np.ones(grid.cells)), rayleigh)
    p = pressure(DirectSolver(grid).solve(problem), problem, np.ones(grid.cells))
    exact = rayleigh * (grid.y_cells - 0.5 * grid.y_cells**2)
    np.testing.assert_allclose(p[:, 3] - p[0, 3], exact - exact[0], rtol=0, atol=1e-10)


def test_solkz_is_second_order_in_velocity_and_pressure() -> None:
    found = [errors("solkz", n) for n in (32, 64, 96)]
    for quantity in ("velocity_error", "pressure_error"):
        coarse, middle, fine = (e[quantity] for e in found)
        assert np.log2(coarse / middle) >= 1.9
        assert np.log(middle / fine) / np.log(1.5) >= 1.9
    assert found[-1]["velocity_error"] < 2e-3


def test_solcx_is_first_order_where_the_viscosity_jumps() -> None:
    """Nodes on the jump take the geometric mean, 1000, of 1 and 1e6: no better than first order."""
    found = [errors("solcx", n) for n in (16, 32, 64)]
    for quantity in ("velocity_error", "pressure_error"):
        for order in observed_orders([e[quantity] for e in found]):
            assert 0.9 <= order <= 1.3


def momentum(
    exact: Exact, eta: float, eta_y: float, buoyancy: Callable[[float, float], float]
) -> Callable[[float, float], tuple[float, float, float]]:
    """Divergence and both momentum balances by high-order differences of an exact solution."""
    h = 2e-3

    def fields(x: float, y: float) -> Array:
        return np.array([float(f) for f in exact(np.array(x), np.array(y))])

    def residual(x: float, y: float) -> tuple[float, float, float]:
        def derivative(order: int, dx: float, dy: float) -> Array:
            at = {k: fields(x + k * h * dx, y + k * h * dy) for k in (-2, -1, 0, 1, 2)}
            if order == 1:
                return (at[-2] - 8 * at[-1] + 8 * at[1] - at[2]) / (12 * h)
            return (-at[-2] + 16 * at[-1] - 30 * at[0] + 16 * at[1] - at[2]) / (12 * h**2)

        d_x, d_y = derivative(1, 1, 0), derivative(1, 0, 1)
        laplacian = derivative(2, 1, 0) + derivative(2, 0, 1)
        local = eta * np.exp(eta_y * y)
        divergence = d_x[0] + d_y[1]
        along = -d_x[2] + local * laplacian[0] + eta_y * local * (d_y[0] + d_x[1])
        up = -d_y[2] + local * laplacian[1] + 2 * eta_y * local * d_y[1] + buoyancy(x, y)
        return divergence, float(along), float(up)

    return residual


@pytest.mark.parametrize("x", [0.13, 0.42, 0.61, 0.93])
@pytest.mark.parametrize("y", [0.08, 0.55, 0.9])
def test_exact_flows_satisfy_the_momentum_equation(x: float, y: float) -> None:
    """Independent of how they were found: differences of u, v and p."""

    def kz(x: float, y: float) -> float:
        return float(np.sin(1.6 * np.pi * y) * np.cos(3 * np.pi * x))

    def cx(x: float, y: float) -> float:
        return float(np.sin(np.pi * y) * np.cos(np.pi * x))

    assert momentum(solkz(), 1.0, np.log(CONTRAST), kz)(x, y) == pytest.approx((0, 0, 0), abs=1e-4)
    stiffness = 1.0 if x < 0.5 else CONTRAST
    assert momentum(solcx(), stiffness, 0.0, cx)(x, y) == pytest.approx((0, 0, 0), abs=1e-4)


@pytest.mark.parametrize("exact", [solkz(), solcx()], ids=["solkz", "solcx"])
def test_exact_flows_do_not_cross_the_walls_nor_drag_on_them(exact: Exact) -> None:
    along = np.linspace(0.05, 0.95, 7)
    scale = max(float(np.max(np.abs(f))) for f in exact(along, 0.5 * along)[:2])
    h = 1e-4
    for wall in (0.0, 1.0):
        inward = h if wall == 0.0 else -h
        on = np.full(7, wall)
        assert np.max(np.abs(exact(on, along)[0])) < 1e-9 * scale
        assert np.max(np.abs(exact(along, on)[1])) < 1e-9 * scale
        # Free slip: the velocity along the wall has no slope there.
        slope_u = exact(along, on + inward)[0] - exact(along, on)[0]
        slope_v = exact(on + inward, along)[1] - exact(on, along)[1]
        assert np.max(np.abs(slope_u)) < 1e-4 * scale
        assert np.max(np.abs(slope_v)) < 1e-4 * scale


def test_dynamic_pressure_knows_nothing_of_the_mean_temperature() -> None:
    grid, eta = Grid(12, 8, 1.5), rough_viscosity(Grid(12, 8, 1.5), 1e3)
    compute = DERIVED["dynamic_pressure"].compute
    warmer = 3.0 * np.cos(grid.y_cells)[:, None]
    found = []
    for temperature in (rough_field(grid), rough_field(grid) + warmer):
        problem = StokesProblem(grid, temperature, Given(eta), 1e4)
        found.append(compute(DirectSolver(grid).solve(problem), problem, eta))
    np.testing.assert_allclose(found[1], found[0], atol=1e-9 * np.max(np.abs(found[0])))
    assert np.max(np.abs(np.mean(found[0], axis=1))) < 1e-12 * np.max(np.abs(found[0]))
