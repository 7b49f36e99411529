"""Wall time by phase."""

from collections.abc import Mapping
from time import perf_counter


class PhaseTimer:
    """Seconds by phase: `lap` gives what has passed since the last one to a phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, phase: str) -> None:
        """Add the time since the last lap to `phase`."""
        now = perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now


def added(*seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds of equal phases together."""
    total: dict[str, float] = {}
    for phases in seconds:
        for phase, value in phases.items():
            total[phase] = total.get(phase, 0.0) + value
    return total
