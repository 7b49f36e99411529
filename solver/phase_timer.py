"""Wall time by phase, on a GPU too, which goes on after the call that started its work."""

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
