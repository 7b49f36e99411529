"""skip:N:linear and skip:tol=X: velocities extrapolated in model time, between so many solves or
as long as the error allows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.numerics import random_psi
from helpers.rollouts import ran
from helpers.sequences import SMALL, circulating, errors, rising
from tellus.coupling.solvers.names import make_solver
from tellus.coupling.solvers.skip import SAFETY, SkipSolver, ToleranceSkipSolver
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import (
    Flow,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
    relative_velocity_error,
    velocity,
)

STATES = circulating(40)


class Polynomial(StokesSolver):
    """psi a polynomial in model time."""

    name = "polynomial"

    def __init__(self, grid: Grid, degree: int, constant: float = 1.0) -> None:
        self.terms = [random_psi(grid, seed) for seed in range(degree + 1)]
        self.terms[0] *= constant

    def psi(self, time: float) -> Array:
        return np.sum([term * time**k for k, term in enumerate(self.terms)], axis=0)

    def solve(self, problem: StokesProblem) -> Flow:
        return flow_from_psi(self.psi(problem.time), problem.grid, StokesReport(self.name))


def skip(tolerance: float, solver: StokesSolver | None = None) -> ToleranceSkipSolver:
    return ToleranceSkipSolver(solver or DirectSolver(SMALL), tolerance, SMALL, "skip:tol")


def at(time: float) -> StokesProblem:
    return replace(STATES[0][0], time=time)


@pytest.mark.parametrize("every", [1, 2, 5])
def test_every_nth_call_is_solved_and_held_between(every: int) -> None:
    skip = SkipSolver(DirectSolver(SMALL), every, SMALL)
    for call, (problem, _) in enumerate(STATES[: 2 * every + 1]):
        flow = skip.solve(problem)
        asked = call - call % every
        for name in ("psi", "u", "v"):
            np.testing.assert_array_equal(getattr(flow, name), getattr(STATES[asked][1], name))
        assert flow.report.status == ("solved" if call == asked else "held")
        assert flow.report.iterations == (1 if call == asked else 0)


def test_a_parabola_is_solved_for_no_more_once_it_is_known() -> None:
    exact, solver = Polynomial(SMALL, 2), skip(1e-6, Polynomial(SMALL, 2))
    asked = []
    for step, time in enumerate(np.cumsum([0.0, 0.1, 0.05, 0.2, 0.1, 0.2, 0.05, 0.3]).tolist()):
        flow, expected = solver.solve(at(time)), exact.solve(at(time))
        np.testing.assert_allclose(flow.psi, expected.psi, rtol=0, atol=1e-9)
        if flow.report.status == "solved":
            asked.append(step)
    # Three to lay it through, one that shows that it fits, one since intervals at most double.
    assert asked[:4] == [0, 1, 2, 3]
    assert len(asked) <= 5


def test_the_error_of_a_cubic_is_foreseen() -> None:
    """Exactly, but for the velocity that it is relative to: nearly the same throughout."""
    exact, solver = Polynomial(SMALL, 3, 1e3), skip(1e-3, Polynomial(SMALL, 3, 1e3))
    foreseen = []
    for time in np.arange(1.0, 3.0, 0.02).tolist():
        flow, expected = solver.solve(at(time)), exact.solve(at(time))
        if flow.report.status == "extrapolated":
            foreseen.append(flow.report.estimate / relative_velocity_error(flow, expected))
    assert len(foreseen) > 50
    np.testing.assert_allclose(foreseen, 1.0, atol=0.05)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-2, 5e-2])
def test_the_tolerance_bounds_the_true_error(tolerance: float) -> None:
    solver, solves = skip(tolerance), 0
    for problem, direct in STATES:
        flow = solver.solve(problem)
        assert relative_velocity_error(flow, direct) < tolerance
        if flow.report.status == "extrapolated":
            assert flow.report.estimate < SAFETY * tolerance
            assert flow.report.iterations == 0
        else:
            solves += 1
            np.testing.assert_array_equal(flow.psi, direct.psi)
    assert 4 < solves < 0.6 * len(STATES)


def test_a_tighter_tolerance_solves_more_often() -> None:
    counts = []
    for tolerance in (1e-1, 1e-2, 1e-3, 1e-4):
        solver = skip(tolerance)
        flows = [solver.solve(problem) for problem, _ in STATES]
        counts.append(sum(flow.report.status == "solved" for flow in flows))
    assert counts == sorted(counts)
    assert counts[-1] > 2 * counts[0]


def test_no_more_solves_than_skipping_as_often_and_a_smaller_error() -> None:
    solver = skip(1e-2)
    ours = [relative_velocity_error(solver.solve(problem), direct) for problem, direct in STATES]
    theirs = errors(make_solver("skip:3", SMALL), STATES)
    assert sum(error == 0.0 for error in ours) < sum(error == 0.0 for error in theirs)
    assert max(ours) < 0.5 * max(theirs)


def test_where_the_flow_turns_over_within_steps_nearly_all_are_solved() -> None:
    solver = skip(1e-2)
    states = rising(40)[:20]
    statuses = [solver.solve(problem).report.status for problem, _ in states]
    assert statuses.count("solved") > 15


def test_a_sliver_of_a_step_does_no_harm() -> None:
    """After a step that was cut to hit an output the next is ten thousand times longer."""
    solver = skip(1e-2, make_solver("lagged:tol=1e-4", SMALL))
    found = []
    for k, (problem, direct) in enumerate(STATES):
        if k % 5 == 4:
            solver.solve(replace(problem, time=problem.time * (1.0 - 1e-6)))
        found.append(relative_velocity_error(solver.solve(problem), direct))
    assert max(found) < 1e-2


def test_a_clock_that_is_set_back_starts_anew() -> None:
    solver = skip(1e-2)
    for problem, _ in STATES[5:15]:
        solver.solve(problem)
    problem, direct = STATES[0]
    flow = solver.solve(problem)
    assert flow.report.status == "solved"
    np.testing.assert_array_equal(flow.psi, direct.psi)
    assert max(errors(solver, STATES[1:12])) < 1e-2


def test_a_run_reports_what_it_foresaw_and_found(tmp_path: Path) -> None:
    run = ran(tmp_path / "run", "stokes.solver=skip:tol=2e-2", "time.max_steps=40")
    assert run["solver"] == "skip:tol=2e-2"
    report = run["solver_report"]
    assert report["solved"] + report["extrapolated"] == 41
    assert report["extrapolated"] > 10
    assert report["largest_estimate"] >= report["mean_estimate"] > 0.0


# Steps of a run: never twice the same.
TIMES = np.cumsum([0.0, 0.1, 0.12, 0.05, 0.2, 0.24, 0.01, 0.3, 0.3]).tolist()


@pytest.mark.parametrize("every", [1, 2, 3])
def test_exact_for_a_flow_that_changes_linearly(every: int) -> None:
    straight = Polynomial(SMALL, 1)
    skip = SkipSolver(straight, every, SMALL, linear=True)
    for call, time in enumerate(TIMES):
        flow = skip.solve(at(time))
        if call % every == 0:
            assert flow.report.status == "solved"
        elif call < every:
            assert flow.report.status == "held"
            np.testing.assert_array_equal(flow.psi, straight.psi(0.0))
            continue
        else:
            assert flow.report.status == "extrapolated"
            assert flow.report.iterations == 0
        np.testing.assert_allclose(flow.psi, straight.psi(time), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(flow.u, velocity(flow.psi, SMALL)[0])


def test_two_solves_at_one_time_are_held() -> None:
    skip = SkipSolver(Polynomial(SMALL, 1), 2, SMALL, linear=True)
    for time in (0.5, 0.5, 0.5):
        skip.solve(at(time))
    assert skip.solve(at(0.7)).report.status == "held"


def test_second_order_in_the_interval_where_holding_is_first() -> None:
    states = rising(40)[20:]
    held, straight = (
        [max(errors(SkipSolver(DirectSolver(SMALL), n, SMALL, linear), states)[n:]) for n in (2, 4)]
        for linear in (False, True)
    )
    # The farthest extrapolation is 1 step after a solve, then 3.
    assert 2.0 < held[1] / held[0] < 4.0
    assert straight[1] / straight[0] > 5.0
    assert straight[0] < 0.5 * held[0]


def test_a_run_counts_what_it_got(tmp_path: Path) -> None:
    """Warming up does not count; the last state is solved for its output."""
    for name, counts in {
        "skip:3:linear": {"solved": 4, "held": 2, "extrapolated": 4, "iterations": 4},
        "skip:3": {"solved": 4, "held": 6, "iterations": 4},
    }.items():
        run = ran(tmp_path / name, f"stokes.solver={name}", "time.max_steps=9")
        assert run["solver"] == name
        assert run["solver_report"] == counts | {"rejected": 0}
