"""Walls that hold the fluid fast, alone and mixed with free-slip ones."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from helpers.manufactured import driving_temperature, velocity_errors
from helpers.numerics import (
    flow_of,
    observed_orders,
    random_psi,
    rough_field,
    rough_viscosity,
    worst_difference,
)
from helpers.physics_cases import SLIP, SLIPS, covering, slip_walls
from tellus.solver.boundaries import FREE_SLIP, NO_SLIP, BoundaryConditions
from tellus.solver.derived import surface_velocity
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem
from tellus.solver.strain import dissipation, shear_strain_rate, strain_rate

GRIDS = [Grid(9, 6, 1.3), Grid(5, 8, 0.7), Grid(4, 4, 1.0)]
ALL_FAST = slip_walls([NO_SLIP] * 4)


@pytest.mark.parametrize(("kinds", "grid"), covering(SLIP, GRIDS))
def test_work_of_the_operator_is_the_integral_of_the_dissipation(
    kinds: tuple[str, ...], grid: Grid
) -> None:
    walls, psi, eta = slip_walls(kinds), random_psi(grid), rough_viscosity(grid, 1e4)
    work = np.sum(psi * PsiOperator(grid, walls).apply(eta, psi))
    dissipated = np.sum(dissipation(flow_of(psi, grid), eta, grid, walls)) * grid.hx * grid.hy
    assert work == pytest.approx(dissipated, rel=1e-12)


def test_each_wall_held_fast_dissipates_more() -> None:
    grid = GRIDS[0]
    psi, eta = random_psi(grid), rough_viscosity(grid, 10.0)
    works = {k: np.sum(psi * PsiOperator(grid, slip_walls(k)).apply(eta, psi)) for k in SLIPS}
    for kinds, work in works.items():
        for wall in range(4):
            held = (*kinds[:wall], NO_SLIP, *kinds[wall + 1 :])
            assert works[held] > work or held == kinds


def test_walls_are_those_that_were_named() -> None:
    """Mirroring the box in x or y mirrors the flow: no wall is taken for another."""
    grid, temperature = Grid(8, 6, 1.0), rough_field(Grid(8, 6, 1.0))
    eta = rough_viscosity(grid, 100.0)
    left, right, bottom, top = (NO_SLIP, FREE_SLIP, NO_SLIP, FREE_SLIP)
    walls = slip_walls((left, right, bottom, top))
    problem = StokesProblem(grid, temperature, Given(eta), 1e3, walls)
    flow = DirectSolver(grid).solve(problem)
    in_x = replace(
        problem,
        temperature=temperature[:, ::-1],
        rheology=Given(eta[:, ::-1]),
        boundaries=slip_walls((right, left, bottom, top)),
    )
    in_y = replace(
        problem,
        temperature=-temperature[::-1],
        rheology=Given(eta[::-1]),
        boundaries=slip_walls((left, right, top, bottom)),
    )
    assert worst_difference(-DirectSolver(grid).solve(in_x).psi[:, ::-1], flow.psi) < 1e-11
    assert worst_difference(-DirectSolver(grid).solve(in_y).psi[::-1], flow.psi) < 1e-11


def test_shear_on_a_no_slip_wall_spans_half_a_cell_and_is_none_on_a_free_slip_one() -> None:
    grid = Grid(6, 5, 1.2)
    flow = flow_of(random_psi(grid), grid)
    held = shear_strain_rate(flow, grid, ALL_FAST)
    np.testing.assert_allclose(held[0, 1:-1], 2.0 * flow.u[0, 1:-1] / grid.hy)
    np.testing.assert_allclose(held[-1, 1:-1], -2.0 * flow.u[-1, 1:-1] / grid.hy)
    np.testing.assert_allclose(held[1:-1, 0], 2.0 * flow.v[1:-1, 0] / grid.hx)
    np.testing.assert_allclose(held[1:-1, -1], -2.0 * flow.v[1:-1, -1] / grid.hx)
    free = shear_strain_rate(flow, grid, BoundaryConditions())
    np.testing.assert_array_equal(free[[0, -1]], 0.0)
    np.testing.assert_array_equal(free[:, [0, -1]], 0.0)
    np.testing.assert_array_equal(free[1:-1, 1:-1], held[1:-1, 1:-1])


def test_the_surface_stands_still_under_a_no_slip_lid_only() -> None:
    grid = Grid(6, 5, 1.2)
    flow = flow_of(random_psi(grid), grid)
    np.testing.assert_array_equal(surface_velocity(flow, ALL_FAST), 0.0)
    assert np.any(surface_velocity(flow, slip_walls(SLIPS[0])) != 0.0)


def _wave(x: Array, k: float, order: int) -> Array:
    """Derivatives of sin(k x)."""
    derivative: Array = k**order * np.sin(k * x + order * np.pi / 2)
    return derivative


def _square(x: Array, k: float, order: int) -> Array:
    """Derivatives of sin(k x)^2 = (1 - cos(2 k x)) / 2."""
    derivative = -0.5 * (2 * k) ** order * np.cos(2 * k * x + order * np.pi / 2)
    return derivative + 0.5 if order == 0 else derivative


@dataclass(frozen=True)
class FlowBetweenWalls:
    """psi = X(x) Y(y), a sine between free-slip walls and its square between no-slip ones.

    ln eta is a smooth function without symmetry.
    """

    aspect: float
    log_contrast: float
    fast_sides: bool
    fast_ends: bool

    @property
    def walls(self) -> BoundaryConditions:
        side, end = (NO_SLIP if fast else FREE_SLIP for fast in (self.fast_sides, self.fast_ends))
        return slip_walls((side, side, end, end))

    def psi(self, x: Array, y: Array, dx: int = 0, dy: int = 0) -> Array:
        across, up = (_square if fast else _wave for fast in (self.fast_sides, self.fast_ends))
        return across(x, np.pi / self.aspect, dx) * up(y, np.pi, dy)

    def log_viscosity(self, x: Array, y: Array, dx: int = 0, dy: int = 0) -> Array:
        half = 0.5 * self.log_contrast
        return half * _wave(x + 0.3, 1.7 / self.aspect, dx) * _wave(y + 0.2, 1.9, dy)

    def errors(self, grid: Grid) -> tuple[float, float, float]:
        """Relative errors of the velocity: root mean square, largest; and of the strain rate."""
        x, y = grid.x_cells, grid.y_cells[:, None]
        eta = np.exp(self.log_viscosity(x, y))
        temperature = driving_temperature(self.psi, self.log_viscosity, grid)
        problem = StokesProblem(grid, temperature, Given(eta), 1.0, self.walls)
        flow = DirectSolver(grid).solve(problem)
        shear = self.psi(x, y, 0, 2) - self.psi(x, y, 2, 0)
        rate = np.sqrt(2.0 * self.psi(x, y, 1, 1) ** 2 + 0.5 * shear**2)
        found = strain_rate(flow, grid, self.walls)
        wrong_rate = float(np.linalg.norm(found - rate) / np.linalg.norm(rate))
        return *velocity_errors(flow, self.psi, grid), wrong_rate


@pytest.mark.parametrize("log10_contrast", [0, 4])
@pytest.mark.parametrize(("fast_sides", "fast_ends"), [(True, True), (False, True), (True, False)])
def test_velocity_is_second_order_and_strain_rate_between_one_and_two(
    fast_sides: bool, fast_ends: bool, log10_contrast: int
) -> None:
    """The shear rate on a no-slip wall is first order, which its root mean square shows."""
    exact = FlowBetweenWalls(1.5, log10_contrast * np.log(10.0), fast_sides, fast_ends)
    errors = [exact.errors(Grid(3 * n, 2 * n, 1.5)) for n in (10, 20, 40)]
    rms, largest, rate = (observed_orders(norm)[-1] for norm in zip(*errors, strict=True))
    assert rms >= 1.9
    assert largest >= 1.8
    assert rate >= 1.4
    assert errors[-1][0] < 0.002
