"""Momentum skip to a tolerance: extrapolate as long as the error allows, then solve."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Grid
from tellus.solver.history import History, PastFlow, extrapolated, well_apart
from tellus.solver.stokes import (
    Flow,
    SolverState,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
)

from .error_forecast import relative_velocity

SAFETY = 0.8
"""The part of the tolerance that an extrapolation may be foreseen to miss by."""

FARTHEST = 2.0
"""An interval between solves over the one before it, at most."""

CLOSEST = 0.1
"""Intervals between solves over the step ahead, at least, or the solve is left out."""


class ToleranceSkipSolver(CompositeSolver):
    """Extrapolate psi in model time; ask `solver` when the error may exceed a tolerance.

    Each solve shows what the extrapolation to it was worth. A polynomial through psi at times
    t_1 ... t_k misses by a derivative of psi times (t - t_1) ... (t - t_k); with the derivative
    taken from the last solve, that says when the next one is due.

    Parameters
    ----------
    solver : StokesSolver
        Its own error should be a small part of the tolerance: extrapolation amplifies it.
    tolerance : float
        Velocity error relative to the velocity; extrapolations are foreseen to miss by less than
        `SAFETY` times it.
    grid : Grid
    name : str
    """

    def __init__(self, solver: StokesSolver, tolerance: float, grid: Grid, name: str) -> None:
        self.name = name
        self.solver, self.tolerance, self.grid = solver, tolerance, grid
        self.inner = {"inner": solver}
        self._history = History()
        self._slope = np.inf  # error of the last extrapolation over the product of its intervals,
        self._through = 0  # the moments it went through,
        self._interval = 0.0  # and the time it spanned

    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity, "extrapolated" with the error foreseen, or as solved with the one found."""
        time, found = problem.time, np.nan
        elapsed = time - self._history.flows[-1].time if self._history.flows else 0.0
        if elapsed > 0.0:
            through = well_apart(self._history.flows, time, CLOSEST)
            psi = extrapolated(through, time)
            known = len(through) == self._through and elapsed <= FARTHEST * self._interval
            foreseen = self._slope * _intervals(through, time)
            if known and foreseen < SAFETY * self.tolerance:
                report = StokesReport(self.name, {}, 0, status="extrapolated", estimate=foreseen)
                return flow_from_psi(psi, self.grid, report)
        flow = self.solver.solve(problem)
        if elapsed > 0.0:
            found = relative_velocity(flow.psi - psi, flow.psi, self.grid)
            self._slope = found / _intervals(through, time)
            self._through, self._interval = len(through), elapsed
        self._history.add(time, flow.psi)
        return replace(flow, report=replace(flow.report, solver=self.name, estimate=found))

    def own_state(self) -> SolverState:
        """The last solves, and what the last extrapolation missed by."""
        return {
            **self._history.state(),
            "checked": np.array([self._slope, self._through, self._interval]),
        }

    def restore_own(self, state: SolverState) -> None:
        """Take back what `own_state` handed out."""
        self._history.restore(state)
        unchecked = np.array([np.inf, 0.0, 0.0])
        self._slope, through, self._interval = state.get("checked", unchecked).tolist()
        self._through = int(through)


def _intervals(moments: Sequence[PastFlow], time: float) -> float:
    """The product of the intervals from all moments to a time."""
    return float(np.prod([time - moment.time for moment in moments]))
