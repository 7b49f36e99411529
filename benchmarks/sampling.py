"""Timed solves of one solver: single ones, or time step after time step where it remembers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from time import perf_counter
from typing import Any

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

from .spread import Spread
from .timing import LONG_SECONDS

Row = dict[str, Any]
Sequences = Sequence[Sequence[StokesProblem]]


@dataclass(frozen=True)
class Solve:
    """One timed solve: wall seconds of all of it, and the solver's report.

    `products` counts those with A, where the solver does.
    """

    seconds: float
    report: StokesReport
    products: int | None = None

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
    """A solver with the samples taken of it.

    A solver that remembers something between time steps (an old factor, a last solution, an
    anchor) is given whole sequences of them, from a state in which it remembers nothing: every
    refactoring, and the first solve, count at their share. Any other solver is timed on the last
    step of each sequence.
    """

    def __init__(self, solver: StokesSolver, first: StokesProblem) -> None:
        self.solver = solver
        self.samples: list[Sample] = []
        self._new = dict(solver.state())
        # Symbolic analysis and compilation happen here: part of the set-up.
        self.first_seconds = _solve(solver, first)[0].seconds
        self.remembers = bool(solver.state())

    def sample(self, state: int, sequence: Sequence[StokesProblem], references: References) -> None:
        """Take a sample on one sequence, right after an untimed solve if solves are short."""
        if self.first_seconds < LONG_SECONDS:
            self.solver.solve(sequence[-2])
        if self.remembers:
            self.solver.restore(self._new)
        solves = []
        for problem in sequence if self.remembers else sequence[-1:]:
            solve, flow = _solve(self.solver, problem)
            solves.append(solve)
        self.samples.append(Sample(solves, references.error(flow, state)))

    def row(self, build_seconds: float) -> Row:
        """What the samples say."""
        solves = [solve for sample in self.samples for solve in sample.solves]
        residual = float(np.max([solve.report.residual for solve in solves]))
        return {
            **Spread.of(sample.seconds for sample in self.samples).to_json(),
            "phases": _medians_of_means(self.samples),
            "iterations": median(
                fmean(solve.report.iterations for solve in sample.solves) for sample in self.samples
            ),
            "solves_per_sample": len(self.samples[0].solves),
            **_products(solves),
            **(self._beginnings() if self.remembers else {}),
            "statuses": dict(Counter(solve.report.status for solve in solves)),
            **self._errors(),
            "residual": residual if np.isfinite(residual) else None,
            "setup_seconds": build_seconds + max(self.first_seconds - self._cold_seconds(), 0.0),
        }

    def _cold_seconds(self) -> float:
        return median(sample.solves[0].seconds for sample in self.samples)

    def _beginnings(self) -> Row:
        """The first solve of a sequence, which knows nothing, and those after it."""
        later = [solve for sample in self.samples for solve in sample.solves[1:]]
        return {
            "cold_seconds": self._cold_seconds(),
            "cold_iterations": median(s.solves[0].report.iterations for s in self.samples),
            "warm_seconds": median(solve.seconds for solve in later),
            "warm_iterations": median(solve.report.iterations for solve in later),
        }

    def _errors(self) -> Row:
        errors = [sample.error for sample in self.samples if sample.error is not None]
        return {
            "velocity_error": median(errors) if errors else None,
            "velocity_error_max": max(errors, default=None),
            "quiet_samples": len(self.samples) - len(errors),
        }


def _solve(solver: StokesSolver, problem: StokesProblem) -> tuple[Solve, Flow]:
    start = perf_counter()
    flow = solver.solve(problem)
    seconds = perf_counter() - start
    products = getattr(getattr(solver, "linear", solver), "products", None)
    return Solve(seconds, flow.report, products), flow


def _products(solves: Sequence[Solve]) -> Row:
    """Products with A in an iteration, those before the first one included."""
    products = [solve.products for solve in solves if solve.products is not None]
    iterations = sum(solve.report.iterations for solve in solves)
    return {"products_per_iteration": sum(products) / iterations} if products else {}


def _medians_of_means(samples: Sequence[Sample]) -> dict[str, float]:
    """Seconds by phase: the mean over the solves of a sample, the median over samples."""
    means = [_mean_phases([solve.phases for solve in sample.solves]) for sample in samples]
    names = dict.fromkeys(name for mean in means for name in mean)
    return {name: median(mean.get(name, 0.0) for mean in means) for name in names}


def _mean_phases(phases: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """A phase that a solve went without, such as factoring, took no time in it."""
    names = dict.fromkeys(name for each in phases for name in each)
    return {name: fmean(each.get(name, 0.0) for each in phases) for name in names}
