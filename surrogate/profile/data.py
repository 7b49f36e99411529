"""Steady profiles of temperature, one for each simulation of a data set."""

from dataclasses import dataclass

import numpy as np

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.data import Dataset, Snapshots
from tellus.surrogate.rows import Rows

from .settings import ProfileSettings


@dataclass(frozen=True)
class Profiles(Rows):
    """The simulations of a split whose profile is steady enough.

    `parameters` has a column for each of `card.PARAMETERS`, shape (n, 4); `temperature` is the
    profile at `heights_of`, shape (n, ny+2); `drift` and `vrms` have shape (n,);
    `unsteady` counts those left out.
    """

    parameters: Array
    temperature: Array
    drift: Array
    vrms: Array
    unsteady: int

    @classmethod
    def load(cls, dataset: Dataset, split: str, settings: ProfileSettings) -> "Profiles":
        """Raises InputError if the split is unknown, damaged, or nowhere steady."""
        rows = [_one(simulation, settings.share) for simulation in dataset.simulations(split)]
        parameters, temperature, drift, vrms = (np.stack(part) for part in zip(*rows, strict=True))
        steady = (drift <= settings.drift) & (vrms >= settings.quiet_vrms)
        if not steady.any():
            raise InputError(
                f'{dataset.path}: no profile of "{split}" is steady, the least changes by '
                f"{drift.min():.3g}: raise model.drift, lower training.quiet_vrms, or make a data "
                "set of longer simulations."
            )
        found = cls(parameters, temperature, drift, vrms, unsteady=int((~steady).sum()))
        return found.select(steady)


def heights_of(grid: Grid) -> Array:
    """y of a profile: floor, cell centres, top, shape (ny+2,)."""
    return np.concatenate([[0.0], grid.y_cells, [1.0]])


def _one(simulation: Snapshots, share: float) -> tuple[Array, Array, Array, Array]:
    """Parameters, profile with the walls, drift and rms velocity of one simulation."""
    even = np.flatnonzero(simulation.even)
    last = even[-max(2, round(share * len(simulation))) :]
    profiles = simulation.temperature[last].astype(np.float64).mean(axis=2)
    first, second = (half.mean(axis=0) for half in np.array_split(profiles, 2))
    return (
        np.array([getattr(simulation, name)[0] for name in PARAMETERS]),
        np.concatenate([[1.0], profiles.mean(axis=0), [0.0]]),
        np.array(np.abs(second - first).max()),
        np.array(simulation.vrms[last].mean()),
    )
