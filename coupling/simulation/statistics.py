"""What a run spent and did: seconds by phase, and counts of what its Stokes solver said."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from tellus.solver.stokes import StokesReport


@dataclass
class RunStatistics:
    """Wall seconds by phase and counts of what the Stokes solver did, summed over steps."""

    stokes: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    energy: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    iterations: int = 0
    rejected: int = 0
    errors: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    def add(self, report: StokesReport, seconds: float) -> None:
        """Count one call of the Stokes solver that took `seconds` of wall time."""
        for phase, elapsed in report.seconds.items():
            self.stokes[phase] += elapsed
        self.stokes["other"] += max(seconds - sum(report.seconds.values()), 0.0)
        self.statuses[report.status] += 1
        self.iterations += report.iterations
        for name, value in (("estimate", report.estimate), ("error", report.error)):
            if np.isfinite(value):
                self.note(name, value)

    def note(self, name: str, value: float) -> None:
        """Take in one more value of what mean and largest are kept of."""
        count, total, largest = self.errors.get(name, (0, 0.0, 0.0))
        self.errors[name] = count + 1, total + value, max(largest, value)

    @property
    def velocity_errors(self) -> dict[str, float]:
        """Mean and largest of what solvers said of their own error: estimates, and true ones.

        And of the share of cells of which a closure said nothing, called silent.
        """
        return {
            f"{kind}_{name}": value
            for name, (count, total, largest) in self.errors.items()
            for kind, value in (("mean", total / count), ("largest", largest))
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {**vars(self), "stokes": dict(self.stokes), "statuses": dict(self.statuses)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            defaultdict(float, values["stokes"]),
            values["energy"],
            Counter(values["statuses"]),
            values["iterations"],
            values["rejected"],
            # Checkpoints of version 0.1.0 have none.
            {name: tuple(three) for name, three in values.get("errors", {}).items()},
        )
