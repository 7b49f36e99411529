"""Initial states and their perturbations."""

import numpy as np
import pytest

from helpers.numerics import observed_orders
from helpers.rollouts import case
from tellus.coupling.build import grid_of
from tellus.coupling.starts.initial import initial_means
from tellus.solver import initial
from tellus.solver.grid import Grid

GRID = Grid(64, 16, 4.0)
FINE = Grid(192, 48, 4.0)  # Every third of its cell centres is one of GRID's.


def test_hot_is_one_everywhere_and_conductive_the_straight_line_between_the_walls() -> None:
    np.testing.assert_array_equal(initial.hot(GRID), np.ones(GRID.cells))
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
    np.testing.assert_allclose(
        initial.mode_perturbation(GRID, mode=3), expected, rtol=0, atol=1e-14
    )


def test_random_perturbation_is_that_of_its_seed_on_every_grid_and_of_unit_size() -> None:
    once = initial.random_perturbation(GRID, seed=5)
    np.testing.assert_array_equal(initial.random_perturbation(GRID, seed=5), once)
    assert np.max(np.abs(initial.random_perturbation(GRID, seed=6) - once)) > 0.1
    fine = initial.random_perturbation(FINE, seed=5)[1::3, 1::3]
    np.testing.assert_allclose(fine, once, rtol=0, atol=1e-12)
    field = initial.random_perturbation(Grid(256, 64, GRID.aspect), seed=0)
    assert np.max(np.abs(field)) == pytest.approx(1.0)


@pytest.mark.parametrize("nx", [4, 8, 20])
def test_a_small_grid_leaves_out_what_it_would_alias(nx: int) -> None:
    """Its samples are the cell values of the long waves alone, which a fine grid has too."""
    coarse, fine = Grid(nx, 4, 2.0), Grid(nx * 63, 4, 2.0)
    waves = np.cos(np.pi * np.outer(np.arange(1, nx), fine.x_cells / 2.0))
    field = initial.random_perturbation(fine, seed=3)
    # The cosines are orthogonal on cell centres.
    long_waves = 2.0 / fine.nx * (field @ waves.T) @ waves
    at_centres = long_waves[:, 31::63]
    np.testing.assert_allclose(
        initial.random_perturbation(coarse, seed=3), at_centres, rtol=0, atol=1e-12
    )


def test_a_start_of_cell_means_is_of_fourth_order() -> None:
    errors = []
    for n in (8, 16, 32):
        settings = ("initial.kind=cold", "initial.perturbation=mode", "initial.mode=2")
        config = case(*settings, "initial.amplitude=1", f"grid.nx={2 * n}", f"grid.ny={n}")
        grid = grid_of(config)
        x, y = grid.x_nodes / grid.aspect, grid.y_nodes
        across = np.diff(np.sin(2.0 * np.pi * x)) * grid.nx / (2.0 * np.pi)
        exact = np.outer(np.diff(-np.cos(np.pi * y)) * n / np.pi, across)
        errors.append(float(np.max(np.abs(initial_means(config, grid) - exact))))
    assert min(observed_orders(errors)) > 3.9


def test_a_start_of_one_temperature_has_it_to_the_bit() -> None:
    config = case("initial.kind=hot", "initial.amplitude=0")
    assert np.all(initial_means(config, grid_of(config)) == 1.0)
