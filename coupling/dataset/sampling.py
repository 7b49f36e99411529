"""Which simulations a data set holds, and which of their moments.

How long a simulation will be is not known before it ends, so the later moments go through a
reservoir (Vitter 1985, algorithm R): every one has the same chance to stay, and never more are
held than will be stored.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellus.config import Config, DatasetConfig
from tellus.config.dataset import PAIR, DatasetSection
from tellus.coupling.build import simulation_of
from tellus.coupling.sobol import sobol_points
from tellus.solver.grid import Array

SEEDS = 2**32


@dataclass(frozen=True)
class Member:
    """One simulation of a data set; it ends at model time `end`, or at `dataset.max_steps`."""

    name: str
    split: str
    gamma_T: float
    gamma_p: float
    heating: float
    seed: int
    end: float

    def configured(self, config: DatasetConfig) -> Config:
        return simulation_of(config, self.gamma_T, self.gamma_p, self.heating, self.seed)


def members(config: DatasetConfig) -> list[Member]:
    """The simulations of a data set, splits included, fixed by its seed.

    Parameters come from one scrambled Sobol sequence over H, log10 gamma_T and
    log10 gamma_p; the corners of that box, if asked for, join the training split.
    """
    settings = config.dataset
    low, high = np.transpose([settings.heating, settings.log10_gamma_T, settings.log10_gamma_p])
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    drawn_train = settings.train - (len(corners) if settings.corners else 0)
    drawn = drawn_train + settings.validation + settings.test
    points = sobol_points(3, drawn, settings.seed)
    splits = ["test"] * settings.test + ["validation"] * settings.validation
    splits += ["train"] * settings.train
    if settings.corners:
        points = np.concatenate([points, corners])
    found = []
    for k, (point, split) in enumerate(zip(points, splits, strict=True)):
        heating, log_T, log_p = (low + (high - low) * point).tolist()
        seed = (settings.seed * 100_003 + k) % SEEDS
        end = end_time(settings, log_T - log_p) if settings.end_times else config.time.end
        found.append(Member(f"sim_{k:03d}", split, 10.0**log_T, 10.0**log_p, heating, seed, end))
    return found


def end_time(settings: DatasetSection, log10_interior: float) -> float:
    """The end of a simulation by its vigour, between the two of `dataset.end_times`.

    The interior Rayleigh number is gamma_T / gamma_p for Ra = 1. The logarithm of the end
    time is linear in its logarithm, from the most vigorous corner of the parameter box
    (which ends first) to the most sluggish one.
    """
    assert settings.end_times is not None
    vigorous = settings.log10_gamma_T[1] - settings.log10_gamma_p[0]
    sluggish = settings.log10_gamma_T[0] - settings.log10_gamma_p[1]
    ends = np.log(settings.end_times)
    if vigorous == sluggish:
        return settings.end_times[0]
    share = (vigorous - log10_interior) / (vigorous - sluggish)
    return float(np.exp(ends[0] + share * (ends[1] - ends[0])))


@dataclass(frozen=True)
class SampledState:
    """One temperature of a simulation; `even`: its step is a multiple of `snapshot_every`."""

    temperature: NDArray[np.float32]
    time: float
    step: int
    even: bool


class SeenWindow(NamedTuple):
    """What coarser cells see of a window of time.

    `first` is the number of the moment it begins with; `mean_psi`, shape (ny+1, nx+1), a mean over
    its time; `along_x`, shape (ny, nx+1), and `along_y`, (ny+1, nx), the heat through each face
    over its time, in units of temperature times length; and `heated` what sources add to each cell
    meanwhile.
    """

    first: int
    mean_psi: NDArray[np.float32]
    along_x: NDArray[np.float32]
    along_y: NDArray[np.float32]
    heated: float


@dataclass(frozen=True)
class Gathered:
    """What is kept of a simulation: moments and their psi, and what went on in windows of time.

    There are `windows` of a run as coarser cells see it alone.
    """

    moments: list[SampledState] = field(default_factory=list)
    psi: list[Array] = field(default_factory=list)
    windows: list[SeenWindow] = field(default_factory=list)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was gathered as arrays, by name, a row for each moment or window."""
        moments, seen = self.moments, map(np.stack, zip(*self.windows, strict=True))
        return {
            "temperature": np.stack([moment.temperature for moment in moments]),
            "psi": np.stack(self.psi),
            "time": np.array([moment.time for moment in moments]),
            "step": np.array([moment.step for moment in moments]),
            "even": np.array([moment.even for moment in moments]),
            **dict(zip(SeenWindow._fields, seen, strict=False)),
        }


class StateSampler:
    """The moments of one simulation that are kept, `dataset.max_snapshots` at most.

    All early ones are, up to `dense_until`. Of the later evenly spaced ones a moment and its
    successor are drawn together, so that there are pairs `snapshot_every` steps apart to
    learn a time step from. `seed` is that of the draw.
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
