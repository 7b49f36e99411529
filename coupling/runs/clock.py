"""Wall time of a run over all its parts, and how busy other work kept the machine meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from tellus.coupling.runs.ledger import Ledger
from tellus.io.busy import Watch


class RunClock:
    """Starts with this part of a run; `processes` do the work, this one and others of mpirun."""

    def __init__(self, processes: int = 1) -> None:
        self.output_seconds = 0.0
        self._before, self._others_before = 0.0, 0.0
        self._watch, self._started = Watch(processes), perf_counter()

    def go_on_from(self, ledger: Ledger) -> None:
        """Count what the parts before took, too."""
        self._before, self.output_seconds = ledger.seconds, ledger.output_seconds
        self._others_before = ledger.others_percent or 0.0  # earlier versions did not watch

    @property
    def here(self) -> float:
        """Seconds of this part."""
        return perf_counter() - self._started

    @property
    def seconds(self) -> float:
        """Of all parts."""
        return self._before + self.here

    @property
    def others_percent(self) -> float:
        """Of the machine's processors, used by other work over all these seconds."""
        before, here = self._before, self.here
        busy = self._others_before * before + self._watch.others_percent * here
        return min(busy / (before + here), 100.0)

    @contextmanager
    def output(self) -> Iterator[None]:
        """What is done inside goes into files."""
        start = perf_counter()
        yield
        self.output_seconds += perf_counter() - start
