"""The operator and the multigrid cycle in torch: against C++, dense matrices, and themselves."""

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.numerics import random_psi, rough_viscosity, worst_difference
from helpers.physics_cases import slip_walls
from helpers.reference_stokes import interior, operator_matrix
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.iterative.multigrid import Multigrid, Transfer, coarsenings
from tellus.solver.iterative.multigrid_stencils import (
    REACH,
    Coarsening,
    galerkin_stencils,
    spline_mask,
)
from tellus.solver.psi.torch_operator import TorchPsiOperator, inner
from tellus.solver.rheology import FrankKamenetskii

FREE, FAST = "free-slip", "no-slip"
WALLS = {
    "free slip": slip_walls([FREE] * 4),
    "no slip": slip_walls([FAST] * 4),
    "right and bottom": slip_walls([FREE, FAST, FAST, FREE]),
}
each_wall = pytest.mark.parametrize("walls", WALLS.values(), ids=WALLS.keys())


def operator_on(grid: Grid, walls: BoundaryConditions, *viscosities: Array) -> TorchPsiOperator:
    return TorchPsiOperator(grid, walls, torch.from_numpy(np.array(viscosities)))


def units(rows: int, columns: int) -> Tensor:
    """Every unit vector on a grid of unknowns, as a batch."""
    return torch.eye(rows * columns, dtype=torch.float64).view(-1, rows, columns)


def matrix_of(product: object, rows: int, columns: int) -> Tensor:
    """The matrix whose columns are what `product` makes of unit vectors."""
    assert callable(product)
    return product(units(rows, columns)).reshape(rows * columns, -1).T


@pytest.mark.parametrize("grid", [Grid(12, 8, 2.0), Grid(16, 12, 1.0)], ids=str)
def test_row_sums_bound_those_of_the_plain_loops_and_are_theirs_inside(grid: Grid) -> None:
    eta, nodes = rough_viscosity(grid, 1e4), interior(grid)
    matrix = operator_matrix(eta, grid)[np.ix_(nodes, nodes)]
    expected = np.abs(matrix).sum(axis=1).reshape(grid.ny - 1, grid.nx - 1)
    found = operator_on(grid, BoundaryConditions(), eta).row_sums()[0].numpy()
    assert np.all(found >= expected * (1 - 1e-14))
    within = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(found[within], expected[within], rtol=1e-13)


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
def test_subdivision_reproduces_straight_lines_and_nests(ratio: int) -> None:
    mask = spline_mask(ratio)
    fine = np.convolve(np.kron(np.arange(-9.0, 10.0), np.eye(ratio)[0]), mask, mode="same")
    middle = slice(4 * ratio, -5 * ratio)
    straight = (np.arange(fine.size) - 9.0 * ratio) / ratio
    np.testing.assert_allclose(fine[middle], straight[middle], rtol=0, atol=1e-12)
    spread = np.zeros(ratio * (mask.size - 1) + 1)
    spread[::ratio] = mask
    np.testing.assert_allclose(np.convolve(spread, mask), spline_mask(ratio**2), rtol=0, atol=1e-15)


CASES = [
    (Grid(8, 12, 2.0), Coarsening(1, 1)),
    (Grid(16, 8, 2.0), Coarsening(2, 2)),
    (Grid(12, 12, 4.0), Coarsening(3, 2)),
    (Grid(20, 16, 1.0), Coarsening(4, 5)),
    (Grid(10, 16, 2.0), Coarsening(4, 1)),
]


@each_wall
@pytest.mark.parametrize(("grid", "ratio"), CASES, ids=str)
def test_coarse_operators_are_galerkin_and_restriction_is_the_transpose(
    grid: Grid, ratio: Coarsening, walls: BoundaryConditions
) -> None:
    operator = operator_on(grid, walls, rough_viscosity(grid, 1e4))
    rows, columns = grid.ny // ratio.y - 1, grid.nx // ratio.x - 1
    transfer = Transfer(ratio, ratio, walls.no_slip)
    A = matrix_of(operator, grid.ny - 1, grid.nx - 1)
    P = matrix_of(transfer.prolong, rows, columns)
    R = matrix_of(transfer.restrict, grid.ny - 1, grid.nx - 1)
    np.testing.assert_allclose(R, P.T, rtol=0.0, atol=1e-15)
    expected = (P.T @ A @ P).numpy()
    found = dense(galerkin_stencils(operator, ratio)[0])
    assert worst_difference(found, expected) < 1e-13


