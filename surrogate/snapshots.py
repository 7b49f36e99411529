"""Temperatures with their direct solutions, a split of a data set in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

from .data import Dataset, StoredSimulation
from .rows import Rows


@dataclass(frozen=True)
class Snapshots(Rows):
    """Many snapshots of many simulations, one row each.

    `temperature` (n, ny, nx) and `psi` (n, ny+1, nx+1), the direct solution, in
    single precision or as asked for; the others have shape (n,): parameters, the
    rms velocity, whether the snapshot is one of those spread evenly over its run,
    and the number of its simulation.
    """

    temperature: NDArray[np.floating]
    psi: NDArray[np.floating]
    gamma_T: Array
    gamma_p: Array
    heating: Array
    rayleigh: Array
    vrms: Array
    even: NDArray[np.bool_]
    simulation: NDArray[np.int64]

    def problem(self, snapshot: int, grid: Grid) -> StokesProblem:
        """The Stokes problem of one snapshot."""
        law = FrankKamenetskii(float(self.gamma_T[snapshot]), float(self.gamma_p[snapshot]))
        return StokesProblem(
            grid,
            self.temperature[snapshot].astype(np.float64),
            law,
            float(self.rayleigh[snapshot]),
            heating=float(self.heating[snapshot]),
        )

    def problems(self, grid: Grid) -> Iterator[StokesProblem]:
        """The Stokes problems of all snapshots."""
        return (self.problem(k, grid) for k in range(len(self)))


def load_snapshots(
    dataset: Dataset,
    split: str,
    quiet_vrms: float = 0.0,
    precision: type[np.floating] = np.float32,
) -> Snapshots:
    """All snapshots of a split with rms velocity of at least `quiet_vrms`.

    Raises InputError if the split is unknown, damaged, or too quiet.
    """
    parts = (
        _of_one(number, simulation, quiet_vrms, precision)
        for number, simulation in enumerate(dataset.simulations(split))
    )
    found = _joined(parts, sum(entry["snapshots"] for entry in dataset.entries(split)))
    if not len(found):
        raise too_quiet(dataset, split, quiet_vrms)
    return found


def too_quiet(dataset: Dataset, split: str, quiet_vrms: float) -> InputError:
    """What to say of a split none of whose snapshots moves as fast as training asks for."""
    return InputError(
        f'{dataset.path}: every snapshot of "{split}" has rms velocity below {quiet_vrms:g}; '
        "lower training.quiet_vrms or make a data set at higher gamma_T."
    )


def _joined(parts: Iterator[Snapshots], room: int) -> Snapshots:
    """One after another in arrays of `room` rows, so that no part is held twice."""
    names, filled = [f.name for f in fields(Snapshots)], 0
    whole: dict[str, NDArray[Any]] = {}
    for part in parts:
        rows = {name: getattr(part, name) for name in names}
        if not whole:
            whole = {n: np.empty((room, *v.shape[1:]), v.dtype) for n, v in rows.items()}
        for name, values in rows.items():
            whole[name][filled : filled + len(part)] = values
        filled += len(part)
    return Snapshots(**{name: values[:filled] for name, values in whole.items()})


def _of_one(
    number: int, simulation: StoredSimulation, quiet_vrms: float, precision: type[np.floating]
) -> Snapshots:
    vrms = simulation.vrms()
    kept = vrms >= quiet_vrms

    def everywhere(value: float) -> Array:
        return np.full(int(kept.sum()), value)

    return Snapshots(
        simulation.temperature[kept].astype(precision),
        simulation.psi[kept].astype(precision),
        everywhere(simulation.rheology.gamma_T),
        everywhere(simulation.rheology.gamma_p),
        everywhere(simulation.heating),
        everywhere(simulation.rayleigh),
        vrms[kept],
        simulation.even[kept],
        np.full(int(kept.sum()), number),
    )
