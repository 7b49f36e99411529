"""skip:N:linear: the velocity extrapolated in model time between solves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numerics import random_psi
from rollouts import case, summary
from sequences import SMALL, errors, rising

from tellus.coupling.runs.run import run_directory
from tellus.coupling.solvers.skip import SkipSolver
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.stokes import (
    Flow,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
    velocity,
)


class Straight(StokesSolver):
    """psi linear in model time."""

    name = "straight"

    def __init__(self, grid: Grid) -> None:
        self.base, self.rate = random_psi(grid, 1), random_psi(grid, 2)

    def psi(self, time: float) -> np.ndarray:
        return self.base + time * self.rate

    def solve(self, problem: StokesProblem) -> Flow:
        report = StokesReport(self.name)
        return flow_from_psi(self.psi(problem.time), problem.grid, report)


def at(time: float) -> StokesProblem:
    return replace(rising(1)[0][0], time=time)


# Steps of a run: never twice the same.
TIMES = np.cumsum([0.0, 0.1, 0.12, 0.05, 0.2, 0.24, 0.01, 0.3, 0.3]).tolist()


@pytest.mark.parametrize("every", [1, 2, 3])
def test_exact_for_a_flow_that_changes_linearly(every: int) -> None:
    straight = Straight(SMALL)
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
    skip = SkipSolver(Straight(SMALL), 2, SMALL, linear=True)
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
    config = case("stokes.solver=skip:3:linear", "time.max_steps=9")
    assert run_directory(config, tmp_path / "run", progress=False)["solver"] == "skip:3:linear"
    counts = summary(tmp_path / "run")["solver_report"]
    assert (counts["solved"], counts["held"], counts["extrapolated"]) == (4, 2, 4)
