"""The simplest rival of a prediction: the velocity of the snapshot before."""

from typing import Any

import numpy as np

from tellus.surrogate.data import Dataset, StoredSimulation

from .scores import Score, spread


def interval(dataset: Dataset) -> int | None:
    """Steps between the even snapshots of a data set, None where its card does not say."""
    config = dataset.card.get("config") or {}
    every = (config.get("dataset") or {}).get("snapshot_every")
    return int(every) if every else None


def predecessors(dataset: Dataset, simulation: StoredSimulation) -> dict[int, int]:
    """For each snapshot that has one, the number of that taken one interval before it.

    Where no step numbers are stored it is the even snapshot before an even one.
    """
    steps, every = _steps(dataset, simulation), interval(dataset)
    if steps is None or every is None:
        even = np.flatnonzero(simulation.even).tolist()
        return dict(zip(even[1:], even, strict=False))
    place = {step: k for k, step in enumerate(steps)}
    return {k: place[step - every] for k, step in enumerate(steps) if step - every in place}


def compared(rival: list[Score], model: list[Score], every: int | None) -> dict[str, Any] | None:
    """How much smaller the model's mean absolute error is, over the same snapshots; plain JSON."""
    if not rival:
        return None
    theirs, ours = ([score.both_mae for score in scores] for scores in (rival, model))
    return {
        "steps": every,
        "snapshots": len(rival),
        "mae": float(np.mean(theirs)),
        "model_mae": float(np.mean(ours)),
        "ratio": float(np.mean(theirs) / np.mean(ours)),
        "median_ratio": float(np.median(np.divide(theirs, ours))),
        "relative_l2": spread([score.relative_l2 for score in rival]),
    }


def _steps(dataset: Dataset, simulation: StoredSimulation) -> list[int] | None:
    if not dataset.has(simulation.name, "step"):
        return None
    return list(map(int, dataset.arrays(simulation.name, "step", "even")["step"]))
