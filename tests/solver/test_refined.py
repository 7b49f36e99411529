"""`refined`: its preconditioner, and how few iterations it needs."""

import numpy as np
import pytest

from helpers.numerics import (
    GRIDS,
    HELD,
    free_and_held,
    random_psi,
    rough_field,
    rough_viscosity,
    worst_difference,
)
from helpers.sequences import SMALL, rising
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.solver import _core
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.krylov import fastest_factor, refined_solver
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import FrankKamenetskii, Given
from tellus.solver.splines.projection import SplinePreconditioner
from tellus.solver.stokes import StokesProblem, relative_velocity_error


def plumes_on(nx: int, ny: int, gamma_T: float = 1e8) -> StokesProblem:
    """Plumes as wide on every grid, contrast gamma_T."""
    grid = Grid(nx, ny, 4.0)
    x, y = grid.x_cells, grid.y_cells[:, None]
    edges = np.exp(-y / 0.1) - np.exp((y - 1.0) / 0.1)
    plumes = np.exp(-(((x - 1.0) / 0.15) ** 2)) - np.exp(-(((x - 2.7) / 0.15) ** 2))
    temperature = np.clip(0.6 + 0.4 * edges + 0.3 * plumes, 0.0, 1.0)
    return StokesProblem(grid, temperature, FrankKamenetskii(gamma_T, 10.0))


@pytest.mark.parametrize("from_zero", [True, False])
@pytest.mark.parametrize("grid", [GRIDS[0], Grid(40, 25, 1.0)], ids=str)
def test_the_smoother_is_chebyshev_iteration(grid: Grid, from_zero: bool) -> None:
    viscosity, operator = rough_viscosity(grid, 1e4), PsiOperator(grid, HELD)
    diagonal = operator.diagonal(viscosity)
    inverse = np.where(diagonal > 0.0, 1.0 / np.where(diagonal > 0.0, diagonal, 1.0), 0.0)
    b, start = random_psi(grid, 3), random_psi(grid, 4)
    found = start.copy()
    _core.chebyshev(
        operator.weights(viscosity),
        *(inverse, b, 0.3, 4.0, 5, from_zero),
        found,
        np.empty((3, *grid.nodes)),
    )
    expected = plain_chebyshev(
        operator.at(viscosity), inverse, b, 0.0 * start if from_zero else start, (0.3, 4.0), 5
    )
    assert worst_difference(found, expected) < 1e-12


def plain_chebyshev(
    A: object, inverse: Array, b: Array, x: Array, band: tuple[float, float], steps: int
) -> Array:
    """Saad (2003), algorithm 12.1, on the diagonally scaled system."""
    assert callable(A)
    theta, delta = 0.5 * (band[1] + band[0]), 0.5 * (band[1] - band[0])
    rho, residual = delta / theta, b - A(x)
    direction = inverse * residual / theta
    for _ in range(steps):
        x = x + direction
        residual = residual - A(direction)
        rho, before = 1.0 / (2.0 * theta / delta - rho), rho
        direction = rho * before * direction + 2.0 * rho / delta * inverse * residual
    return x


@free_and_held
@pytest.mark.parametrize("grid", [Grid(24, 16, 2.0), Grid(15, 31, 1.0)], ids=str)
def test_no_eigenvalue_lies_beyond_the_bound_that_the_smoother_takes(
    grid: Grid, boundaries: BoundaryConditions
) -> None:
    operator, viscosity = PsiOperator(grid, boundaries), rough_viscosity(grid, 1e8)
    product, diagonal = operator.at(viscosity), operator.diagonal(viscosity)
    scale = np.where(diagonal > 0.0, diagonal, np.inf) ** -0.5
    units = np.eye(diagonal.size).reshape(-1, *grid.nodes)
    scaled = np.array([(scale * product(scale * unit)).ravel() for unit in units])
    largest = np.linalg.eigvalsh(scaled)[-1]
    assert largest <= SplinePreconditioner(operator, 2).largest_eigenvalue
    assert largest > 0.4 * SplinePreconditioner(operator, 2).largest_eigenvalue


@free_and_held
@pytest.mark.parametrize("factor", [2, 3])
def test_the_preconditioner_is_symmetric_and_positive(
    factor: int, boundaries: BoundaryConditions
) -> None:
    grid = Grid(30, 20, 1.5)
    operator = PsiOperator(grid, boundaries)
    approximate = SplinePreconditioner(operator, factor)
    approximate.assemble(rough_viscosity(grid, 1e6))
    assert approximate.factor() == 0
    fields = [random_psi(grid, seed) for seed in range(4)]
    images = [approximate.solve(field) for field in fields]
    products = np.array([[np.vdot(x, y) for y in images] for x in fields])
    np.testing.assert_allclose(products, products.T, rtol=1e-9, atol=1e-9 * products.max())
    assert np.linalg.eigvalsh(products)[0] > 0.0


@pytest.mark.parametrize("gamma_T", [1e6, 1e8, 1e10])
def test_iterations_from_zero_don_t_grow_with_the_grid(gamma_T: float) -> None:
    counts = [
        refined_solver(problem.grid, 2).solve(problem).report.iterations
        for problem in (plumes_on(64 * k, 16 * k, gamma_T) for k in (1, 2, 4))
    ]
    assert max(counts) <= 10
    assert counts[-1] <= counts[0]


def test_the_preconditioner_is_kept_over_steps_and_made_anew_when_it_is_too_old() -> None:
    solver = refined_solver(SMALL)
    factors = ["factor" in solver.solve(problem).report.seconds for problem, _ in rising(40)]
    assert factors[0]
    assert sum(factors) <= 10
    other = StokesProblem(SMALL, rough_field(SMALL), Given(rough_viscosity(SMALL, 1e8)), time=1.0)
    flow = solver.solve(other)
    assert "factor" in flow.report.seconds
    assert relative_velocity_error(flow, DirectSolver(SMALL).solve(other)) < 1e-6


def test_where_no_iteration_gets_there_cholesky_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contrasts of 1e8 from cell to cell: nothing about that flow is smooth."""
    problem = StokesProblem(SMALL, rough_field(SMALL), Given(rough_viscosity(SMALL, 1e8)))
    monkeypatch.setattr("tellus.solver.krylov.MOST", 3)
    flow = refined_solver(SMALL).solve(problem)
    assert flow.report.iterations == 4
    assert relative_velocity_error(flow, DirectSolver(SMALL).solve(problem)) < 1e-8


def test_every_grid_has_a_factor_that_fits() -> None:
    for short in (6, 95, 96, 191, 192, 700):
        assert 3 * fastest_factor(Grid(4 * short, short)) <= short
    with pytest.raises(InputError, match="use --stokes direct"):
        refined_solver(Grid(20, 5), 2)


def test_where_no_knots_fit_it_is_the_direct_solver() -> None:
    grid = Grid(20, 5)
    problem = plumes_on(20, 5)
    found = make_solver("refined:tol=1e-3", grid).solve(problem)
    np.testing.assert_array_equal(found.psi, DirectSolver(grid).solve(problem).psi)
    assert found.report.solver == "refined:tol=1e-3"
