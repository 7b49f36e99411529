"""Anchored solvers: increments between direct solves, errors foreseen, measured and corrected."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.physics_cases import slip_walls
from helpers.rollouts import Rolls, ran
from helpers.sequences import SMALL, circulating, errors, rising
from tellus.coupling.simulation.statistics import RunStatistics
from tellus.coupling.solvers.anchored import (
    SAFETY,
    AnchoredSolver,
    ErrorForecast,
    ToleranceAnchoredSolver,
)
from tellus.coupling.solvers.guarded import CheckedSolver
from tellus.coupling.solvers.names import make_solver
from tellus.solver.boundaries import NO_SLIP
from tellus.solver.coarse import CoarseSolver
from tellus.solver.direct import DirectSolver
from tellus.solver.initial import conductive
from tellus.solver.stokes import StokesReport, StokesSolver, relative_velocity_error

STATES = circulating(40)


def anchored(every: int, approximate: StokesSolver) -> AnchoredSolver:
    return AnchoredSolver(approximate, DirectSolver(SMALL), every, SMALL)


@pytest.mark.parametrize("every", [1, 3])
def test_direct_at_anchors_and_increments_between(every: int) -> None:
    solver, coarse = anchored(every, CoarseSolver(SMALL, 2)), CoarseSolver(SMALL, 2)
    for call, (problem, direct) in enumerate(STATES[:8]):
        flow = solver.solve(problem)
        if call % every == 0:
            anchor, approximation = direct, coarse.solve(problem)
            np.testing.assert_array_equal(flow.psi, direct.psi)
            np.testing.assert_array_equal(flow.v, direct.v)
            assert (flow.report.status, flow.report.iterations) == ("solved", 1)
            assert flow.report.residual < 1e-10
        else:
            increment = coarse.solve(problem).psi - approximation.psi
            np.testing.assert_allclose(flow.psi, anchor.psi + increment, rtol=0, atol=1e-13)
            assert (flow.report.status, flow.report.iterations) == ("predicted", 0)
        assert flow.report.solver == f"anchored:{every}:coarse:2"


def test_exact_where_the_approximate_solver_is() -> None:
    assert errors(make_solver("anchored:10:direct", SMALL), STATES) == [0.0] * len(STATES)


def test_nothing_to_correct_is_an_error_known_to_be_none() -> None:
    """Over the direct solver itself a correction is rounding, and one of rounding says nothing."""
    solver = make_solver("anchored:tol=1e-3:direct", SMALL)
    for states in (circulating(80), rising(80)):
        first, *later = [solver.solve(problem).report for problem, _ in states]
        assert first.status == "solved"
        assert {report.status for report in later} == {"predicted", "corrected"}
        assert max(report.estimate for report in later) < 1e-12
        solver.restore({})


def test_a_correction_of_exactly_zero_leaves_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = ToleranceAnchoredSolver(CoarseSolver(SMALL, 2), 1e-3, SMALL)
    solver.solve(STATES[0][0])
    monkeypatch.setattr(solver._factor, "back_substitute", np.zeros_like)
    for problem, _ in STATES[1:]:
        report = solver.solve(problem).report
        assert report.estimate == 0.0
        assert (report.status, report.iterations) in (("corrected", 1), ("predicted", 0))
    assert report.status == "predicted"


def test_increments_are_worth_more_than_a_held_velocity_and_than_the_solver_alone() -> None:
    found = {
        name: np.mean(errors(make_solver(name, SMALL), STATES))
        for name in ("anchored:5:coarse:2", "skip:5", "coarse:2")
    }
    assert found["anchored:5:coarse:2"] < 0.3 * found["skip:5"]
    assert found["anchored:5:coarse:2"] < 0.1 * found["coarse:2"]


@pytest.mark.parametrize("tolerance", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("name", ["coarse:2", "reduced:4", "skip:3"])
def test_the_tolerance_bounds_the_true_error(name: str, tolerance: float) -> None:
    solver = make_solver(f"anchored:tol={tolerance}:{name}", SMALL)
    reports, found = [], []
    for problem, direct in STATES:
        flow = solver.solve(problem)
        reports.append(flow.report)
        found.append(relative_velocity_error(flow, direct))
    assert max(found) < tolerance
    assert max(found) > 0.1 * tolerance
    statuses = [report.status for report in reports]
    assert statuses[0] == "solved"
    assert statuses.count("solved") < len(STATES) // 4
    if (name, tolerance) == ("coarse:2", 1e-2):
        assert statuses.count("predicted") > len(STATES) // 2
        assert statuses.count("solved") <= 2
    assert max(r.estimate for r in reports if r.status != "solved") < SAFETY * tolerance


@pytest.mark.parametrize("tolerance", [1e-2, 5e-2])
def test_where_nothing_is_resolved_it_is_about_the_tolerance(tolerance: float) -> None:
    """The approximation is wrong by 40 %, and the flow turns over within a few steps."""
    solver = make_solver(f"anchored:tol={tolerance}:coarse:2", SMALL)
    assert max(errors(solver, rising(40))) < 2.0 * tolerance


def test_estimates_are_close_to_the_errors_they_stand_for() -> None:
    solver = ToleranceAnchoredSolver(CoarseSolver(SMALL, 2), 3e-3, SMALL)
    foreseen = []
    for problem, direct in STATES[2:]:
        flow = solver.solve(problem)
        error = relative_velocity_error(flow, direct)
        if flow.report.status == "predicted":
            foreseen.append(flow.report.estimate / error)
        elif flow.report.status == "corrected":
            assert error < flow.report.estimate
    assert len(foreseen) > 5
    assert min(foreseen) > 0.9
    assert max(foreseen) < 3.0


def test_growth_is_foreseen_from_what_was_found() -> None:
    growth = ErrorForecast(start=1.0)
    assert growth.at(1.0) == 0.0
    growth.path = 0.1
    assert growth.at(1.0) == math.inf
    growth.observe(0.02, time=1.5)
    growth = growth.restarted(1.5)
    growth.path = 0.3
    assert growth.at(1.5) == pytest.approx(0.3 * 0.2)
    # The flow has hardly moved, but time has passed.
    assert growth.at(4.0) == pytest.approx(2.5 * 0.04)
    # Rates at most halve.
    growth.observe(0.0, time=2.5)
    assert growth.restarted(2.5).at(3.5) == pytest.approx(0.02)
    assert ErrorForecast.from_array(growth.to_array()) == growth


def test_a_solver_that_never_moves_is_watched_by_the_clock() -> None:
    solver = ToleranceAnchoredSolver(Rolls(SMALL), 1e-2, SMALL)
    assert max(errors(solver, STATES)) < 1e-2


def test_a_factor_that_is_too_old_is_replaced() -> None:
    """From one state to a very different one, where its corrections would not do."""
    solver, states = ToleranceAnchoredSolver(CoarseSolver(SMALL, 2), 1e-3, SMALL), rising(40)
    solver.solve(states[0][0])
    problem, direct = states[25]
    flow = solver.solve(problem)
    assert flow.report.status == "solved"
    assert flow.report.iterations > 1
    assert relative_velocity_error(flow, direct) < 1e-10
    following, expected = states[26]
    assert relative_velocity_error(solver.solve(following), expected) < 1e-3


def test_other_walls_are_solved_anew() -> None:
    solver, (problem, direct) = make_solver("anchored:tol=1e-2:coarse:2", SMALL), STATES[0]
    solver.solve(replace(problem, boundaries=slip_walls([NO_SLIP] * 4)))
    flow = solver.solve(problem)
    assert flow.report.status == "solved"
    np.testing.assert_allclose(flow.psi, direct.psi, rtol=0, atol=1e-9 * np.abs(direct.psi).max())


def test_rest_stays_rest() -> None:
    still = replace(STATES[0][0], temperature=conductive(SMALL))
    solver = make_solver("anchored:tol=1e-2:coarse:2", SMALL)
    for _ in range(4):
        assert not np.any(solver.solve(still).psi)
    problem, direct = STATES[1]
    assert relative_velocity_error(solver.solve(problem), direct) < 1e-2


def test_check_says_the_true_error_and_changes_nothing() -> None:
    checked, alone = (
        CheckedSolver(CoarseSolver(SMALL, 2), DirectSolver(SMALL)),
        CoarseSolver(SMALL, 2),
    )
    problem, direct = STATES[3]
    flow, expected = checked.solve(problem), alone.solve(problem)
    np.testing.assert_array_equal(flow.psi, expected.psi)
    assert flow.report.solver == "check:coarse:2"
    assert flow.report.error == relative_velocity_error(expected, direct) > 0.0
    assert math.isnan(expected.report.error)
    assert flow.report.seconds.keys() - expected.report.seconds.keys() == {"check"}


def test_a_run_reports_how_often_it_solved_and_its_errors(tmp_path: Path) -> None:
    name = "check:anchored:tol=5e-2:coarse:2"
    larger = ("grid.nx=32", "grid.ny=16", "rheology.gamma_T=1e3", "model.rayleigh=1e3")
    run = ran(tmp_path / "run", *larger, "time.max_steps=30", f"stokes.solver={name}")
    assert run["solver"] == name
    report = run["solver_report"]
    assert report["solved"] + report["corrected"] + report["predicted"] == 31
    assert 1 <= report["solved"] < 10
    assert report["predicted"] > 10
    assert 0.0 < report["mean_estimate"] < report["largest_estimate"] < SAFETY * 5e-2
    assert 0.0 < report["mean_error"] < report["largest_error"] < 5e-2


def test_a_tally_keeps_means_and_extremes_through_a_checkpoint() -> None:
    statistics = RunStatistics()
    for estimate in (0.1, float("nan"), 0.3):
        statistics.add(StokesReport("x", estimate=estimate), 0.0)
    restored = RunStatistics.from_json(json.loads(json.dumps(statistics.to_json())))
    restored.add(StokesReport("x", estimate=0.2, error=1.0), 0.0)
    assert restored.velocity_errors == pytest.approx(
        {"mean_estimate": 0.2, "largest_estimate": 0.3, "mean_error": 1.0, "largest_error": 1.0}
    )
