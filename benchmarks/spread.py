"""Medians and extremes of what was measured, as records that results are made of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tellus.io.json_file import Record, optional

__all__ = ["Record", "Result", "Row", "Spread", "by_phase", "optional"]

Row = dict[str, Any]
"""A line of a result as JSON has it."""

Result = Mapping[str, Any]
"""What a benchmark found, as it writes it and as it is read back from JSON."""


@dataclass(frozen=True)
class Spread(Record):
    """Median, smallest and largest of repeated measurements of one thing."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of at least one value."""
        kept = list(values)
        return cls(median(kept), min(kept), max(kept))

    def to_json(self, name: str = "seconds") -> dict[str, float]:
        """The median under `name`, the extremes under `name_min` and `name_max`."""
        return {name: self.median, f"{name}_min": self.lowest, f"{name}_max": self.highest}


def by_phase(
    samples: Iterable[Mapping[str, float]],
    average: Callable[[Sequence[float]], float] = median,
) -> dict[str, float]:
    """Average seconds of each phase; one that a sample went without took no time in it."""
    taken = list(samples)
    names = dict.fromkeys(name for sample in taken for name in sample)
    return {name: average([sample.get(name, 0.0) for sample in taken]) for name in names}
