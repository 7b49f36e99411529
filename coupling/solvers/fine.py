"""Stokes solves on finer grids than that of the energy equation, and what two of them tell."""

from dataclasses import replace
from math import lcm

import numpy as np

from tellus.config.solver_spec import RECOMMENDED
from tellus.coupling.solvers.guarded import FALLBACK
from tellus.solver.closure import refined
from tellus.solver.coarse_means import coarse_face_means, coarse_means
from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.history import PastFlow, extended, extrapolated, stacked, unstacked, well_apart
from tellus.solver.phase_timer import added
from tellus.solver.stokes import (
    Flow,
    SolverState,
    StokesProblem,
    StokesSolver,
    flow_from_psi,
    warnings_of,
)

GROWING = 1.1
"""Steps grow, as at the start of a run, where each exceeds the one before by more than this."""

FORESEEN = 2e-2
"""How well, over psi, a fine solve's addition is foreseen where the next ones may be left out
although steps grow. In the first forty of a run from T = 1 psi erred by 0.4 without a look, with
it by 0.02 to 0.06."""


class FineSolver(CompositeSolver):
    """Asks `solver` on a grid that is `finer` by a whole number, see `regridded`.

    What the solver does, viscosity and yielding included, it does on the fine grid. psi at every
    `factor`-th of its nodes gives velocities that are the exact means over the coarse faces of
    those on the fine ones, and free of divergence; the pressure is the mean over fine cells.
    """

    def __init__(self, solver: StokesSolver, grid: Grid, finer: Grid) -> None:
        self.solver, self.grid, self.finer = solver, grid, finer
        self.factor = finer.nx // grid.nx
        self.name = f"fine:{self.factor}:{solver.name}"
        self.inner = {"inner": solver}

    def solve(self, problem: StokesProblem) -> Flow:
        """The fine solution, on the grid of the problem."""
        flow = self.solver.solve(refined(problem, self.finer))
        psi = flow.psi[:: self.factor, :: self.factor].copy()
        report = replace(flow.report, solver=self.name)
        coarse = flow_from_psi(psi, self.grid, report)
        if flow.divergent:
            u, v = coarse_face_means(flow.u, flow.v, self.grid)
            coarse = replace(coarse, u=u, v=v, divergent=True)
        if flow.p is None:
            return coarse
        return replace(coarse, p=coarse_means(flow.p, self.grid))

    def check(self, problem: StokesProblem) -> list[str]:
        """What the solver within warns of, on its grid, and of a closure for another one."""
        found = warnings_of(self.solver, refined(problem, self.finer))
        if problem.closure is None or not problem.closure.of_own_grid:
            return found
        return [
            *found,
            f"closure {problem.closure.name} expects velocities of solves on its own grid, not of "
            f"finer ones: take --stokes {RECOMMENDED}",
        ]


