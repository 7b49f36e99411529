"""Which moments of a simulation are kept, decided while it runs.

How long a simulation will be is not known before it ends, so the later moments go through a
reservoir (Vitter 1985, algorithm R): every one has the same chance to stay, and never more are
held than will be stored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellus.config.dataset import PAIR, DatasetSection


@dataclass(frozen=True)
class SampledState:
    """One temperature of a simulation; `even`: its step is a multiple of `snapshot_every`."""

    temperature: NDArray[np.float32]
    time: float
    step: int
    even: bool


class StateSampler:
    """The moments of one simulation that are kept, `dataset.max_snapshots` at most.

    All early ones are, up to `dense_until`. Of the later evenly spaced ones a moment and its
    successor are drawn together, so that there are pairs `snapshot_every` steps apart to
    learn a time step from.

    Parameters
    ----------
    settings : DatasetSection
    seed : int
        Of the draw.
    """

    def __init__(self, settings: DatasetSection, seed: int) -> None:
        self._settings = settings
        self._room = settings.max_snapshots - settings.early
        self._random, self._lone = np.random.default_rng([seed, 0]), [seed, 1]
        self._early: list[SampledState] = []
        self._pairs: list[list[SampledState]] = []
        self._begun: list[SampledState] = []
        self._seen = 0

    def wants(self, step: int) -> bool:
        """Whether a moment with this number may be kept."""
        settings = self._settings
        dense = step <= settings.dense_until and step % settings.dense_every == 0
        return dense or step % settings.snapshot_every == 0

    def add(self, temperature: NDArray[np.float64], time: float, step: int) -> None:
        """Take a moment that `wants` asked for; moments come in the order of their steps."""
        even = step % self._settings.snapshot_every == 0
        moment = SampledState(temperature.astype(np.float32), time, step, even)
        if step <= self._settings.dense_until:
            self._early.append(moment)
            return
        if len(self._begun) in (0, PAIR):
            self._begun = []
            self._place(self._begun)
        self._begun.append(moment)

    def kept(self) -> list[SampledState]:
        """What is kept so far, in the order of time."""
        pairs = [list(pair) for pair in self._pairs]
        if sum(map(len, pairs)) > self._room:
            # Room for an odd number: one pair, any of them, stays without its second.
            pairs[int(np.random.default_rng(self._lone).integers(len(pairs)))].pop()
        later = [moment for pair in pairs for moment in pair]
        return sorted(self._early + later, key=lambda moment: moment.step)

    def _place(self, pair: list[SampledState]) -> None:
        """Give a pair that begins its place, perhaps another's, or none."""
        places = (self._room + 1) // PAIR
        self._seen += 1
        if len(self._pairs) < places:
            self._pairs.append(pair)
        elif (place := int(self._random.integers(self._seen))) < places:
            self._pairs[place] = pair
