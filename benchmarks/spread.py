"""Repeated measurements of one thing, as three numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
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