class RichardsonSolver(CompositeSolver):
    """A solve on the grid of T and one on cells half as long, extrapolated to no cells at all.

    Both err by a multiple of h^2 where viscosity is smooth, which 4/3 of the finer one less 1/3
    of the other is free of (Richardson 1911). Pressure likewise.

    What that adds to the coarse solution is small and changes slowly. The fine one, which takes
    most of the time, need not be asked for at every step: in between, what it added goes on
    linearly in model time. There are `every` calls from one fine solve to the next. There is one at
    every call all the same where a solver has a pressure, or a velocity that does not follow from
    psi; and, where a fine solve finds that what it adds was foreseen worse than by `FORESEEN`, for
    as long as time steps grow, as at the start of a run, from layers thinner than a cell.
    """

    def __init__(self, coarse: StokesSolver, fine: FineSolver, every: int = 1) -> None:
        self.coarse, self.fine, self.every = coarse, fine, every
        self.name = f"richardson:{'' if every == 1 else f'{every}:'}{coarse.name}"
        self.inner = {"coarse": coarse, "fine": fine}
        self._calls = 0
        self._added: list[PastFlow] = []  # by the last two fine solves
        self._unforeseen = False  # what the last one added
        self._time, self._step = np.nan, np.nan  # of the last call, and up to it
        self._grows = False

    def solve(self, problem: StokesProblem) -> Flow:
        """The extrapolated flow, on the grid of the problem."""
        closure = problem.closure
        mends = closure is not None and closure.of_own_grid  # what extrapolation does, too
        coarse = self.coarse.solve(replace(problem, closure=None) if mends else problem)
        own = coarse.divergent or coarse.p is not None
        due = own or len(self._added) < 2 or self._calls % self.every == 0
        self._follow(problem.time)
        due = due or (self._grows and self._unforeseen)
        self._calls += 1
        if due or problem.time <= self._added[-1].time:
            return self._with_the_fine(coarse, problem)
        psi = coarse.psi + self._foreseen(problem.time)
        status = _status(coarse.report.status, "corrected")
        known = coarse.report
        report = replace(known, solver=self.name, status=status, residual=np.nan, estimate=np.nan)
        return flow_from_psi(psi, problem.grid, report)

    def _with_the_fine(self, coarse: Flow, problem: StokesProblem) -> Flow:
        fine = self.fine.solve(problem)
        report = replace(
            fine.report,
            solver=self.name,
            seconds=added(coarse.report.seconds, fine.report.seconds),
            status=_status(coarse.report.status, fine.report.status),
            iterations=coarse.report.iterations + fine.report.iterations,
        )
        flow = flow_from_psi(_extrapolated(coarse.psi, fine.psi), problem.grid, report)
        if self.every > 1:
            more = PastFlow(problem.time, flow.psi - coarse.psi)
            if len(self._added) == 2 and problem.time > self._added[-1].time:
                gap = np.linalg.norm(more.psi - self._foreseen(problem.time))
                missed = bool(gap > FORESEEN * np.linalg.norm(flow.psi))
                self._unforeseen = self._grows and (self._unforeseen or missed)
            self._added = extended(self._added, more, 2)
        if coarse.divergent or fine.divergent:
            u, v = _extrapolated(coarse.u, fine.u), _extrapolated(coarse.v, fine.v)
            flow = replace(flow, u=u, v=v, divergent=True)
        if coarse.p is None or fine.p is None:
            return flow
        return replace(flow, p=_extrapolated(coarse.p, fine.p))

    def _follow(self, time: float) -> None:
        """See whether the step up to this call is longer than the one before."""
        step = time - self._time
        if step != 0.0:
            self._grows = bool(step > GROWING * self._step)
            self._time, self._step = time, step

    def _foreseen(self, time: float) -> Array:
        return extrapolated(well_apart(self._added, time), time)

    @property
    def cycle(self) -> int | None:
        """Calls from one fine solve to the next, where the solvers do the same each time."""
        cycles = [solver.cycle for solver in self.inner.values()]
        known = [cycle for cycle in cycles if cycle is not None]
        return lcm(self.every, *known) if len(known) == len(cycles) else None

    def own_state(self) -> SolverState:
        """Calls so far and what the last fine solves added, where that is used again."""
        if self.every == 1:
            return {}
        return {
            "calls": np.array(self._calls),
            "unforeseen": np.array(self._unforeseen),
            "grows": np.array(self._grows),
            "steps": np.array([self._time, self._step]),
            **stacked(self._added),
        }

    def restore_own(self, state: SolverState) -> None:
        self._calls, self._added = int(state.get("calls", 0)), unstacked(state)
        self._unforeseen = bool(state.get("unforeseen", False))
        self._grows = bool(state.get("grows", False))
        self._time, self._step = np.asarray(state.get("steps", (np.nan, np.nan))).tolist()


def _status(coarse: str, fine: str) -> str:
    """Status of two solves: that of the fine if it fell back or the coarse one is solved."""
    return fine if coarse == "solved" or fine == FALLBACK else coarse


def _extrapolated(coarse: Array, fine: Array) -> Array:
    return fine + (fine - coarse) / 3.0
