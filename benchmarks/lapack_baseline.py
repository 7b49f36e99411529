"""The direct solver against what it is made of: LAPACK alone on the same bands."""

from collections.abc import Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs
from threadpoolctl import threadpool_limits

from tellus.solver.grid import Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import StokesProblem

from .spread import Spread
from .timing import LONG_SECONDS, rest


class LapackBaseline:
    """Assembling the bands, dpbtrf and dpbtrs, called one by one on a buffer of its own.

    LAPACK runs on one thread and on as many as there are: the direct solver is
    held against the faster, which for narrow bands is the one.
    """

    def __init__(self, grid: Grid, threads: int) -> None:
        self.operator = PsiOperator(grid)
        self.buffer = self.operator.empty_bands()
        self.buffer.fill(0.0)  # touches the memory, so that no sample pays for it
        self.threads = sorted({1, threads})
        self.samples: dict[int, list[dict[str, float]]] = {count: [] for count in self.threads}

    def sample(self, before: StokesProblem, problem: StokesProblem) -> None:
        """Take the seconds of each part on one state, right after the state before if short."""
        for count in self.threads:
            with threadpool_limits(limits=count, user_api="blas"):
                rest()
                taken = self.samples[count]
                if not taken or sum(taken[-1].values()) < LONG_SECONDS:
                    self._sample(before)
                taken.append(self._sample(problem))

    def _sample(self, problem: StokesProblem) -> dict[str, float]:
        viscosity = problem.viscosity()
        b = self.operator.right_hand_side(problem.temperature, problem.rayleigh)
        unknowns = self.operator.to_unknowns(b)
        clock = [perf_counter()]
        self.operator.bands(viscosity, out=self.buffer)
        clock.append(perf_counter())
        factor, _ = dpbtrf(self.buffer.T, lower=1, overwrite_ab=1)
        clock.append(perf_counter())
        dpbtrs(factor, unknowns, lower=1, overwrite_b=1)
        clock.append(perf_counter())
        return dict(zip(("bands", "factor", "solve"), np.diff(clock).tolist(), strict=True))

    def aims(self, direct: Sequence[float]) -> dict[str, Any]:
        """Parts and ratios; ratios are taken sample by sample, so that slow drifts cancel."""
        fastest = min(
            self.samples.values(), key=lambda taken: median(s["factor"] + s["solve"] for s in taken)
        )
        bands = Spread.of(s["bands"] / s["factor"] for s in fastest)
        whole = Spread.of(
            seconds / (s["factor"] + s["solve"]) for seconds, s in zip(direct, fastest, strict=True)
        )
        return {
            "bare": [
                {
                    "threads": count,
                    **{part: Spread.of(s[part] for s in taken).to_json() for part in taken[0]},
                }
                for count, taken in self.samples.items()
            ],
            **bands.to_json("bands_over_factor"),
            **whole.to_json("direct_over_bare"),
        }


def in_words(aims: Mapping[str, Any]) -> str:
    """The seconds of dpbtrf + dpbtrs by number of threads."""
    return ", ".join(
        f"{1e3 * (bare['factor']['seconds'] + bare['solve']['seconds']):.3g} ms on "
        f"{bare['threads']} thread{'s' if bare['threads'] > 1 else ''}"
        for bare in aims["bare"]
    )
