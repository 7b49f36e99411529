"""What run.json and the lines of metrics.jsonl may hold, with limits as in `cards`."""

from typing import Any

from pydantic import Field

from tellus.config.cards import Card, Count, Number, Seconds


class RunSeconds(Card):
    """Wall time of a run."""

    total: Seconds
    stokes: dict[str, Seconds]
    energy: Seconds | None = None
    output: Seconds | None = None


class RunSummary(Card):
    """run.json; versions before this one wrote fewer keys."""

    solver: str
    status: str
    steps: Count
    seconds: RunSeconds
    time: Number | None = None
    message: str = ""
    warnings: list[str] = Field(default_factory=list)
    tellus: str | None = None
    git: str | None = None
    threads: Count | None = None
    machine: dict[str, Any] | None = None
    others_percent: Number | None = None
    versions: dict[str, Any] | None = None
    solver_report: dict[str, Any] | None = None
    start: dict[str, Any] | None = None


class EpochLine(Card):
    """A line of metrics.jsonl."""

    epoch: Count
    loss: Number
    seconds: Seconds | None = None
    validation: dict[str, Number]
