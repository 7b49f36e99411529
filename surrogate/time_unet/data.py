"""Pairs of snapshots an equal number of solver steps apart, and chains of them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.surrogate.data import Dataset, Numbers, Snapshots, load_snapshots
from tellus.surrogate.multi_scale.features import Parameters, ScaledSnapshots
from tellus.surrogate.multi_scale.scale import Regression

from .model import CellState


@dataclass(frozen=True)
class TimedSnapshots(Snapshots):
    """All snapshots of a split, with the step and the time of each, shape (n,)."""

    step: Numbers
    time: Array

    @classmethod
    def load(cls, dataset: Dataset, split: str) -> "TimedSnapshots":
        """Raises InputError if the split is unknown or damaged, or holds no steps and times."""
        snapshots = load_snapshots(dataset, split)
        clocks = [dataset.arrays(name, "step", "time") for name in snapshots.names]
        step = np.concatenate([clock["step"] for clock in clocks])
        time = np.concatenate([clock["time"] for clock in clocks])
        if not step.shape == time.shape == (len(snapshots),):
            raise InputError(
                f"{dataset.path} does not hold a step and a time for each snapshot: make the data "
                "set again."
            )
        return cls(**vars(snapshots), step=step, time=time)


def find_pairs(simulation: Numbers, step: Numbers, interval: int) -> tuple[Numbers, Numbers]:
    """Numbers of all snapshots with one of the same simulation `interval` steps later, and of that.

    `simulation` and `step` are those of every snapshot, shape (n,).
    """
    place = {key: k for k, key in enumerate(zip(simulation.tolist(), step.tolist(), strict=True))}
    found = [
        (k, place[s, n + interval]) for (s, n), k in place.items() if (s, n + interval) in place
    ]
    before, after = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return before, after


def longest_chain(step: Numbers, interval: int) -> list[int]:
    """Numbers of the snapshots of one simulation that follow each other `interval` steps apart.

    The longest such chain, of several the earliest; at least one snapshot.
    """
    place = {n: k for k, n in enumerate(step.tolist())}
    chains = []
    for first in sorted(n for n in place if n - interval not in place):
        chain = [first]
        while chain[-1] + interval in place:
            chain.append(chain[-1] + interval)
        chains.append([place[n] for n in chain])
    return max(chains, key=len)


class Pairs:
    """The pairs of one split as tensors; `psi` is over the velocity scale of its simulation.

    Raises InputError if no snapshot has another one `interval` steps later.

    Parameters
    ----------
    history : TimedSnapshots
        All snapshots of the split, whose psi is scaled in place.
    scale : Regression
    interval : int
        Solver steps between the two of a pair.
    quiet_vrms : float
        Pairs that end in a flow slower than this are left out.
    dtype, device
        Of the fields.
    """

    def __init__(
        self,
        history: TimedSnapshots,
        scale: Regression,
        interval: int,
        quiet_vrms: float = 0.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        before, after = find_pairs(history.simulation, history.step, interval)
        moving = history.vrms[after] >= quiet_vrms
        before, after = before[moving], after[moving]
        if not len(before):
            raise InputError(
                f"no snapshot has a moving one model.interval = {interval} steps later: set it to "
                "the data set's dataset.snapshot_every, or lower training.quiet_vrms."
            )
        self.snapshots = ScaledSnapshots.of(history, scale.each(history)).to(device, dtype)
        self.before, self.after = (torch.from_numpy(k).to(device) for k in (before, after))
        self.dt = torch.from_numpy(history.time[after] - history.time[before]).to(device, dtype)
        self.vrms = history.vrms[after]

    def __len__(self) -> int:
        return len(self.before)

    def select(
        self, index: Tensor, mirrored: Tensor, grid: Grid
    ) -> tuple[CellState, Parameters, Tensor, CellState]:
        """State, parameters, interval and next state of the pairs numbered `index`."""
        first, second = self.before[index], self.after[index]
        state, target = (self._state(which, mirrored, grid) for which in (first, second))
        return state, self.snapshots.parameters.select(first), self.dt[index], target

    def _state(self, which: Tensor, mirrored: Tensor, grid: Grid) -> CellState:
        found = self.snapshots
        return CellState.of(found.temperature[which], found.psi[which], grid).mirrored(mirrored)

    def log10_dt(self) -> tuple[float, float]:
        """Mean and spread of log10 of the intervals; a spread of zero counts as one."""
        logarithm = torch.log10(self.dt.double())
        return float(logarithm.mean()), float(logarithm.std(correction=0)) or 1.0
