"""Learning rates over a training."""

from math import cos, pi

from tellus.surrogate.settings import LoopSettings

SCHEDULES = ("cosine", "halving")


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
