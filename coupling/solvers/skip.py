"""Momentum skip: solve every n-th step, hold the velocity between, or extrapolate it."""

import numpy as np

from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.history import PastFlow, extrapolated
from tellus.solver.stokes import (
    Flow,
    SolverState,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
)


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
            report = StokesReport(self.name, iterations=0, status="held")
            return flow_from_psi(held.psi, self.grid, report)
        report = StokesReport(self.name, iterations=0, status="extrapolated")
        return flow_from_psi(extrapolated([before, held], problem.time), self.grid, report)

    @property
    def cycle(self) -> int:
        """From one solve to the next."""
        return self.every

    def own_state(self) -> SolverState:
        """Calls so far and what was solved last."""
        held = _packed("last", self._last) | _packed("before", self._before)
        return {"calls": np.array(self._calls), **held}

    def restore_own(self, state: SolverState) -> None:
        """Take back what `own_state` handed out."""
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
