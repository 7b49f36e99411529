"""Initial states, their perturbations, and fields taken from another grid."""

import numpy as np
import pytest
from numerics import observed_orders, rough_field

from tellus.solver import initial
from tellus.solver.boundaries import FLUX, TEMPERATURE, BoundaryConditions, Wall
from tellus.solver.grid import Grid

GRID = Grid(64, 16, 4.0)
FINE = Grid(192, 48, 4.0)  # Every third of its cell centres is one of GRID's.


def test_hot_is_one_everywhere() -> None:
    np.testing.assert_array_equal(initial.hot(GRID), np.ones(GRID.cells))


def test_conductive_is_the_straight_line_between_the_walls() -> None:
    field = initial.conductive(GRID)
    np.testing.assert_allclose(field, (1.0 - GRID.y_cells)[:, None] + np.zeros(GRID.nx))


def test_linear_has_two_layers_around_a_uniform_interior() -> None:
    field = initial.linear(Grid(8, 40, 1.0), interior=0.75, thickness=0.05)
    np.testing.assert_allclose(field[:2, 0], [1.0 - 0.25 * 0.25, 1.0 - 0.75 * 0.25])
    np.testing.assert_allclose(field[2:-2], 0.75)
    np.testing.assert_allclose(field[-2:, 0], [0.75 * 0.75, 0.25 * 0.75])
    np.testing.assert_array_equal(field, field[:, :1] + np.zeros(8))


def test_mode_is_cosine_across_and_one_half_wave_up() -> None:
    x, y = np.meshgrid(GRID.x_cells, GRID.y_cells)
    expected = np.cos(3 * np.pi * x / 4.0) * np.sin(np.pi * y)
    np.testing.assert_allclose(initial.mode_perturbation(GRID, mode=3), expected, atol=1e-14)


def test_random_perturbation_is_seeded() -> None:
    once = initial.random_perturbation(GRID, seed=5)
    np.testing.assert_array_equal(initial.random_perturbation(GRID, seed=5), once)
    assert np.max(np.abs(initial.random_perturbation(GRID, seed=6) - once)) > 0.1


def test_random_perturbation_has_unit_size() -> None:
    field = initial.random_perturbation(Grid(256, 64, GRID.aspect), seed=0)
    assert np.max(np.abs(field)) == pytest.approx(1.0)


def test_random_perturbation_is_the_same_on_every_grid() -> None:
    coarse = initial.random_perturbation(GRID, seed=5)
    fine = initial.random_perturbation(FINE, seed=5)[1::3, 1::3]
    np.testing.assert_allclose(fine, coarse, rtol=0, atol=1e-12)


def test_regridding_to_the_same_grid_is_exact_and_a_copy() -> None:
    field = rough_field(GRID)
    copy = initial.regridded(field, GRID, GRID)
    np.testing.assert_array_equal(copy, field)
    assert not np.shares_memory(copy, field)


@pytest.mark.parametrize("target", [FINE, Grid(50, 7, 4.0), Grid(4, 4, 4.0)], ids=str)
def test_regridding_keeps_the_range(target: Grid) -> None:
    field = np.round(rough_field(GRID))
    moved = initial.regridded(field, GRID, target)
    assert moved.shape == target.cells
    assert moved.min() >= 0.0
    assert moved.max() <= 1.0


def test_regridding_is_exact_on_straight_lines_inside_and_flat_at_the_walls() -> None:
    x, y = np.meshgrid(GRID.x_cells, GRID.y_cells)
    field = 2.0 * x - 3.0 * y
    x = np.clip(FINE.x_cells, GRID.x_cells[0], GRID.x_cells[-1])
    y = np.clip(FINE.y_cells, GRID.y_cells[0], GRID.y_cells[-1])
    moved = initial.regridded(field, GRID, FINE)
    np.testing.assert_allclose(moved, 2.0 * x - 3.0 * y[:, None], rtol=0, atol=1e-13)


def test_regridding_is_second_order_between_the_outermost_cell_centres() -> None:
    errors = []
    for n in (16, 32, 64):
        source, target = Grid(4 * n, n, 4.0), Grid(12 * n, 3 * n, 4.0)
        moved = initial.regridded(initial.mode_perturbation(source, 2), source, target)
        wrong = np.abs(moved - initial.mode_perturbation(target, 2))
        errors.append(float(np.max(wrong[1:-1, 1:-1])))
    assert min(observed_orders(errors)) >= 1.9


def test_regridding_knows_the_walls() -> None:
    """Straight lines between walls at their temperature, and through one with a heat flux."""
    field = np.repeat((2.0 - 3.0 * GRID.y_cells)[:, None], GRID.nx, axis=1)
    expected = np.repeat((2.0 - 3.0 * FINE.y_cells)[:, None], FINE.nx, axis=1)
    bottom, top = Wall(thermal=TEMPERATURE, value=2.0), Wall(thermal=TEMPERATURE, value=-1.0)
    inward = Wall(thermal=FLUX, value=3.0)
    for walls in (
        BoundaryConditions(bottom=bottom, top=top),
        BoundaryConditions(bottom=inward, top=top),
    ):
        moved = initial.regridded(field, GRID, FINE, walls)
        np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-13)


def test_regridding_takes_single_precision() -> None:
    moved = initial.regridded(rough_field(GRID).astype(np.float32), GRID, FINE)
    assert moved.dtype == np.float64


@pytest.mark.parametrize("nx", [4, 8, 20])
def test_a_small_grid_leaves_out_what_it_would_alias(nx: int) -> None:
    """Its samples are the cell values of the long waves alone, which a fine grid has too."""
    coarse, fine = Grid(nx, 4, 2.0), Grid(nx * 63, 4, 2.0)
    waves = np.cos(np.pi * np.outer(np.arange(1, nx), fine.x_cells / 2.0))
    field = initial.random_perturbation(fine, seed=3)
    # The cosines are orthogonal on cell centres.
    long_waves = 2.0 / fine.nx * (field @ waves.T) @ waves
    at_centres = long_waves[:, 31::63]
    np.testing.assert_allclose(initial.random_perturbation(coarse, seed=3), at_centres, atol=1e-12)
