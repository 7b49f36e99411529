"""The direct solver against what it is made of: LAPACK alone on the same bands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from scipy.linalg.lapack import dpbtrf, dpbtrs
from threadpoolctl import threadpool_limits

from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import StokesProblem

from .sampling import Sequences
from .spread import Record, Row, Spread
from .timing import LONG_SECONDS

Parts = Mapping[str, float]
"""Seconds of assembling the "bands", of dpbtrf ("factor") and of dpbtrs ("solve")."""


class LapackBaseline:
    """Assembling the bands, dpbtrf and dpbtrs, called one by one on a buffer of its own."""

    def __init__(self, sequences: Sequences) -> None:
        self.sequences = sequences
        self.operator = PsiOperator(sequences[0][0].grid)
        self.buffer = self.operator.empty_bands()
        self.buffer.fill(0.0)  # touches the memory, so that no sample pays for it
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
    """The direct solver on one grid against its parts, whose seconds are `bare`, by threads.

    Assembling the bands over factoring them, and the whole direct solve over dpbtrf and dpbtrs on
    the number of threads that is faster: for narrow bands the one.
    """

    grid: str
    bare: list[Row]
    bands_over_factor: Spread
    direct_over_bare: Spread

    @classmethod
    def of(
        cls, grid: str, samples: Mapping[int, Sequence[Parts]], direct: Sequence[float]
    ) -> "Aims":
        """Of the parts by number of threads and the direct solves, ratios sample by sample."""
        fastest = min(samples.values(), key=lambda taken: median(map(_lapack, taken)))
        bare = [
            {
                "threads": count,
                **{part: Spread.of(s[part] for s in taken).to_json() for part in taken[0]},
            }
            for count, taken in samples.items()
        ]
        return cls(
            grid=grid,
            bare=bare,
            bands_over_factor=Spread.of(s["bands"] / s["factor"] for s in fastest),
            direct_over_bare=Spread.of(
                seconds / _lapack(parts) for seconds, parts in zip(direct, fastest, strict=True)
            ),
        )


def _lapack(parts: Parts) -> float:
    return parts["factor"] + parts["solve"]


def in_words(aims: Row) -> str:
    """The seconds of dpbtrf + dpbtrs by number of threads."""
    return ", ".join(
        f"{1e3 * (bare['factor']['seconds'] + bare['solve']['seconds']):.3g} ms on "
        f"{bare['threads']} thread{'s' if bare['threads'] > 1 else ''}"
        for bare in aims["bare"]
    )
