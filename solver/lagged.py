"""Conjugate gradients preconditioned by the Cholesky factor of an earlier step."""

import numpy as np

from .cholesky import KeptCholesky, failure
from .grid import Array, Grid
from .history import Moment, extrapolated, well_apart
from .krylov import Iterated, conjugate_gradients, relative_residual
from .laps import Laps
from .psi_operator import PsiProduct
from .stokes import Flow, SolverState, StokesProblem, StokesReport, StokesSolver, flow_from_psi

LIMIT = 4
"""Iterations of a solve after which the next one factors. The optimum is flat: over 80 steps at
256x64 and tol = 1e-6 the cost of limits from 3 to 6 differs by a tenth."""

FACTOR_COST = 10
"""A factorisation in iterations, each a back-substitution and a product. Measured on one thread:
about 15 at 128x32, 13 at 256x64, 9 at 512x128."""

HISTORY = 3
"""Solutions the next one is extrapolated from: a parabola in time. Iterations over 80 steps at
256x64, tol = 1e-6: 474 with two, 364 with three, 313 with four, which at tol = 1e-3 amplify what
that tolerance leaves and cost a quarter more than three."""


class LaggedSolver(StokesSolver):
    """Keep a factor, and let conjugate gradients make up for its age.

    Preconditioned by the factor of a viscosity not long ago, the residual is an estimate of the
    error of psi. The iteration starts from psi extrapolated in time and ends when the velocity
    of that estimate is at most `tolerance` times the velocity. The last estimate is added too,
    so that the error left is smaller than the estimate.

    The factor is made anew by the solve after one that took more than `limit` iterations, and at
    once in a solve that takes `FACTOR_COST` more than that.

    Parameters
    ----------
    grid : Grid
    tolerance : float
        Largest estimated velocity error, relative to the velocity.
    limit : int
        Most iterations, counted in back-substitutions, for which a factor is kept.
    name : str
    """

    def __init__(
        self, grid: Grid, tolerance: float = 1e-6, limit: int = LIMIT, name: str = "lagged"
    ) -> None:
        self.name = name
        self.grid, self.tolerance, self.limit = grid, tolerance, limit
        self._cholesky = KeptCholesky(grid)
        self._tired = False
        self._history: list[Moment] = []

    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity; the report counts back-substitutions as iterations.

        Raises SolverError where A cannot be factored or nothing finite comes out.
        """
        laps = Laps()
        viscosity = problem.viscosity()
        operator = self._cholesky.operator_for(problem.boundaries)
        A = operator.at(viscosity)
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        laps.lap("assemble")
        start = self._start(problem.time) if np.any(b) else np.zeros(self.grid.nodes)
        found = self._iterate(A, b, start)
        laps.lap("solve")
        if not found.estimate <= self.tolerance:
            self._cholesky.factor(viscosity)
            laps.lap("factor")
            psi = start + self._cholesky.back_substitute(b - A(start))
            found = Iterated(psi, found.iterations + 1)
            laps.lap("solve")
        residual = relative_residual(A, found.psi, b)
        laps.lap("residual")
        if not np.isfinite(residual):
            raise failure(f"gave no finite solution at t = {problem.time:.6g}", viscosity)
        self._remember(problem.time, found)
        report = StokesReport(
            self.name, laps.seconds, found.iterations, residual, estimate=found.estimate
        )
        return flow_from_psi(found.psi, self.grid, report)

    def _start(self, time: float) -> Array:
        """psi extrapolated in time; that of the last solve where time has not gone on."""
        if not self._history:
            return np.zeros(self.grid.nodes)
        if self._history[-1].time >= time:
            return self._history[-1].psi
        return extrapolated(well_apart(self._history, time), time)

    def _iterate(self, A: PsiProduct, b: Array, start: Array) -> Iterated:
        """With the factor at hand; without one, or with one that is too old, the start itself."""
        if self._tired or self._cholesky.viscosity is None:
            return Iterated(start)
        most = self.limit + FACTOR_COST
        return conjugate_gradients(
            A, b, start, self._cholesky.back_substitute, self.grid, self.tolerance, most
        )

    def _remember(self, time: float, found: Iterated) -> None:
        """Keep the last moments, this one instead of any that is not before it."""
        self._tired = found.iterations > self.limit and np.isfinite(found.estimate)
        before = [moment for moment in self._history if moment.time < time]
        self._history = [*before, Moment(time, found.psi)][-HISTORY:]

    def state(self) -> SolverState:
        """The viscosity that was factored, and the last stream functions."""
        if self._cholesky.viscosity is None:
            return {}
        return {
            "factored": self._cholesky.viscosity,
            "tired": np.array(self._tired),
            "times": np.array([moment.time for moment in self._history]),
            "psi": np.array([moment.psi for moment in self._history]),
        }

    def restore(self, state: SolverState) -> None:
        """Take back what `state` handed out; the factor is made when it is used."""
        self._tired = bool(state.get("tired", False))
        times, fields = state.get("times", np.array([])), state.get("psi", np.array([]))
        moments = zip(times.tolist(), np.asarray(fields, dtype=np.float64), strict=True)
        self._history = [Moment(*moment) for moment in moments]
        factored = state.get("factored")
        self._cholesky.restore(None if factored is None else np.asarray(factored, dtype=np.float64))
