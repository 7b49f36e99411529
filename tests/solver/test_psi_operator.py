"""The stream-function operator in C++, NumPy and torch, every form of it against plain loops."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from helpers.numerics import GRIDS, random_psi, rough_viscosity, worst_difference
from helpers.physics_cases import SLIP, covering, slip_walls
from helpers.reference_stokes import interior, operator_matrix
from tellus.solver.boundaries import NO_SLIP, BoundaryConditions, Wall
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.matrix import PsiMatrix, UpperPattern
from tellus.solver.psi.operator import PsiOperator, velocity_norm
from tellus.solver.psi.torch_operator import TorchPsiOperator
from tellus.solver.stokes import velocity


def of_bands(operator: PsiOperator, eta: Array) -> Array:
    """The matrix that LAPACK lower band storage stands for, unknowns row by row."""
    bands = operator.bands(eta)
    n, width = bands.shape
    matrix = np.zeros((n, n))
    for k in range(n):
        for d in range(min(width, n - k)):
            matrix[k + d, k] = matrix[k, k + d] = bands[k, d]
    return row_by_row(operator, matrix)


def row_by_row(operator: PsiOperator, matrix: Array) -> Array:
    """A matrix of unknowns in the operator's order, in that of the interior nodes."""
    order = operator.to_nodes(np.arange(float(operator.unknowns)))[1:-1, 1:-1].astype(int).ravel()
    return matrix[np.ix_(order, order)]


def of_product(operator: PsiOperator, eta: Array) -> Array:
    ny, nx = operator.grid.ny - 1, operator.grid.nx - 1
    product, units = operator.at(eta), np.pad(units_of(ny, nx), ((0, 0), (1, 1), (1, 1)))
    return np.array([product(unit)[1:-1, 1:-1].ravel() for unit in units])


def of_sparse(operator: PsiOperator, eta: Array) -> Array:
    """Any walls have one pattern."""
    pattern = PsiMatrix(PsiOperator(operator.grid))
    upper = csr_matrix((pattern.values(operator, eta), pattern.indices, pattern.indptr))
    assert upper.has_sorted_indices
    return row_by_row(operator, mirrored(upper.toarray()))


def of_torch_product(operator: PsiOperator, eta: Array) -> Array:
    ny, nx = operator.grid.ny - 1, operator.grid.nx - 1
    product = in_torch(operator, eta)(torch.from_numpy(units_of(ny, nx)))
    return product.reshape(ny * nx, -1).numpy()


def of_torch_entries(operator: PsiOperator, eta: Array) -> Array:
    """The second of a batch."""
    pattern = UpperPattern(operator.grid.ny, operator.grid.nx)
    entries = in_torch(operator, np.ones_like(eta), eta).entries().numpy()
    values = entries[1][pattern.present]
    return mirrored(csr_matrix((values, pattern.indices, pattern.indptr)).toarray())


def in_torch(operator: PsiOperator, *viscosities: Array) -> TorchPsiOperator:
    left, right, bottom, top = (Wall(NO_SLIP) if fast else Wall() for fast in operator.no_slip)
    walls = BoundaryConditions(bottom, top, left, right)
    return TorchPsiOperator(operator.grid, walls, torch.from_numpy(np.array(viscosities)))


def units_of(rows: int, columns: int) -> Array:
    return np.eye(rows * columns).reshape(-1, rows, columns)


def mirrored(upper: Array) -> Array:
    assert not np.any(np.tril(upper, -1))
    return upper + np.triu(upper, 1).T


MATRICES = {
    "bands": of_bands,
    "product": of_product,
    "sparse": of_sparse,
    "torch product": of_torch_product,
    "torch entries": of_torch_entries,
}
"""Every way in which A is there."""


@pytest.mark.parametrize(
    ("kinds", "name", "grid", "contrast"),
    covering(SLIP, MATRICES, [*GRIDS, Grid(24, 12, 4.0)], [1.0, 1e8]),
)
def test_all_are_the_plain_loops(
    kinds: tuple[str, ...], name: str, grid: Grid, contrast: float
) -> None:
    eta, operator = rough_viscosity(grid, contrast), PsiOperator(grid, slip_walls(kinds))
    nodes = interior(grid)
    expected = operator_matrix(eta, grid, operator.no_slip)[np.ix_(nodes, nodes)]
    found = MATRICES[name](operator, eta)
    assert worst_difference(found, expected) < 1e-13
    assert not np.any(found[expected == 0.0])
    np.testing.assert_allclose(operator.diagonal(eta).ravel()[nodes], np.diag(expected), rtol=1e-12)
    diagonal = in_torch(operator, eta).diagonal()[0].numpy()
    np.testing.assert_allclose(diagonal.ravel(), np.diag(expected), rtol=1e-12)
    assert np.linalg.eigvalsh(expected)[0] > 0.0 or contrast > 1e6


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
    buffer = np.full_like(operator.bands(eta), np.nan)
    assert operator.bands(eta, out=buffer) is buffer
    np.testing.assert_array_equal(buffer, operator.bands(eta))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_norms_are_those_of_the_velocity_on_all_faces(grid: Grid) -> None:
    psi = random_psi(grid)
    u, v = velocity(psi, grid)
    expected = pytest.approx(np.sqrt(np.sum(u**2) + np.sum(v**2)), rel=1e-14)
    assert velocity_norm(psi, grid) == expected
    operator = in_torch(PsiOperator(grid), np.ones(grid.cells))
    assert float(operator.speed(torch.from_numpy(psi[None, 1:-1, 1:-1]))) == expected


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


def test_bands_go_into_buffers_of_their_size_alone() -> None:
    """Or kernels would write beyond them."""
    operator = PsiOperator(Grid(12, 8))
    viscosity = np.ones(operator.grid.cells)
    for shape in (
        (operator.unknowns, operator.half_bandwidth),
        (operator.unknowns + 7, operator.half_bandwidth + 1),
        (operator.unknowns - 1, operator.half_bandwidth + 1),
    ):
        with pytest.raises(ValueError, match="bands of shape"):
            operator.bands(viscosity, np.empty(shape))
