"""The state a run starts from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tellus.solver.grid import Array


@dataclass(frozen=True)
class Start:
    """What a run knows at t = 0.

    `temperature` has shape (ny, nx). The internal sources have decayed for `heating_age`;
    `core_temperature` is that of a cooling core, None: `boundaries.bottom_value`. `path` and
    `time` name the run and the output that it comes from, if from one; `warnings` are about it.
    """

    temperature: Array
    heating_age: float = 0.0
    core_temperature: float | None = None
    path: str | None = None
    time: float | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All but T and warnings, as run.json and checkpoints keep it."""
        return {k: v for k, v in vars(self).items() if k not in ("temperature", "warnings")}

    @classmethod
    def from_json(cls, temperature: Array, kept: Mapping[str, Any]) -> Self:
        """The inverse; runs of earlier versions kept nothing and began at age 0."""
        return cls(temperature, **kept)
