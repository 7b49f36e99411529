"""Wall time: by phase, on a GPU too, which goes on after the call that began its work; and left."""

from collections.abc import Mapping
from time import perf_counter


class PhaseTimer:
    """Seconds by phase: `lap` gives what has passed since the last one to a phase.

    The clock is only read once the `device` has done all it was given: what others left running
    there is none of the first phase.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._last = self._now()

    def lap(self, phase: str) -> None:
        """Add the time since the last lap, the device's work included, to `phase`."""
        now = self._now()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now

    def _now(self) -> float:
        if self._device == "cuda":
            import torch

            torch.cuda.synchronize()
        return perf_counter()


def added(*seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds of equal phases together."""
    total: dict[str, float] = {}
    for phases in seconds:
        for phase, value in phases.items():
            total[phase] = total.get(phase, 0.0) + value
    return total


def time_left(seconds: float, done: int, total: int) -> str:
    """How long `total - done` more take, in words, where `done` have taken `seconds`.

    Examples
    --------
    >>> time_left(60.0, done=2, total=10)
    'about 4 minutes left'
    """
    left = seconds / done * (total - done)
    if left < 100.0:
        return f"about {left:.0f} seconds left"
    if left < 100.0 * 60.0:
        return f"about {left / 60.0:.0f} minutes left"
    return f"about {left / 3600.0:.1f} hours left"
