"""Results as frozen records of medians and extremes, and the JSON that they are written as."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Any

Row = dict[str, Any]
"""A line of a result as JSON has it."""


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


def optional() -> Any:
    """A field of a `Record` that its JSON lacks where there is nothing to say."""
    return field(default=None, metadata={"optional": True})


@dataclass(frozen=True, kw_only=True)
class Record:
    """Base of the rows that results are made of."""

    def to_json(self) -> Row:
        """A key for each field; a `Spread` has three, and a record within this one its own."""
        found: Row = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Spread):
                found |= value.to_json(each.name)
            elif isinstance(value, Record):
                found |= value.to_json()
            elif value is not None or "optional" not in each.metadata:
                found[each.name] = value
        return found


def by_phase(
    samples: Iterable[Mapping[str, float]],
    average: Callable[[Sequence[float]], float] = median,
) -> dict[str, float]:
    """Average seconds of each phase; one that a sample went without took no time in it."""
    taken = list(samples)
    names = dict.fromkeys(name for sample in taken for name in sample)
    return {name: average([sample.get(name, 0.0) for sample in taken]) for name in names}
