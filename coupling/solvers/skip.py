"""Momentum skip: solve every n-th step, hold the velocity between, or extrapolate it."""

from collections.abc import Sequence

import numpy as np

from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.history import History, PastFlow, extrapolated, well_apart
from tellus.solver.psi.operator import relative_velocity
from tellus.solver.stokes import Flow, SolverState, StokesProblem, StokesSolver


class SkipSolver(CompositeSolver):
    """Ask `solver` at every n-th call and answer from memory in between.

    A baseline of Agarwal et al. (2025), who solve every 100th step and hold the velocity.
    With `linear` the stream function goes on as it went from the solve before the last to the
    last one, linearly in model time; until there are two it is held.
    """

    def __init__(self, solver: StokesSolver, every: int, grid: Grid, linear: bool = False) -> None:
        asked = "" if solver.name == "direct" else f":{solver.name}"
        self.name = f"skip:{every}{':linear' if linear else ''}{asked}"
        self.solver, self.every, self.grid, self.linear = solver, every, grid, linear
        self.inner = {"inner": solver}
        self._calls = 0
        self._last: PastFlow | None = None
        self._before: PastFlow | None = None

    def solve(self, problem: StokesProblem) -> Flow:
        """A new velocity at calls 0, n, 2n, ...; one from memory otherwise."""
        due = self._last is None or self._calls % self.every == 0
        self._calls += 1
        if due:
            flow = self.solver.solve(problem)
            if self.linear:
                self._before = self._last
            self._last = PastFlow(problem.time, flow.psi)
            return flow
        assert self._last is not None
        held, before = self._last, self._before
        if before is None or before.time == held.time:
            return self.flow(held.psi, self.grid, {}, iterations=0, status="held")
        psi = extrapolated([before, held], problem.time)
        return self.flow(psi, self.grid, {}, iterations=0, status="extrapolated")

    @property
    def cycle(self) -> int:
        """Calls from one solve to the next."""
        return self.every

    def own_state(self) -> SolverState:
        """Calls so far and what was solved last."""
        held = _packed("last", self._last) | _packed("before", self._before)
        return {"calls": np.array(self._calls), **held}

    def restore_own(self, state: SolverState) -> None:
        self._calls = int(state["calls"]) if "calls" in state else 0
        self._last, self._before = _unpacked("last", state), _unpacked("before", state)


def _packed(name: str, flow: PastFlow | None) -> dict[str, Array]:
    """A past flow as arrays called after it; nothing for None."""
    if flow is None:
        return {}
    return {f"{name}_time": np.array(flow.time), f"{name}_psi": flow.psi}


def _unpacked(name: str, state: SolverState) -> PastFlow | None:
    """The inverse of `_packed`."""
    if f"{name}_psi" not in state:
        return None
    return PastFlow(float(state[f"{name}_time"]), np.asarray(state[f"{name}_psi"], np.float64))


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
    taken from the last solve, that says when the next one is due: extrapolations are foreseen to
    miss by less than `SAFETY` times the `tolerance`, relative to the velocity. The own error of
    `solver` should be a small part of that: extrapolation amplifies it.
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
                return self.flow(psi, self.grid, {}, 0, status="extrapolated", estimate=foreseen)
        flow = self.solver.solve(problem)
        if elapsed > 0.0:
            found = relative_velocity(flow.psi - psi, flow.psi, self.grid)
            self._slope = found / _intervals(through, time)
            self._through, self._interval = len(through), elapsed
        self._history.add(time, flow.psi)
        return flow.reported(solver=self.name, estimate=found)

    def own_state(self) -> SolverState:
        """The last solves, and what the last extrapolation missed by."""
        return {
            **self._history.state(),
            "checked": np.array([self._slope, self._through, self._interval]),
        }

    def restore_own(self, state: SolverState) -> None:
        self._history.restore(state)
        unchecked = np.array([np.inf, 0.0, 0.0])
        self._slope, through, self._interval = state.get("checked", unchecked).tolist()
        self._through = int(through)


def _intervals(moments: Sequence[PastFlow], time: float) -> float:
    """The product of the intervals from all moments to a time."""
    return float(np.prod([time - moment.time for moment in moments]))
