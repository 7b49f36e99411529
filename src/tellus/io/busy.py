"""How busy other work keeps the machine while something is timed here."""

import logging
from time import process_time
from typing import Self

import psutil

log = logging.getLogger("tellus")

BUSY_PERCENT = 10.0
"""Percent of the machine's processors in use by others above which seconds are not quoted."""


def background_load() -> float:
    """Percent of the machine's processors that others use, watched for half a second."""
    busy = float(psutil.cpu_percent(interval=0.5))
    if busy > BUSY_PERCENT:
        log.warning("other work uses %.0f %% of this machine: the seconds will be too many", busy)
    return busy


class Watch:
    """Percent of the machine's processors that others used since this was made or entered.

    `processes` do the work that is watched, this one and others of an mpirun.
    """

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self._before = _busy_and_all()
        self._ended: float | None = None

    @property
    def others_percent(self) -> float:
        """Percent until now, or until the end of the context."""
        if self._ended is not None:
            return self._ended
        busy, own, everything = (
            after - before for after, before in zip(_busy_and_all(), self._before, strict=True)
        )
        others = max(busy - self._processes * own, 0.0)
        return min(100.0 * others / everything, 100.0) if everything > 0 else 0.0

    def __enter__(self) -> Self:
        self._before, self._ended = _busy_and_all(), None
        return self

    def __exit__(self, *error: object) -> None:
        self._ended = self.others_percent


def _busy_and_all() -> tuple[float, float, float]:
    """Processor seconds so far: of everybody's work, of this process, and of all processors."""
    times = psutil.cpu_times()
    everything = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return everything - times.idle - getattr(times, "iowait", 0.0), process_time(), everything
