"""Stream functions at earlier times, and their extrapolation to a later one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .grid import Array
from .stokes import SolverState

LENGTH = 3
"""Flows that the next one is extrapolated from: a parabola in time. Iterations of `lagged` over
80 steps at 256x64, tol = 1e-6: 474 with two, 364 with three, 313 with four, which at tol = 1e-3
amplify what that tolerance leaves and cost a quarter more than three."""


class PastFlow(NamedTuple):
    """A model time and the stream function then, shape (ny+1, nx+1)."""

    time: float
    psi: Array


def extrapolated(moments: Sequence[PastFlow], time: float) -> Array:
    """The polynomial in time through all moments, at `time`: psi of shape (ny+1, nx+1).

    As many moments, that order of accuracy; their times must differ.
    """
    psi = 0.0 * moments[0].psi
    for one in moments:
        weight = 1.0
        for other in moments:
            if other is not one:
                weight *= (time - other.time) / (one.time - other.time)
        psi += weight * one.psi
    return psi


def well_apart(moments: Sequence[PastFlow], time: float, part: float = 0.25) -> list[PastFlow]:
    """The last moment and those before it that a step to `time` can be extrapolated from.

    A polynomial through moments closer together than a `part` of that step would blow up what
    errors they have, as after a step that was cut short to hit an output.
    """
    kept = [moments[-1]]
    ahead = time - moments[-1].time
    for moment in reversed(moments[:-1]):
        if kept[-1].time - moment.time > part * ahead:
            kept.append(moment)
    return kept


def extended(moments: Sequence[PastFlow], moment: PastFlow, length: int) -> list[PastFlow]:
    """The last `length` moments, the newest in the place of any that are not earlier."""
    return [*(past for past in moments if past.time < moment.time), moment][-length:]


def stacked(moments: Sequence[PastFlow]) -> SolverState:
    """Past flows as arrays: `times`, shape (n,), and `psi`, shape (n, ny+1, nx+1)."""
    return {
        "times": np.array([moment.time for moment in moments]),
        "psi": np.array([moment.psi for moment in moments]),
    }


def unstacked(arrays: SolverState) -> list[PastFlow]:
    """The inverse of `stacked`; no moments where there are no arrays."""
    times, psi = arrays.get("times", np.array([])), arrays.get("psi", np.array([]))
    pairs = zip(times.tolist(), np.asarray(psi, dtype=np.float64), strict=True)
    return [PastFlow(*pair) for pair in pairs]


class History:
    """The last `LENGTH` flows of a solver: where its next iteration starts."""

    def __init__(self) -> None:
        self.flows: list[PastFlow] = []

    def start(self, time: float) -> Array | None:
        """psi extrapolated to `time`; the last one where time has not gone on, None before any."""
        if not self.flows:
            return None
        if self.flows[-1].time >= time:
            return self.flows[-1].psi
        return extrapolated(well_apart(self.flows, time), time)

    def add(self, time: float, psi: Array) -> None:
        """Keep psi, instead of any that is not earlier."""
        self.flows = extended(self.flows, PastFlow(time, psi), LENGTH)

    def state(self) -> SolverState:
        """The past flows as arrays, for a checkpoint."""
        return stacked(self.flows)

    def restore(self, state: SolverState) -> None:
        """Take back what `state` handed out; nothing where it has neither."""
        self.flows = unstacked(state)
