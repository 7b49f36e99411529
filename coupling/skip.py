"""Momentum skip: solve every n-th step, hold the velocity between."""

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


class SkipSolver(StokesSolver):
    """Ask `solver` at every n-th call and hand out the same velocity in between.

    A baseline of Agarwal et al. (2025), who solve every 100th step.
    """

    def __init__(self, solver: StokesSolver, every: int, grid: Grid) -> None:
        self.name = f"skip:{every}"
        self.solver, self.every, self.grid = solver, every, grid
        self._calls = 0
        self._psi: Array | None = None

    def solve(self, problem: StokesProblem) -> Flow:
        """A new velocity at calls 0, n, 2n, ...; the held one otherwise."""
        due = self._psi is None or self._calls % self.every == 0
        self._calls += 1
        if due:
            flow = self.solver.solve(problem)
            self._psi = flow.psi
            return flow
        assert self._psi is not None
        report = StokesReport(self.name, iterations=0, status="held")
        return flow_from_psi(self._psi, self.grid, report)

    def check(self, problem: StokesProblem) -> list[str]:
        """What the solver it asks has to say."""
        return self.solver.check(problem)

    def state(self) -> SolverState:
        """Calls so far, the held stream function and what the solver it asks remembers."""
        held = {} if self._psi is None else {"psi": self._psi}
        inner = {f"inner/{name}": value for name, value in self.solver.state().items()}
        return {"calls": np.array(self._calls), **held, **inner}

    def restore(self, state: SolverState) -> None:
        """Take back what `state` handed out."""
        self._calls = int(state["calls"]) if "calls" in state else 0
        self._psi = np.asarray(state["psi"], dtype=np.float64) if "psi" in state else None
        inner = {k.removeprefix("inner/"): v for k, v in state.items() if k.startswith("inner/")}
        self.solver.restore(inner)
