"""Anchored: direct solves now and then, an approximate solver's increments between them.

psi(t) = psi_direct(t_k) + S(T(t)) - S(T(t_k))

The systematic error of the approximate solver S cancels at each anchor t_k, and grows only with
the change since.
"""

from dataclasses import replace

import numpy as np

from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import added
from tellus.solver.stokes import (
    Flow,
    SolverState,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
)


class AnchoredSolver(CompositeSolver):
    """A direct solve at every n-th call, increments of `approximate` in between."""

    def __init__(
        self, approximate: StokesSolver, direct: StokesSolver, every: int, grid: Grid
    ) -> None:
        self.name = f"anchored:{every}:{approximate.name}"
        self.approximate, self.direct, self.every, self.grid = approximate, direct, every, grid
        self.inner = {"approximate": approximate, "direct": direct}
        self._calls = 0
        self._offset: Array | None = None

    def solve(self, problem: StokesProblem) -> Flow:
        """The direct velocity at calls 0, n, 2n, ...; increments from the last one otherwise."""
        due = self._offset is None or self._calls % self.every == 0
        self._calls += 1
        approximation = self.approximate.solve(problem)
        seconds = approximation.report.seconds
        if due:
            flow = self.direct.solve(problem)
            self._offset = flow.psi - approximation.psi
            both = added(seconds, flow.report.seconds)
            return replace(flow, report=replace(flow.report, solver=self.name, seconds=both))
        assert self._offset is not None
        report = StokesReport(self.name, seconds, iterations=0, status="predicted")
        return flow_from_psi(approximation.psi + self._offset, self.grid, report)

    @property
    def cycle(self) -> int:
        """From one anchor to the next."""
        return self.every

    def own_state(self) -> SolverState:
        """Calls so far, and what the approximation lacked at the last anchor."""
        lack = {} if self._offset is None else {"lack": self._offset}
        return {"calls": np.array(self._calls), **lack}

    def restore_own(self, state: SolverState) -> None:
        """Take back what `own_state` handed out."""
        self._calls = int(state["calls"]) if "calls" in state else 0
        self._offset = np.asarray(state["lack"], dtype=np.float64) if "lack" in state else None
