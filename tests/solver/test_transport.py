"""High-order transport of cell means: kernels, polynomials, bounds, other grids."""

from itertools import product

import numpy as np
import pytest

from helpers import reference_transport as reference
from helpers.numerics import (
    GRIDS,
    flow_of,
    observed_orders,
    random_psi,
    rough_field,
    worst_difference,
)
from helpers.physics_cases import covering, thermal_walls
from tellus.config.models import MOST_COURANT
from tellus.solver.boundaries import (
    FLUX,
    INSULATING,
    TEMPERATURE,
    BoundaryConditions,
    Wall,
)
from tellus.solver.coarse_means import coarse_means
from tellus.solver.energy import EXPLICIT, IMPLICIT, MP5, EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.means import MeanTransport
from tellus.solver.transport.polynomials import mean, part_weights, value, wall_weights, weights
from tellus.solver.transport.regridding import along, regridded

KINDS = (TEMPERATURE, FLUX, INSULATING)
VALUES = (0.7, -1.3, 1.1, 0.2)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("kinds", covering(KINDS))
def test_fluxes_are_those_of_the_plain_reference(grid: Grid, kinds: tuple[str, ...]) -> None:
    boundaries, flow = thermal_walls(kinds, VALUES), flow_of(random_psi(grid), grid)
    smooth = np.outer(np.cos(2.0 * grid.y_cells), np.sin(grid.x_cells))
    for field in (rough_field(grid), smooth):
        found = MeanTransport(grid, boundaries).fluxes(field, boundaries.bottom.value, flow)
        expected = reference.fluxes(field, flow, grid, boundaries)
        for got, right in zip(found, expected, strict=True):
            assert worst_difference(got, right) < 1e-12


@pytest.mark.parametrize("fixed", [True, False])
def test_wall_weights_are_exact_for_polynomials_of_degree_four(fixed: bool) -> None:
    of = np.polynomial.Polynomial([0.3, -1.0, 0.5, 0.2, -0.07])
    condition = of(0.0) if fixed else of.deriv()(0.0)
    known = [condition, *(reference.mean(of, k) for k in range(4))]
    expected = [reference.mean(of, -1), reference.mean(of, -2), of.deriv()(0.0)]
    np.testing.assert_allclose(wall_weights(fixed) @ known, expected, rtol=1e-12)


def test_parts_of_a_cell_have_its_mean() -> None:
    for parts in (2, 3, 5):
        edges = np.linspace(0.0, 1.0, parts + 1)
        found = part_weights(edges[:-1], edges[1:])
        np.testing.assert_allclose(found.mean(axis=0), [0, 0, 1, 0, 0], rtol=0, atol=1e-13)
    # And at its edge the polynomial has the weights of the scheme.
    found = weights([mean(k, k + 1) for k in range(-2, 3)], [value(1.0)])[0]
    np.testing.assert_allclose(60.0 * found, [2.0, -13.0, 47.0, 27.0, -3.0], rtol=1e-12)


