"""Frank-Kamenetskii viscosity and the staggered grid."""

import numpy as np
import pytest
from numerics import rough_field

from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii

GRID = Grid(8, 4, 2.0)


def test_viscosity_follows_the_law() -> None:
    temperature = rough_field(GRID)
    eta = FrankKamenetskii(gamma_T=1e6, gamma_p=30.0).viscosity(temperature, GRID)
    depth = 1.0 - GRID.y_cells[:, None]
    np.testing.assert_allclose(eta, 1e6**-temperature * 30.0**depth, rtol=1e-13)


def test_contrasts_are_those_of_the_name() -> None:
    """Hot is weak by gamma_T, deep is strong by gamma_p."""
    law = FrankKamenetskii(gamma_T=1e6, gamma_p=30.0)
    cold, hot = (law.viscosity(np.full(GRID.cells, T), GRID) for T in (0.0, 1.0))
    np.testing.assert_allclose(cold / hot, 1e6, rtol=1e-12)
    np.testing.assert_allclose(cold[0] / cold[-1], 30.0 ** (1.0 - GRID.hy), rtol=1e-12)


def test_no_contrast_is_unit_viscosity() -> None:
    eta = FrankKamenetskii(gamma_T=1.0, gamma_p=1.0).viscosity(rough_field(GRID), GRID)
    np.testing.assert_array_equal(eta, np.ones(GRID.cells))


@pytest.mark.parametrize("floor", [None, 1e-4])
@pytest.mark.parametrize("ceiling", [None, 1e-1])
def test_floor_and_ceiling_clip_each_its_side(floor: float | None, ceiling: float | None) -> None:
    temperature = rough_field(GRID)
    free = FrankKamenetskii(1e6, 1.0).viscosity(temperature, GRID)
    assert free.min() < 1e-4 < 1e-1 < free.max()
    bounded = FrankKamenetskii(1e6, 1.0, floor, ceiling).viscosity(temperature, GRID)
    expected = np.minimum(np.maximum(free, floor or 0.0), ceiling or np.inf)
    np.testing.assert_array_equal(bounded, expected)


def test_viscosity_leaves_the_temperature_alone() -> None:
    temperature = rough_field(GRID)
    before = temperature.copy()
    FrankKamenetskii().viscosity(temperature, GRID)
    np.testing.assert_array_equal(temperature, before)


def test_spacing_and_coordinates_of_the_grid() -> None:
    assert (GRID.hx, GRID.hy) == (0.25, 0.25)
    np.testing.assert_allclose(GRID.x_cells, np.arange(8) * 0.25 + 0.125)
    np.testing.assert_allclose(GRID.y_cells, [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(GRID.x_nodes, np.linspace(0.0, 2.0, 9))
    np.testing.assert_allclose(GRID.y_nodes, np.linspace(0.0, 1.0, 5))


def test_shapes_are_row_by_column() -> None:
    assert GRID.cells == (4, 8)
    assert GRID.u_faces == (4, 9)
    assert GRID.v_faces == (5, 8)
    assert GRID.nodes == (5, 9)


def test_a_coarsened_grid_covers_the_same_box() -> None:
    assert Grid(24, 16, 3.0).coarsened(4) == Grid(6, 4, 3.0)


@pytest.mark.parametrize(("nx", "ny"), [(3, 8), (8, 3), (0, 0), (-8, 8)])
def test_too_few_cells_are_refused(nx: int, ny: int) -> None:
    with pytest.raises(InputError, match=f"at least 4, not {nx} and {ny}"):
        Grid(nx, ny)


@pytest.mark.parametrize("aspect", [0.0, -1.0, np.nan, np.inf])
def test_an_impossible_width_is_refused(aspect: float) -> None:
    with pytest.raises(InputError, match=r"grid\.aspect must be a positive number"):
        Grid(8, 8, aspect)


@pytest.mark.parametrize("factor", [3, 4])
def test_coarsening_that_leaves_no_whole_cells_is_refused(factor: int) -> None:
    with pytest.raises(InputError):
        Grid(16, 8, 4.0).coarsened(factor)
