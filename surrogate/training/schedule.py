"""The order, the number of passes and the learning rates of a training's examples."""

from math import cos, pi

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array
from tellus.surrogate.settings import LoopSettings

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


def learning_rate(settings: LoopSettings, step: int, steps_per_epoch: int) -> float:
    """The rate of optimiser step number `step`, from 0; see `LoopSettings.schedule`."""
    if settings.schedule == "halving":
        epoch = step // steps_per_epoch
        return float(settings.learning_rate * 0.5 ** sum(epoch >= e for e in settings.halve_after))
    total = settings.epochs * steps_per_epoch
    warm = max(1, round(settings.warmup * total))
    rise = min(1.0, (step + 1) / warm)
    fall = 0.5 * (1.0 + cos(pi * max(0, step - warm) / max(1, total - warm)))
    return settings.learning_rate * rise * fall
