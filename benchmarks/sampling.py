"""Timed solves of one solver: single ones, or time step after time step where it remembers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.stokes import (
    QUIET_VRMS,
    Flow,
    StokesProblem,
    StokesReport,
    StokesSolver,
    relative_velocity_error,
    vrms,
)

from .spread import Record, Spread, by_phase, optional
from .timing import LONG_SECONDS, timed

Sequences = Sequence[Sequence[StokesProblem]]


@dataclass(frozen=True)
class Solve:
    """One timed solve: wall seconds of all of it, and the solver's report."""

    seconds: float
    report: StokesReport

    @property
    def phases(self) -> dict[str, float]:
        """Seconds by phase; what the solver does not account for is "other"."""
        other = self.seconds - sum(self.report.seconds.values())
        return {**self.report.seconds, "other": other}


@dataclass(frozen=True)
class Sample:
    """One solve, or all those of a sequence of time steps, and the last one's velocity error."""

    solves: list[Solve]
    error: float | None

    @property
    def seconds(self) -> float:
        """Mean seconds of a solve."""
        return fmean(solve.seconds for solve in self.solves)

    @property
    def iterations(self) -> float:
        """Mean iterations of a solve."""
        return fmean(solve.report.iterations for solve in self.solves)


@dataclass(frozen=True, kw_only=True)
class ColdAndWarm(Record):
    """The first solve of a sequence, which remembers nothing, and those after it: medians."""

    cold_seconds: float
    cold_iterations: float
    warm_seconds: float
    warm_iterations: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "ColdAndWarm":
        """Of sequences of solves."""
        cold = [sample.solves[0] for sample in samples]
        warm = [solve for sample in samples for solve in sample.solves[1:]]
        return cls(
            cold_seconds=median(solve.seconds for solve in cold),
            cold_iterations=median(solve.report.iterations for solve in cold),
            warm_seconds=median(solve.seconds for solve in warm),
            warm_iterations=median(solve.report.iterations for solve in warm),
        )


@dataclass(frozen=True, kw_only=True)
class Timings(Record):
    """What the samples of a solver say: medians over samples of means over their solves.

    Products with A include those before the first iteration; `sequences` are of a solver that
    remembers; `statuses` counts how solves ended; velocity errors are of samples that move,
    `quiet_samples` those that don't; the residual is the largest; the set-up is building the
    solver, and what its first solve takes more than a later one.
    """

    seconds: Spread
    phases: dict[str, float]
    iterations: float
    solves_per_sample: int
    products_per_iteration: float | None = optional()
    sequences: ColdAndWarm | None = optional()
    statuses: dict[str, int]
    velocity_error: float | None
    velocity_error_max: float | None
    quiet_samples: int
    residual: float | None
    setup_seconds: float


class References:
    """The direct solution at the end of each sequence.

    Flows with Vrms below 1 have no relative error.
    """

    def __init__(self, sequences: Sequences, grid: Grid) -> None:
        direct = DirectSolver(grid)
        self.flows = [direct.solve(sequence[-1]) for sequence in sequences]
        self.quiet = [vrms(flow, grid) < QUIET_VRMS for flow in self.flows]

    def error(self, flow: Flow, state: int) -> float | None:
        """Relative velocity error at the end of a sequence; None where the flow is quiet."""
        return None if self.quiet[state] else relative_velocity_error(flow, self.flows[state])


class TimedSolver:
    """A solver that has solved once, to be sampled on sequences of time steps.

    A solver that remembers something between time steps (an old factor, a last solution, an
    anchor) is given whole sequences of them, from a state in which it remembers nothing: every
    refactoring, and the first solve, count at their share. Any other solver is timed on the last
    step of each sequence.
    """

    def __init__(self, solver: StokesSolver, sequences: Sequences, build_seconds: float) -> None:
        self.solver, self.sequences, self.build_seconds = solver, sequences, build_seconds
        self._new = dict(solver.state())
        # Symbolic analysis and compilation happen here: part of the set-up.
        self.first_seconds = _solve(solver, sequences[0][0])[0].seconds
        self.remembers = bool(solver.state())

    def sample(self, number: int, references: References) -> Sample:
        """A sample on one sequence after another, after an untimed solve if solves are short."""
        state = number % len(self.sequences)
        sequence = self.sequences[state]
        if self.first_seconds < LONG_SECONDS:
            self.solver.solve(sequence[-2])
        if self.remembers:
            self.solver.restore(self._new)
        solves = []
        for problem in sequence if self.remembers else sequence[-1:]:
            solve, flow = _solve(self.solver, problem)
            solves.append(solve)
        return Sample(solves, references.error(flow, state))

    def timings(self, samples: Sequence[Sample]) -> Timings:
        """What the samples say."""
        solves = [solve for sample in samples for solve in sample.solves]
        errors = [sample.error for sample in samples if sample.error is not None]
        residual = float(np.max([solve.report.residual for solve in solves]))
        first_again = median(sample.solves[0].seconds for sample in samples)
        return Timings(
            seconds=Spread.of(sample.seconds for sample in samples),
            phases=by_phase(by_phase((s.phases for s in each.solves), fmean) for each in samples),
            iterations=median(sample.iterations for sample in samples),
            solves_per_sample=len(samples[0].solves),
            products_per_iteration=_products_per_iteration(solves),
            sequences=ColdAndWarm.of(samples) if self.remembers else None,
            statuses=dict(Counter(solve.report.status for solve in solves)),
            velocity_error=median(errors) if errors else None,
            velocity_error_max=max(errors, default=None),
            quiet_samples=len(samples) - len(errors),
            residual=residual if np.isfinite(residual) else None,
            setup_seconds=self.build_seconds + max(self.first_seconds - first_again, 0.0),
        )


def _solve(solver: StokesSolver, problem: StokesProblem) -> tuple[Solve, Flow]:
    seconds, flow = timed(lambda: solver.solve(problem))
    return Solve(seconds, flow.report), flow


def _products_per_iteration(solves: Sequence[Solve]) -> float | None:
    reports = [solve.report for solve in solves]
    counted = [report.products for report in reports if report.products is not None]
    iterations = sum(report.iterations for report in reports)
    return sum(counted) / iterations if counted else None
