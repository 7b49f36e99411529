"""The stream-function operator: C++ bands, product and diagonal against plain loops."""

import numpy as np
import pytest
from numerics import GRIDS, random_psi, rough_field, rough_viscosity, worst_difference
from reference_stokes import interior, operator_matrix

from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import velocity

CONTRASTS = [1.0, 1e8]


def dense(bands: Array) -> Array:
    """The symmetric matrix that LAPACK lower band storage stands for."""
    n, width = bands.shape
    matrix = np.zeros((n, n))
    for k in range(n):
        for d in range(min(width, n - k)):
            matrix[k + d, k] = matrix[k, k + d] = bands[k, d]
    return matrix


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_bands_equal_the_plain_loops(grid: Grid, contrast: float) -> None:
    eta = rough_viscosity(grid, contrast)
    operator = PsiOperator(grid)
    numbers = np.arange(float(np.prod(grid.nodes))).reshape(grid.nodes)
    order = operator.to_unknowns(numbers).astype(int)
    expected = operator_matrix(eta, grid)[np.ix_(order, order)]
    assert worst_difference(dense(operator.bands(eta)), expected) < 1e-14


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_apply_and_diagonal_equal_the_plain_loops(grid: Grid, contrast: float) -> None:
    eta, psi = rough_viscosity(grid, contrast), random_psi(grid)
    operator, matrix = PsiOperator(grid), operator_matrix(eta, grid)
    product = (matrix @ psi.ravel()).reshape(grid.nodes)
    diagonal = np.diag(matrix).reshape(grid.nodes)
    assert worst_difference(operator.apply(eta, psi), product) < 1e-14
    assert worst_difference(operator.diagonal(eta), diagonal) < 1e-14


@pytest.mark.parametrize(("nx", "ny", "y_fast"), [(12, 8, True), (8, 8, True), (8, 12, False)])
def test_unknowns_are_numbered_along_the_short_side(nx: int, ny: int, y_fast: bool) -> None:
    operator, psi = PsiOperator(Grid(nx, ny, 1.0)), random_psi(Grid(nx, ny, 1.0))
    unknowns = operator.to_unknowns(psi)
    assert operator.half_bandwidth == 2 * (min(nx, ny) - 1)
    assert unknowns[1] == (psi[2, 1] if y_fast else psi[1, 2])
    np.testing.assert_array_equal(operator.to_nodes(unknowns), psi)


def test_bands_overwrite_a_used_buffer() -> None:
    grid = GRIDS[0]
    eta, operator = rough_viscosity(grid, 1e4), PsiOperator(grid)
    buffer = np.full_like(operator.empty_bands(), np.nan)
    assert operator.bands(eta, out=buffer) is buffer
    np.testing.assert_array_equal(buffer, operator.bands(eta))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_operator_is_symmetric_positive_definite(grid: Grid) -> None:
    nodes = interior(grid)
    matrix = dense(PsiOperator(grid).bands(rough_viscosity(grid, 1e4)))
    assert matrix.shape == (nodes.size, nodes.size)
    assert np.linalg.eigvalsh(matrix)[0] > 0.0


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_constant_viscosity_gives_the_squared_laplacian(grid: Grid) -> None:
    """Discrete sines are eigenvectors; eigenvalues are those of the 5-point Laplacian, squared."""
    k, m = 2, 3
    angle_x, angle_y = k * np.pi / grid.nx, m * np.pi / grid.ny
    psi = np.outer(
        np.sin(angle_y * np.arange(grid.ny + 1)), np.sin(angle_x * np.arange(grid.nx + 1))
    )
    laplacian = (2.0 * np.sin(angle_x / 2) / grid.hx) ** 2
    laplacian += (2.0 * np.sin(angle_y / 2) / grid.hy) ** 2
    product = PsiOperator(grid).apply(np.full(grid.cells, 3.0), psi)
    expected = 3.0 * grid.hx * grid.hy * laplacian**2 * psi
    assert worst_difference(product[1:-1, 1:-1], expected[1:-1, 1:-1]) < 1e-13


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_right_hand_side_is_the_work_of_buoyancy(grid: Grid) -> None:
    """b . psi = sum over faces of Ra T v, for any stream function."""
    temperature, psi = rough_field(grid), random_psi(grid)
    b = PsiOperator(grid).right_hand_side(temperature, rayleigh=7.0)
    _, v = velocity(psi, grid)
    on_faces = 0.5 * (temperature[1:] + temperature[:-1])
    work = 7.0 * grid.hx * grid.hy * np.sum(on_faces * v[1:-1])
    assert np.sum(b * psi) == pytest.approx(work, rel=1e-12)


def test_the_order_of_memory_does_not_matter() -> None:
    grid = GRIDS[0]
    eta, psi, operator = rough_viscosity(grid, 1e4), random_psi(grid), PsiOperator(grid)
    product = operator.apply(np.asfortranarray(eta), np.asfortranarray(psi))
    np.testing.assert_array_equal(product, operator.apply(eta, psi))


def test_arrays_of_another_shape_are_refused() -> None:
    grid = GRIDS[0]
    operator = PsiOperator(grid)
    with pytest.raises(ValueError, match="viscosity has shape"):
        operator.bands(np.ones((3, 3)))
    with pytest.raises(ValueError, match="reshape"):
        operator.apply(np.ones(grid.cells), np.zeros(grid.cells))