def dense(stencils: Tensor) -> Array:
    """The matrix that 7 x 7 stencils stand for, by loops; what points outside must be zero."""
    _, _, rows, columns = stencils.shape
    matrix = np.zeros((rows, columns, rows, columns))
    for dy, dx, j, i in np.ndindex(*stencils.shape):
        to_j, to_i = j + dy - REACH, i + dx - REACH
        if 0 <= to_j < rows and 0 <= to_i < columns:
            matrix[j, i, to_j, to_i] = stencils[dy, dx, j, i]
        else:
            assert stencils[dy, dx, j, i] == 0.0
    return matrix.reshape(rows * columns, -1)


@each_wall
@pytest.mark.parametrize("grid", [Grid(64, 32, 2.0), Grid(60, 36, 1.0)], ids=str)
def test_the_cycle_is_symmetric_positive_definite(grid: Grid, walls: BoundaryConditions) -> None:
    operator = operator_on(grid, walls, rough_viscosity(grid, 1e6))
    cycle = Multigrid(operator)
    torch.manual_seed(0)
    x, y = torch.randn((2, 1, grid.ny - 1, grid.nx - 1), dtype=torch.float64)
    forth, back = float(inner(x, cycle(y))), float(inner(y, cycle(x)))
    assert forth == pytest.approx(back, rel=1e-10)
    for _ in range(5):
        z = torch.randn_like(x)
        assert float(inner(z, cycle(z))) > 0.0


def test_no_error_grows_in_a_cycle() -> None:
    """All eigenvalues of 1 - M A lie in 0..1: the cycle takes something off every error."""
    grid = Grid(48, 12, 4.0)
    law = FrankKamenetskii(1e8, 10.0)
    temperature = np.clip(conductive(grid) + 0.4 * mode_perturbation(grid, mode=3), 0.0, 1.0)
    operator = operator_on(grid, BoundaryConditions(), law.viscosity(temperature, grid))
    A, M = (matrix_of(product, 11, 47) for product in (operator, Multigrid(operator)))
    root = torch.linalg.cholesky(0.5 * (M + M.T))
    eigenvalues = torch.linalg.eigvalsh(root.T @ A @ root)
    assert float(eigenvalues.max()) < 1.0 + 1e-9
    assert float(eigenvalues.min()) > 0.5


def test_a_small_grid_is_solved_directly() -> None:
    grid = Grid(12, 8, 2.0)
    operator = operator_on(grid, BoundaryConditions(), rough_viscosity(grid, 1e4))
    cycle = Multigrid(operator)
    assert cycle.products == 0
    psi = torch.from_numpy(random_psi(grid)[None, 1:-1, 1:-1])
    np.testing.assert_allclose(cycle(operator(psi)), psi, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("grid", "steps"),
    [
        (Grid(512, 128, 4.0), [(2, 2)] * 4),
        (Grid(504, 126, 4.0), [(2, 2), (3, 3), (3, 3)]),
        (Grid(256, 64, 1.0), [(1, 2), (1, 2), (2, 2), (2, 2)]),
        (Grid(16, 12, 1.0), []),
    ],
    ids=str,
)
def test_grids_are_coarsened_to_a_few_hundred_unknowns(
    grid: Grid, steps: list[tuple[int, int]]
) -> None:
    assert coarsenings(grid) == steps


def test_the_first_node_inside_a_wall_moves_with_a_constant_as_its_slip_allows() -> None:
    """psi of coefficients 1: a straight line from a free-slip wall, a parabola from another."""
    walls = slip_walls((FREE, FREE, FAST, FREE))
    transfer = Transfer(Coarsening(2, 2), Coarsening(2, 2), walls.no_slip)
    fine = transfer.prolong(torch.ones((1, 7, 15), dtype=torch.float64))
    bottom, top = fine[0, [0, -1], 15].tolist()
    assert (bottom, top) == pytest.approx((1 / 3, 1 / 2))
