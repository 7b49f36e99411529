"""`reduced:r`: the projection against P^T A P, and the error against r."""

import numpy as np
import pytest

from helpers.numerics import free_and_held, plume, rough_viscosity, worst_difference
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.splines.projection import SplineProjection, basis_values, reduced_solver
from tellus.solver.stokes import Flow, StokesProblem, relative_velocity_error
from tellus.solver.threads import limit

# Wide, tall, neither a multiple of the factor, and one whose last block of lanes is full.
CASES = [
    (Grid(24, 16, 2.0), 4),
    (Grid(16, 24, 0.7), 2),
    (Grid(31, 17, 1.0), 4),
    (Grid(132, 12, 4.0), 4),
]


@pytest.mark.parametrize("threads", [1, 2])
@free_and_held
@pytest.mark.parametrize(("grid", "factor"), CASES, ids=str)
def test_the_projection_is_that_of_the_fine_operator(
    grid: Grid,
    factor: int,
    boundaries: BoundaryConditions,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tellus.solver.factor.banded.WORTH_BOTH_ENDS", 0)
    viscosity, operator = rough_viscosity(grid, 1e6), PsiOperator(grid, boundaries)
    projection, product = SplineProjection(operator, factor), operator.at(viscosity)
    columns = np.array([projection.prolong(c) for c in np.eye(projection.unknowns)])
    with limit(threads):
        projection.assemble(viscosity)
        assert projection.factor() == 0
        found = np.array([projection.solve(product(psi)) for psi in columns])
    assert worst_difference(found, columns) < 1e-9


@free_and_held
def test_what_is_left_over_is_orthogonal_to_every_spline(boundaries: BoundaryConditions) -> None:
    grid = Grid(48, 32, 1.5)
    problem = plume(grid, boundaries=boundaries)
    operator = PsiOperator(grid, boundaries)
    restrict = SplineProjection(operator, 4).restrict
    b = operator.right_hand_side(problem.temperature, 1.0)
    left = b - operator.apply(problem.viscosity(), reduced_solver(grid, 4).solve(problem).psi)
    assert np.linalg.norm(restrict(left)) < 1e-9 * np.linalg.norm(restrict(b))
    assert np.linalg.norm(left) > 1e-6 * np.linalg.norm(b)  # it is an approximation


@free_and_held
def test_halving_the_factor_is_worth_two_orders_and_more(boundaries: BoundaryConditions) -> None:
    grid = Grid(128, 64, 2.0)
    problem = plume(grid, 1e3, boundaries)
    reference = DirectSolver(grid).solve(problem)
    errors = [_error(grid, factor, problem, reference) for factor in (8, 4, 2)]
    assert errors[0] > 4.0 * errors[1] > 16.0 * errors[2]
    assert errors[2] < 1e-3


def _error(grid: Grid, factor: int, problem: StokesProblem, reference: Flow) -> float:
    return relative_velocity_error(reduced_solver(grid, factor).solve(problem), reference)


def test_with_a_knot_at_every_node_nothing_is_lost() -> None:
    grid = Grid(24, 16, 1.5)
    problem = plume(grid)
    flow = reduced_solver(grid, 1).solve(problem)
    assert relative_velocity_error(flow, DirectSolver(grid).solve(problem)) < 1e-9


@pytest.mark.parametrize("held", [(True, False), (True, True)])
def test_splines_meet_the_walls_conditions_and_hold_every_cubic_that_does(
    held: tuple[bool, bool],
) -> None:
    cells, pieces = 24, 6
    basis = basis_values(cells, pieces, held)
    x = np.linspace(0.0, 1.0, cells + 1)
    assert not basis[[0, -1]].any()
    cubic = {
        (True, False): x * (1 - x) * (2 - x),  # psi'' = 6 x - 6 vanishes at x = 1
        (True, True): x * (1 - x) * (0.3 + x),
    }[held]
    fitted = basis @ np.linalg.lstsq(basis, cubic, rcond=None)[0]
    np.testing.assert_allclose(fitted, cubic, rtol=0, atol=1e-13)
    assert basis.shape[1] == pieces - 1 + sum(held)
