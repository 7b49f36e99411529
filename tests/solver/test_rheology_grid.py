"""Frank-Kamenetskii viscosity and the staggered grid."""

import numpy as np
import pytest

from helpers.numerics import rough_field
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii

GRID = Grid(8, 4, 2.0)


def test_viscosity_follows_the_law_and_leaves_the_temperature_alone() -> None:
    temperature = rough_field(GRID)
    eta = FrankKamenetskii(gamma_T=1e6, gamma_p=30.0).viscosity(temperature, GRID)
    depth = 1.0 - GRID.y_cells[:, None]
    np.testing.assert_allclose(eta, 1e6**-temperature * 30.0**depth, rtol=1e-13)
    np.testing.assert_array_equal(temperature, rough_field(GRID))


@pytest.mark.parametrize("floor", [None, 1e-4])
@pytest.mark.parametrize("ceiling", [None, 1e-1])
def test_floor_and_ceiling_clip_each_its_side(floor: float | None, ceiling: float | None) -> None:
    temperature = rough_field(GRID)
    free = FrankKamenetskii(1e6, 1.0).viscosity(temperature, GRID)
    assert free.min() < 1e-4 < 1e-1 < free.max()
    bounded = FrankKamenetskii(1e6, 1.0, floor, ceiling).viscosity(temperature, GRID)
    expected = np.minimum(np.maximum(free, floor or 0.0), ceiling or np.inf)
    np.testing.assert_array_equal(bounded, expected)


def test_spacing_coordinates_and_shapes_of_the_grid() -> None:
    assert (GRID.hx, GRID.hy) == (0.25, 0.25)
    np.testing.assert_allclose(GRID.x_cells, np.arange(8) * 0.25 + 0.125)
    np.testing.assert_allclose(GRID.y_cells, [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(GRID.x_nodes, np.linspace(0.0, 2.0, 9))
    np.testing.assert_allclose(GRID.y_nodes, np.linspace(0.0, 1.0, 5))
    assert (GRID.cells, GRID.u_faces) == ((4, 8), (4, 9))
    assert (GRID.v_faces, GRID.nodes) == ((5, 8), (5, 9))
    assert Grid(24, 16, 3.0).coarsened(4) == Grid(6, 4, 3.0)


@pytest.mark.parametrize("factor", [3, 4])
def test_coarsening_that_leaves_no_whole_cells_is_refused(factor: int) -> None:
    with pytest.raises(InputError):
        Grid(16, 8, 4.0).coarsened(factor)
