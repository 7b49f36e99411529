"""Conjugate gradients with an old factor: agreement with the direct solve, factors, memory."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from helpers.numerics import GRIDS, random_psi, rough_field, rough_viscosity
from helpers.sequences import SMALL, errors, rising
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.cached import CachedFactor
from tellus.solver.grid import Grid
from tellus.solver.history import PastFlow, extrapolated, well_apart
from tellus.solver.krylov import LaggedSolver, refined_solver
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem, StokesSolver, relative_velocity_error
from tellus.solver.threads import limit

STEPS = 40


def counting(solver: LaggedSolver) -> list[int]:
    """A list that grows by one with every factorisation."""
    made: list[int] = []
    factor = solver._kept.factor

    def counted(viscosity: np.ndarray) -> None:
        made.append(1)
        factor(viscosity)

    solver._kept.factor = counted  # type: ignore[method-assign]
    return made


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tolerance", [1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize(("make", "share"), [(LaggedSolver, 1e-3), (refined_solver, 1e-4)])
def test_the_velocity_is_within_the_tolerance_of_the_direct_one(
    make: Callable[..., StokesSolver], share: float, tolerance: float, threads: int
) -> None:
    with limit(threads):
        found = errors(make(SMALL, tolerance=tolerance), rising(STEPS))
    assert max(found) < tolerance
    # As far off as it may be, not solved to the end each time.
    assert max(found) > share * tolerance


def test_factors_are_few_and_solves_take_few_iterations() -> None:
    solver = LaggedSolver(SMALL, 1e-3)
    made = counting(solver)
    iterations = [solver.solve(problem).report.iterations for problem, _ in rising(STEPS)]
    assert 1 <= len(made) <= STEPS // 5
    assert max(iterations) <= solver.limit + 2
    assert np.mean(iterations) < 4.0


def test_a_low_limit_factors_more_often() -> None:
    often, seldom = (LaggedSolver(SMALL, limit=most, by_age=False) for most in (1, 100))
    counts = []
    for solver in (often, seldom):
        made = counting(solver)
        for problem, _ in rising(STEPS):
            solver.solve(problem)
        counts.append(len(made))
    assert counts[0] > 3 * counts[1]
    assert counts[1] == 1


def test_a_factor_whose_age_has_cost_as_much_as_making_it_is_made_anew() -> None:
    solver = LaggedSolver(SMALL, limit=100)
    made = counting(solver)
    fewest, aged = 100, 0
    for problem, _ in rising(STEPS):
        before, due = len(made), aged >= solver.cost
        iterations = solver.solve(problem).report.iterations
        assert (len(made) > before) == (due or not before)
        if len(made) > before:
            fewest, aged = 100, 0
        else:
            fewest = min(fewest, iterations)
            aged += iterations - fewest
    assert 2 < len(made) < STEPS // 3


@pytest.mark.parametrize("seed", [3, 4])
def test_a_factor_that_does_not_fit_at_all_is_replaced_at_once(seed: int) -> None:
    """From one rough viscosity to another, contrasts of 1e8: no iteration would get there."""
    grid = Grid(24, 12, 2.0)
    first, second = (
        StokesProblem(grid, rough_field(grid, k), Given(rough_viscosity(grid, 1e8, k)), time=k)
        for k in (1, seed)
    )
    solver = LaggedSolver(grid)
    solver.solve(first)
    flow = solver.solve(second)
    assert flow.report.iterations == solver.limit + solver.cost + 1
    assert relative_velocity_error(flow, DirectSolver(grid).solve(second)) < 1e-8
    assert flow.report.residual < 1e-8


def test_the_start_is_extrapolated_and_saves_iterations() -> None:
    moving, standing = (LaggedSolver(SMALL, limit=100, by_age=False) for _ in range(2))
    states = rising(STEPS)[STEPS // 2 :]
    ours = sum(moving.solve(problem).report.iterations for problem, _ in states)
    # Without time nothing is extrapolated: the start is the last solution.
    still = sum(standing.solve(replace(p, time=0.0)).report.iterations for p, _ in states)
    assert ours < 0.8 * still


def test_extrapolation_is_exact_for_a_parabola_in_time() -> None:
    a, b, c = (random_psi(SMALL, seed) for seed in (1, 2, 3))
    moments = [PastFlow(t, a + t * b + t**2 * c) for t in (0.1, 0.25, 0.3)]
    expected = a + 0.5 * b + 0.25 * c
    np.testing.assert_allclose(extrapolated(moments, 0.5), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(extrapolated(moments, 0.25), moments[1].psi, rtol=0, atol=1e-13)


def test_moments_much_closer_than_the_step_are_left_out() -> None:
    psi = random_psi(SMALL)
    moments = [PastFlow(t, psi) for t in (0.0, 0.99, 1.0)]
    assert [m.time for m in well_apart(moments, 2.0)] == [1.0, 0.0]
    assert [m.time for m in well_apart(moments, 1.01)] == [1.0, 0.99, 0.0]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_kept_factor_solves_as_often_as_one_likes(grid: Grid) -> None:
    eta, kept = rough_viscosity(grid, 1e6), CachedFactor(grid)
    kept.factor(eta)
    for seed in (1, 2):
        psi = random_psi(grid, seed)
        found = kept.back_substitute(kept.operator.apply(eta, psi))
        np.testing.assert_allclose(found, psi, rtol=0, atol=1e-8)
