"""Stream functions at earlier times, and what they say about a later one."""

from collections.abc import Sequence
from typing import NamedTuple

from .grid import Array


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
