"""Wall time by phase."""

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
