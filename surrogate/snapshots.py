"""A split of a data set in memory: temperatures with their direct solutions."""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError

from .data import Dataset, Snapshots


def load_snapshots(
    dataset: Dataset,
    split: str,
    quiet_vrms: float = 0.0,
    precision: type[np.floating] = np.float32,
) -> Snapshots:
    """All snapshots of a split with rms velocity of at least `quiet_vrms`.

    Raises InputError if the split is unknown, damaged, or too quiet.
    """
    entries, filled = dataset.entries(split), 0
    room = sum(entry["snapshots"] for entry in entries)
    whole: dict[str, NDArray[Any]] = {}
    # Each simulation goes into its place at once, so that none is held twice.
    for number, simulation in enumerate(dataset.simulations(split)):
        part = simulation.select(simulation.vrms >= quiet_vrms)
        held = {f.name: getattr(part, f.name) for f in fields(part)}
        rows = {name: v for name, v in held.items() if isinstance(v, np.ndarray)}
        for name, values in (rows | {"simulation": part.simulation + number}).items():
            if name not in whole:
                kind = precision if name in ("temperature", "psi") else values.dtype
                whole[name] = np.empty((room, *values.shape[1:]), kind)
            whole[name][filled : filled + len(part)] = values
        filled += len(part)
    if not filled:
        raise too_quiet(dataset, split, quiet_vrms)
    names = [entry["name"] for entry in entries]
    rows = {name: values[:filled] for name, values in whole.items()}
    return Snapshots(**rows, names=names, grid=dataset.grid)


def too_quiet(dataset: Dataset, split: str, quiet_vrms: float) -> InputError:
    """What to say of a split none of whose snapshots moves as fast as training asks for."""
    return InputError(
        f'{dataset.path}: every snapshot of "{split}" has rms velocity below {quiet_vrms:g}; '
        "lower training.quiet_vrms or make a data set at higher gamma_T."
    )