@pytest.mark.parametrize("scheme", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("core", [None, 0.05])
def test_heat_is_kept_and_bounds_hold_where_plumes_are_a_cell_wide(
    scheme: str, core: float | None
) -> None:
    """Noise from 0 to 1, carried fast: without limited fluxes it leaves its range by a tenth."""
    grid = Grid(24, 16, 1.5)
    energy = EnergyEquation(grid, scheme=scheme, advection=MP5, core_capacity=core)
    flow = flow_of(300.0 * random_psi(grid), grid)
    state = ThermalState(
        np.round(rough_field(grid)), bottom_temperature=None if core is None else 1.0
    )
    free = state
    furthest = 0.0
    for _ in range(20):
        dt = energy.stable_dt(flow, 0.5)
        after = energy.step(state, flow, dt, bounds=(0.0, 1.0))
        assert np.min(after.temperature) >= -1e-14
        assert np.max(after.temperature) <= 1.0 + 1e-14
        gain = after.heat_in - after.heat_out + after.heat_sides / grid.aspect + after.source
        change = np.mean(after.temperature) - np.mean(state.temperature)
        assert abs(change - dt * gain) < 1e-14
        if core is not None:
            assert after.bottom_temperature is not None
            assert state.bottom_temperature is not None
            lost = core * (state.bottom_temperature - after.bottom_temperature)
            assert abs(lost - dt * after.heat_in) < 1e-14
        state, free = after, energy.step(free, flow, dt)
        furthest = max(furthest, -np.min(free.temperature), np.max(free.temperature) - 1.0)
    assert furthest > 1e-3


def test_extrema_within_bounds_are_not_limited() -> None:
    grid = Grid(24, 16, 1.5)
    energy = EnergyEquation(grid, advection=MP5)
    flow = flow_of(random_psi(grid), grid)
    state = ThermalState(0.5 + 0.1 * np.outer(np.sin(grid.y_cells), np.cos(9.0 * grid.x_cells)))
    dt = energy.stable_dt(flow, 0.5)
    free, held = energy.step(state, flow, dt), energy.step(state, flow, dt, bounds=(0.0, 1.0))
    assert np.array_equal(free.temperature, held.temperature)


@pytest.mark.parametrize("scheme", [EXPLICIT, IMPLICIT])
def test_the_largest_courant_number_is_stable(scheme: str) -> None:
    """A roll into the corners, so fast that diffusion cannot help: at 1.4 it blows up."""
    grid = Grid(32, 32, 1.0)
    psi = np.outer(np.sin(np.pi * grid.y_nodes), np.sin(np.pi * grid.x_nodes))
    flow = flow_of(1e9 * psi, grid)
    energy = EnergyEquation(grid, scheme=scheme, advection=MP5)
    state = ThermalState(rough_field(grid))
    dt = energy.stable_dt(flow, MOST_COURANT[MP5])
    for _ in range(300):
        state = energy.step(state, flow, dt)
    assert np.max(np.abs(state.temperature - 0.5)) < 1.0


def smooth_means(grid: Grid) -> Array:
    """Cell means of (1 - y) + y (1 - y) (1 + y) cos(2 pi x / aspect) / 2."""
    x, y = grid.x_nodes, grid.y_nodes[:, None]
    k = 2.0 * np.pi / grid.aspect
    across = np.diff(np.sin(k * x) / k) / grid.hx
    bump = np.diff(y**2 / 2.0 - y**4 / 4.0, axis=0) / grid.hy
    linear = np.diff(y - y**2 / 2.0, axis=0) / grid.hy
    means: Array = linear + 0.5 * bump * across
    return means


def test_another_grid_gets_means_of_fifth_order_up_to_the_walls() -> None:
    errors = []
    for n in (8, 16, 32):
        source, target = Grid(2 * n, n, 2.0), Grid(4 * n, 2 * n, 2.0)
        found = regridded(smooth_means(source), source, target, BoundaryConditions())
        errors.append(float(np.max(np.abs(found - smooth_means(target)))))
    assert min(observed_orders(errors)) > 4.6


@pytest.mark.parametrize("shape", [(16, 24), (12, 20), (8, 8), (32, 48), (7, 50), (4, 4), (37, 61)])
def test_another_grid_keeps_the_heat_and_the_range(shape: tuple[int, int]) -> None:
    source = Grid(24, 16, 1.5)
    rough = np.round(rough_field(source))
    target = Grid(shape[1], shape[0], 1.5)
    found = regridded(rough, source, target, BoundaryConditions())
    assert found.shape == target.cells
    assert abs(np.mean(found) - np.mean(rough)) < 1e-14
    assert np.min(found) >= -1e-14
    assert np.max(found) <= 1.0 + 1e-14
    if target == source:
        assert np.array_equal(found, rough)
        assert not np.shares_memory(found, rough)


def test_a_mean_out_of_bounds_by_rounding_is_nothing_to_divide_by() -> None:
    means = np.full((8, 3), 1.0 + 1e-15)
    means[:, 1] = np.linspace(0.0, 1.0, 8)
    found = along(means, 16, 0.125, (Wall(), Wall()), (0.0, 1.0))
    assert np.all(np.isfinite(found))
    np.testing.assert_allclose(found.reshape(8, 2, 3).mean(axis=1), means, rtol=0, atol=1e-14)


def test_straight_lines_between_walls_are_exact_on_every_grid() -> None:
    """Walls at their temperature, walls with a heat flux; single precision is taken, too."""
    source = Grid(24, 16, 1.5)
    bottom, top = Wall(thermal=TEMPERATURE, value=2.0), Wall(thermal=TEMPERATURE, value=-1.0)
    inward = Wall(thermal=FLUX, value=3.0)
    for target, below in product((Grid(40, 50, 1.5), Grid(25, 9, 1.5)), (bottom, inward)):
        straight = [np.tile((2.0 - 3.0 * g.y_cells)[:, None], g.nx) for g in (source, target)]
        walls = BoundaryConditions(bottom=below, top=top)
        found = regridded(straight[0], source, target, walls)
        np.testing.assert_allclose(found, straight[1], rtol=0, atol=1e-13)
        single = regridded(straight[0].astype(np.float32), source, target, walls)
        np.testing.assert_allclose(single, straight[1], rtol=0, atol=1e-5)


def test_refined_means_come_back_as_they_were() -> None:
    source, target = Grid(24, 16, 1.5), Grid(72, 32, 1.5)
    rough = rough_field(source)
    refined = regridded(rough, source, target, BoundaryConditions())
    np.testing.assert_allclose(coarse_means(refined, source), rough, rtol=0, atol=1e-14)
