"""Guarded solvers: errors seen through the residual, another solver where they are too large."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.rollouts import Damped, ran, tellus
from helpers.sequences import SMALL, circulating, rising
from tellus.coupling.solvers.fine import FineSolver, RichardsonSolver
from tellus.coupling.solvers.guarded import RENEWED, GuardedSolver
from tellus.coupling.solvers.names import make_solver
from tellus.coupling.trajectory.comparison.compare import compare
from tellus.errors import SolverError
from tellus.solver.stokes import Flow, StokesProblem, relative_velocity_error

STATES = circulating(RENEWED + 5)


class Wrong(Damped):
    """Slower by a part, or nothing at all."""

    def solve(self, problem: StokesProblem) -> Flow:
        if not np.isfinite(self.part):
            raise SolverError("nothing finite.")
        return super().solve(problem).reported(status="predicted")


def guarded(part: float, allowed: float = 0.05) -> GuardedSolver:
    return GuardedSolver(Wrong(SMALL, part), make_solver("refined", SMALL), allowed, SMALL)


@pytest.mark.parametrize("inner", ["coarse:2", "coarse:4", "reduced:2", "skip:5:refined"])
def test_estimates_are_near_the_error(inner: str) -> None:
    for states in (STATES, rising(RENEWED + 5)):
        solver, alone = make_solver(f"guarded:tol=0.9:{inner}", SMALL), make_solver(inner, SMALL)
        for problem, direct in states:
            flow, error = (
                solver.solve(problem),
                relative_velocity_error(alone.solve(problem), direct),
            )
            if 1e-3 < error < 0.3:
                assert 0.7 * error < flow.report.estimate < 1.5 * error


def test_what_is_right_is_handed_out_and_what_is_wrong_is_not() -> None:
    right, wrong = guarded(0.97), guarded(0.9)
    for problem, direct in STATES:
        flow = right.solve(problem)
        assert flow.report.status == "predicted"
        np.testing.assert_array_equal(flow.psi, right.solver.solve(problem).psi)
        assert flow.report.estimate == pytest.approx(0.03 / 0.97, rel=0.05)
        other = wrong.solve(problem)
        assert other.report.status == "fallback"
        assert relative_velocity_error(other, direct) < 1e-5
        assert other.report.estimate == pytest.approx(0.1 / 0.9, rel=0.05)


def test_a_prediction_that_is_not_finite_is_replaced() -> None:
    problem, direct = STATES[0]
    flow = guarded(np.nan).solve(problem)
    assert flow.report.status == "fallback"
    assert relative_velocity_error(flow, direct) < 1e-5


def test_a_velocity_beside_psi_counts() -> None:
    """A network may predict u and v of its own; psi alone would look right."""

    class Beside(Wrong):
        def solve(self, problem: StokesProblem) -> Flow:
            flow = super().solve(problem)
            return replace(flow, u=1.2 * flow.u, v=1.2 * flow.v, divergent=True)

    solver = guarded(1.0)
    solver.solver = Beside(SMALL, 1.0)
    assert solver.solve(STATES[0][0]).report.status == "fallback"


def test_a_replacement_on_either_grid_of_two_is_said() -> None:
    coarse, finer = Wrong(SMALL, 1.0), SMALL.finer(2)
    for part, said in ((1.0, "predicted"), (0.8, "fallback")):
        refined = make_solver("refined", finer)
        within = GuardedSolver(Wrong(finer, part), refined, 0.05, finer)
        both = RichardsonSolver(coarse, FineSolver(within, SMALL, finer))
        assert both.solve(STATES[0][0]).report.status == said


def test_a_run_counts_and_says_what_was_replaced(tmp_path: Path) -> None:
    larger = ("grid.nx=64", "grid.ny=16", "grid.aspect=4", "time.max_steps=12")
    names = {"right": "guarded:tol=0.9:coarse:2", "wrong": "guarded:tol=1e-6:coarse:2"}
    right, wrong = (
        ran(tmp_path / out, *larger, f"stokes.solver={name}")["solver_report"]
        for out, name in names.items()
    )
    assert "fallback" not in right
    assert (wrong["fallback"], "solved" in wrong) == (right["solved"], False)
    assert 0.0 < right["mean_estimate"] <= right["largest_estimate"] < 0.9
    said = f"another solver in {wrong['fallback']} of {wrong['fallback']} solves"
    assert said in tellus("info", tmp_path / "wrong").output
    result = compare([tmp_path / out for out in names])
    one, other = (" ".join(run.notes) for run in result.runs)
    assert said in other
    assert "guard: another solver in 0 of" in one
