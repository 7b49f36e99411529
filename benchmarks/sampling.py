"""Timed solves of one solver: single ones, or time step after time step where it remembers.

And of what the direct solver is made of: LAPACK alone on the same bands.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs
from threadpoolctl import threadpool_limits

from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import (
    Flow,
    StokesProblem,
    StokesReport,
    StokesSolver,
    relative_velocity_error,
    vrms,
)

from .harness import LONG_SECONDS, timed
from .spread import Record, Row, Spread, by_phase, optional

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


@dataclass(frozen=True, kw_only=True)
class Timings(Record):
    """What the samples of a solver say: medians over samples of means over their solves.

    Products with A include those before the first iteration; of a solver that remembers, `cold` is
    the first solve of a sequence, which remembers nothing, and `warm` those after it, medians;
    `statuses` counts how solves ended; velocity errors are of samples that move, `quiet_samples`
    those that don't; the residual is the largest; the set-up is building the solver, and what its
    first solve takes more than a later one.
    """

    seconds: Spread
    phases: dict[str, float]
    iterations: float
    solves_per_sample: int
    products_per_iteration: float | None = optional()
    cold_seconds: float | None = optional()
    cold_iterations: float | None = optional()
    warm_seconds: float | None = optional()
    warm_iterations: float | None = optional()
    statuses: dict[str, int]
    velocity_error: float | None
    velocity_error_max: float | None
    quiet_samples: int
    residual: float | None
    setup_seconds: float


def references(sequences: Sequences, grid: Grid) -> list[Flow | None]:
    """The direct solution at the end of each sequence; None, for no relative error, if quiet."""
    flows = map(DirectSolver(grid).solve, (sequence[-1] for sequence in sequences))
    return [None if vrms(flow, grid) < QUIET_VRMS else flow for flow in flows]


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

    def sample(self, number: int, expected: Sequence[Flow | None]) -> Sample:
        """A sample on one sequence after another, after an untimed solve if solves are short.

        `expected` are the direct solutions, see `references`.
        """
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
        direct = expected[state]
        return Sample(solves, None if direct is None else relative_velocity_error(flow, direct))

    def timings(self, samples: Sequence[Sample]) -> Timings:
        """What the samples say."""
        cold = [sample.solves[0] for sample in samples]
        warm = [solve for sample in samples for solve in sample.solves[1:]]
        reports = [solve.report for solve in cold + warm]
        products = [report.products for report in reports if report.products is not None]
        errors = [sample.error for sample in samples if sample.error is not None]
        residual = float(np.max([report.residual for report in reports]))
        cold_seconds = median(solve.seconds for solve in cold)
        apart = (
            {
                "cold_seconds": cold_seconds,
                "cold_iterations": median(solve.report.iterations for solve in cold),
                "warm_seconds": median(solve.seconds for solve in warm),
                "warm_iterations": median(solve.report.iterations for solve in warm),
            }
            if self.remembers
            else {}
        )
        return Timings(
            seconds=Spread.of(sample.seconds for sample in samples),
            phases=by_phase(by_phase((s.phases for s in each.solves), fmean) for each in samples),
            iterations=median(fmean(s.report.iterations for s in each.solves) for each in samples),
            solves_per_sample=len(samples[0].solves),
            products_per_iteration=sum(products) / sum(report.iterations for report in reports)
            if products
            else None,
            statuses=dict(Counter(report.status for report in reports)),
            velocity_error=median(errors) if errors else None,
            velocity_error_max=max(errors, default=None),
            quiet_samples=len(samples) - len(errors),
            residual=residual if np.isfinite(residual) else None,
            setup_seconds=self.build_seconds + max(self.first_seconds - cold_seconds, 0.0),
            **apart,
        )


def _solve(solver: StokesSolver, problem: StokesProblem) -> tuple[Solve, Flow]:
    seconds, flow = timed(lambda: solver.solve(problem))
    return Solve(seconds, flow.report), flow


PARTS = ("bands", "factor", "solve")
Parts = Mapping[str, float]
"""Seconds of assembling the "bands", of dpbtrf ("factor") and of dpbtrs ("solve")."""


class LapackBaseline:
    """Assembling the bands, dpbtrf and dpbtrs, called one by one on a buffer of its own."""

    def __init__(self, sequences: Sequences) -> None:
        self.sequences = sequences
        self.operator = PsiOperator(sequences[0][0].grid)
        # Touches the memory, so that no sample pays for it.
        self.buffer = self.operator.bands(np.ones(self.operator.grid.cells))
        self._last = 0.0

    def sample(self, number: int, threads: int) -> Parts:
        """The parts on the last step of a sequence, right after the one before if short."""
        *_, before, problem = self.sequences[number % len(self.sequences)]
        with threadpool_limits(limits=threads, user_api="blas"):
            if self._last < LONG_SECONDS:
                self._parts(before)
            parts = self._parts(problem)
        self._last = sum(parts.values())
        return parts

    def _parts(self, problem: StokesProblem) -> Parts:
        viscosity = problem.viscosity()
        b = self.operator.right_hand_side(problem.temperature, problem.rayleigh)
        unknowns = self.operator.to_unknowns(b)
        timer = PhaseTimer()
        self.operator.bands(viscosity, out=self.buffer)
        timer.lap("bands")
        factor, _ = dpbtrf(self.buffer.T, lower=1, overwrite_ab=1)
        timer.lap("factor")
        dpbtrs(factor, unknowns, lower=1, overwrite_b=1)
        timer.lap("solve")
        return timer.seconds


@dataclass(frozen=True, kw_only=True)
class Aims(Record):
    """The direct solver on one grid against the LAPACK baseline, whose seconds are `bare`.

    These are by number of threads. The ratios are of assembling the bands over factoring them,
    and of the whole direct solve over dpbtrf and dpbtrs on the number of threads that is faster:
    for narrow bands the one.
    """

    grid: str
    bare: list[Row]
    bands_over_factor: Spread
    direct_over_bare: Spread


def aims(grid: str, samples: Mapping[int, Sequence[Parts]], direct: Sequence[float]) -> Aims:
    """Ratios, sample by sample, of the parts by number of threads and of the direct solves."""
    fastest = min(samples.values(), key=lambda taken: median(map(_lapack, taken)))
    baseline: list[Row] = [
        {"threads": count, **{name: Spread.of(s[name] for s in taken).to_json() for name in PARTS}}
        for count, taken in samples.items()
    ]
    pairs = zip(direct, fastest, strict=True)
    return Aims(
        grid=grid,
        bare=baseline,
        bands_over_factor=Spread.of(parts["bands"] / parts["factor"] for parts in fastest),
        direct_over_bare=Spread.of(seconds / _lapack(parts) for seconds, parts in pairs),
    )


def _lapack(parts: Parts) -> float:
    return parts["factor"] + parts["solve"]
