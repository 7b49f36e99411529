"""In which order, and how often, a training sees its examples."""

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array

SLOWEST = 1e-3
"""Rms velocities below this are one decade."""


def balanced_weights(rms_velocity: Array) -> Array:
    """Probabilities, shape (n,), under which every decade of rms velocity comes equally often."""
    decades = np.floor(np.log10(np.maximum(rms_velocity, SLOWEST)))
    _, which, counts = np.unique(decades, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[which]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def epoch_order(
    random: np.random.Generator, examples: int, rms_velocity: Array | None
) -> NDArray[np.int64]:
    """Examples of one epoch: each once, or balanced over decades of `rms_velocity`, (examples,)."""
    if rms_velocity is None:
        return random.permutation(examples)
    return random.choice(examples, examples, p=balanced_weights(rms_velocity))
