"""What a run took so far, and what a checkpoint knows of it beside the state of the simulation."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tellus.io.busy import Watch
from tellus.io.json_file import parse_json

KEY = "ledger"
"""Name of the array that holds it, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Where a run stood at a checkpoint, but for its fields.

    Parameters
    ----------
    run_id : str, optional
        Runs of earlier versions have none; nor have they what follows with a default.
    series_sha256 : str, optional
        Of the rows of the time series so far.
    config : mapping
        The configuration, as its sections.
    classes : mapping
        See `tellus.coupling.own.recorded`.
    start : mapping
        What it started from, see `Start.to_json`.
    outputs, last_output_step : int
        How many were written, and after which step the last one.
    seconds, output_seconds : float
        Wall time so far, and what of it went into files.
    others_percent : float, optional
        Of the machine's processors, used by other work meanwhile.
    tally : mapping
        See `RunStatistics.to_json`.
    warnings : list of str
    """

    run_id: str | None = None
    series_sha256: str | None = None
    config: Mapping[str, Any]
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    start: Mapping[str, Any]
    outputs: int
    last_output_step: int
    seconds: float
    output_seconds: float
    others_percent: float | None = None
    tally: Mapping[str, Any]
    warnings: list[str]

    def to_array(self) -> NDArray[np.str_]:
        """The text that a checkpoint holds."""
        return np.array(json.dumps(asdict(self)))

    @classmethod
    def of(cls, checkpoint: Mapping[str, NDArray[Any]]) -> Self:
        """That of a checkpoint; ValueError, LookupError or TypeError where it is none."""
        content = {"start": {}} | parse_json(str(checkpoint[KEY]))
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})


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
