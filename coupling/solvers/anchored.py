"""Anchored: direct solves now and then, an approximate solver's increments between them.

psi(t) = psi_direct(t_k) + S(T(t)) - S(T(t_k))

The systematic error of the approximate solver S cancels at each anchor t_k, and grows only with
the change since.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Self

import numpy as np

from tellus.solver.composite import CompositeSolver
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.cached import CachedFactor
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer, added
from tellus.solver.picard import PicardSettings, PicardSolver
from tellus.solver.psi.operator import relative_velocity
from tellus.solver.stokes import Flow, SolverState, StokesProblem, StokesSolver
from tellus.solver.strain import effective_viscosity


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
            return flow.reported(solver=self.name, seconds=added(seconds, flow.report.seconds))
        assert self._offset is not None
        psi = approximation.psi + self._offset
        return self.flow(psi, self.grid, seconds, iterations=0, status="predicted")

    @property
    def cycle(self) -> int:
        """Calls from one anchor to the next."""
        return self.every

    def own_state(self) -> SolverState:
        """Calls so far, and the offset from the approximation at the last anchor."""
        lack = {} if self._offset is None else {"lack": self._offset}
        return {"calls": np.array(self._calls), **lack}

    def restore_own(self, state: SolverState) -> None:
        self._calls = int(state["calls"]) if "calls" in state else 0
        self._offset = np.asarray(state["lack"], dtype=np.float64) if "lack" in state else None


SAFETY = 0.8
"""The part of the tolerance at which an error that is foreseen gets measured."""

MOST_STEPS = 32
"""Steps after which it is measured in any case."""

MOST_CORRECTIONS = 3
"""Back-substitutions in a step before a direct solve, which costs about ten, is the better way."""

LOOK = 2.0
"""How much older than at the last comparison of two corrections a factor may be before the next."""

STATE = ("lack", "last", "error", "left", "scalars")
"""Names of what a checkpoint holds, beside the viscosity that was factored."""

ROUNDING = 1e-12
"""Corrections up to this size, relative to the velocity, are rounding: no two of them tell how
well a factor corrects, and none says that it is too old."""

SLOWNESS = 2.0
"""How much more of an error the next correction leaves than the last one was seen to: its slow
parts remain. Measured: 1 where the flow is resolved, 2 where it is not."""


@dataclass
class ErrorForecast:
    """An error that grows from zero with the path of the flow, and with model time.

    `path` is how far the velocity has moved since the time `start`, step by step and relative
    to itself. `per_path` and `per_time` are the growth rates by the last measurement, infinite
    before the first. The larger of the two forecasts counts: in a flow that stands still or turns
    back the error grows all the same.
    """

    start: float
    path: float = 0.0
    per_path: float = np.inf
    per_time: float = np.inf

    def at(self, time: float) -> float:
        """The error forecast at a model time."""
        ways = ((self.per_path, self.path), (self.per_time, time - self.start))
        return max((rate * way for rate, way in ways if way > 0.0), default=0.0)

    def observe(self, value: float, time: float) -> None:
        """Update the rates from an error that was measured; a small one at most halves them."""
        if self.path > 0.0:
            self.per_path = _learnt(value / self.path, self.per_path)
        if time > self.start:
            self.per_time = _learnt(value / (time - self.start), self.per_time)

    def restarted(self, time: float) -> Self:
        """The forecast from no error at a model time, with the rates known so far."""
        return type(self)(time, 0.0, self.per_path, self.per_time)

    def to_array(self) -> Array:
        """The forecast for a checkpoint, shape (4,)."""
        return np.array(astuple(self), dtype=np.float64)

    @classmethod
    def from_array(cls, values: Array) -> Self:
        return cls(*np.asarray(values, dtype=np.float64).tolist())


def _learnt(rate: float, before: float) -> float:
    return max(rate, 0.5 * before) if np.isfinite(before) else rate


class ToleranceAnchoredSolver(CompositeSolver):
    """Increments of `approximate` from the last velocity known to `tolerance`.

    The residual of the momentum equation, substituted into the factor of the last direct solve,
    is an estimate of the error of psi, and a correction: the increments start anew from the
    corrected psi. What a correction leaves is judged by how much smaller the next one is, where
    there were two, and grows with the age of the factor. Between such measurements `ErrorForecast`
    gives the error; it is measured once `SAFETY` of the tolerance is forecast, or after
    `MOST_STEPS`. A direct solve, and with it a new factor, follows where `MOST_CORRECTIONS` are
    not enough.

    Parameters
    ----------
    approximate : StokesSolver
    tolerance : float
        Largest estimated error of the velocity that is handed out, relative to it.
    grid : Grid
    picard : PicardSettings
        When the direct solve of a non-linear law stops.
    name : str
    """

    def __init__(
        self,
        approximate: StokesSolver,
        tolerance: float,
        grid: Grid,
        picard: PicardSettings | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name or f"anchored:tol={tolerance:g}:{approximate.name}"
        self.approximate, self.tolerance, self.grid = approximate, tolerance, grid
        self._factor = CachedFactor(grid)
        self.direct = PicardSolver(DirectSolver(grid, self._factor), picard)
        self.inner = {"approximate": approximate, "direct": self.direct}
        self._offset: Array | None = None
        self._last: Array | None = None  # the approximation of the step before
        self._error = ErrorForecast(0.0)  # since it was measured
        self._left = ErrorForecast(0.0)  # what a correction leaves, since the last factor
        self._rest = 0.0  # the error when it had been measured and corrected
        self._steps = 0  # since then
        self._looked = 0.0  # age of the factor when two corrections were last compared

    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity: "predicted", "corrected" or "solved", with its error as estimated.

        The report counts back-substitutions as iterations, and the solves of the direct solver.
        """
        approximation = self.approximate.solve(problem)
        seconds = approximation.report.seconds
        before, self._last = self._last, approximation.psi
        self._factor.operator_for(problem.boundaries)
        if self._offset is None or before is None or self._factor.viscosity is None:
            return self._solved(problem, seconds)
        psi = approximation.psi + self._offset
        distance = relative_velocity(approximation.psi - before, psi, self.grid)
        self._error.path += distance
        self._left.path += distance
        self._steps += 1
        foreseen = self._rest + self._error.at(problem.time)
        if foreseen < SAFETY * self.tolerance and self._steps < MOST_STEPS:
            return self.flow(psi, self.grid, seconds, 0, status="predicted", estimate=foreseen)
        timer = PhaseTimer()
        corrected, estimates = self._corrected(problem, psi)
        timer.lap("estimate")
        seconds = added(seconds, timer.seconds)
        self._error.observe(estimates[0], problem.time)
        if corrected is None:
            return self._solved(problem, seconds, len(estimates))
        self._offset = corrected - approximation.psi
        self._start_anew(problem.time, self._after(estimates, problem.time))
        taken = seconds, len(estimates)
        return self.flow(corrected, self.grid, *taken, status="corrected", estimate=self._rest)

    def _start_anew(self, time: float, rest: float) -> None:
        """The error is known: what is left of it."""
        self._error, self._rest, self._steps = self._error.restarted(time), rest, 0

    def _corrected(self, problem: StokesProblem, psi: Array) -> tuple[Array | None, list[float]]:
        """psi corrected, None where that fails, and its errors as estimated on the way."""
        operator, time = self._factor.operator, problem.time
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        estimates: list[float] = []
        while len(estimates) < MOST_CORRECTIONS:
            A = operator.at(effective_viscosity(problem, self.flow(psi, self.grid, {})))
            correction = self._factor.back_substitute(b - A(psi))
            estimates.append(relative_velocity(correction, psi, self.grid))
            if estimates[-1] <= ROUNDING:
                return psi, estimates
            psi = psi + correction
            age = time - self._left.start
            if len(estimates) > 1:
                self._left.observe(estimates[-1] / estimates[-2], time)
                self._looked = age
            known = age <= LOOK * self._looked
            if known and self._after(estimates, time) < SAFETY * self.tolerance:
                return psi, estimates
        return None, estimates

    def _after(self, corrections: list[float], time: float) -> float:
        """The error that is left after corrections of these sizes.

        With a part q left each time they are a geometric series: q / (1 - q) of the last one is
        what all that would follow add up to. One that is rounding is not followed by more.
        """
        if corrections[-1] <= ROUNDING:
            return corrections[-1]
        if len(corrections) > 1:
            part = SLOWNESS * corrections[-1] / corrections[-2]
        else:
            part = SLOWNESS * self._left.at(time)
        return corrections[-1] * part / (1.0 - part) if part < 1.0 else np.inf

    def _solved(
        self, problem: StokesProblem, seconds: Mapping[str, float], substitutions: int = 0
    ) -> Flow:
        """The direct velocity, after what was spent before."""
        flow = self.direct.solve(problem)
        assert self._last is not None
        self._offset = flow.psi - self._last
        self._start_anew(problem.time, rest=0.0)
        self._left = self._left.restarted(problem.time)
        iterations = flow.report.iterations + substitutions
        both = added(seconds, flow.report.seconds)
        return flow.reported(solver=self.name, seconds=both, iterations=iterations)

    def own_state(self) -> SolverState:
        """The offset, the last approximation's psi, the factored viscosity, the error forecasts."""
        if self._offset is None or self._last is None or self._factor.viscosity is None:
            return {}
        return {
            "lack": self._offset,
            "last": self._last,
            **self._factor.state(),
            "error": self._error.to_array(),
            "left": self._left.to_array(),
            "scalars": np.array([self._rest, self._steps, self._looked]),
        }

    def restore_own(self, state: SolverState) -> None:
        known = {name: np.asarray(state[name], np.float64) for name in STATE if name in state}
        self._offset, self._last = known.get("lack"), known.get("last")
        self._factor.restore(state)
        nothing = ErrorForecast(0.0).to_array()
        self._error = ErrorForecast.from_array(known.get("error", nothing))
        self._left = ErrorForecast.from_array(known.get("left", nothing))
        self._rest, steps, self._looked = known.get("scalars", np.zeros(3)).tolist()
        self._steps = int(steps)
