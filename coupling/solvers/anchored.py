"""Anchored: direct solves now and then, an approximate solver's increments between them.

psi(t) = psi_direct(t_k) + S(T(t)) - S(T(t_k))

The systematic error of the approximate solver S cancels at each anchor t_k, and grows only with
the change since.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import (
    Flow,
    SolverState,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
)

from .asking import AskingSolver


class AnchoredSolver(AskingSolver):
    """A direct solve at every n-th call, increments of `approximate` in between."""

    def __init__(
        self, approximate: StokesSolver, direct: StokesSolver, every: int, grid: Grid
    ) -> None:
        self.name = f"anchored:{every}:{approximate.name}"
        self.approximate, self.direct, self.every, self.grid = approximate, direct, every, grid
        self.asked = {"approximate": approximate, "direct": direct}
        self._calls = 0
        self._lack: Array | None = None

    def solve(self, problem: StokesProblem) -> Flow:
        """The direct velocity at calls 0, n, 2n, ...; increments from the last one otherwise."""
        due = self._lack is None or self._calls % self.every == 0
        self._calls += 1
        approximation = self.approximate.solve(problem)
        seconds = approximation.report.seconds
        if due:
            flow = self.direct.solve(problem)
            self._lack = flow.psi - approximation.psi
            both = added(seconds, flow.report.seconds)
            return replace(flow, report=replace(flow.report, solver=self.name, seconds=both))
        assert self._lack is not None
        report = StokesReport(self.name, seconds, iterations=0, status="predicted")
        return flow_from_psi(approximation.psi + self._lack, self.grid, report)

    def memory(self) -> SolverState:
        """Calls so far, and what the approximation lacked at the last anchor."""
        lack = {} if self._lack is None else {"lack": self._lack}
        return {"calls": np.array(self._calls), **lack}

    def recall(self, memory: SolverState) -> None:
        """Take back what `memory` handed out."""
        self._calls = int(memory["calls"]) if "calls" in memory else 0
        self._lack = np.asarray(memory["lack"], dtype=np.float64) if "lack" in memory else None


def added(*seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds of equal phases together."""
    total: dict[str, float] = {}
    for phases in seconds:
        for phase, value in phases.items():
            total[phase] = total.get(phase, 0.0) + value
    return total
