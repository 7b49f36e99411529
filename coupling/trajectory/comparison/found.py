"""What a comparison of runs finds, as records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tellus.io.record import Record


@dataclass(frozen=True)
class Drift(Record):
    """How far a run is from the reference, see docs/use/comparing.md; None: it cannot be said.

    `equal_times` are the outputs that both wrote at equal times, one by one. As the two have other
    temperatures after the start, `velocity_error` is not the error of a solver.
    """

    mean_temperature_mae: float | None
    nusselt_top_mae: float | None
    nusselt_bottom_mae: float | None
    nusselt_mae: float | None
    profile_mae: float | None
    final_profile_mae: float | None
    temperature_field_mae: float | None
    velocity_error: float | None
    quiet_outputs: int
    equal_times: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Cost(Record):
    """What a run took; None where that is not known, speed-ups also over a run of other physics.

    A run that went further than the reference is charged, `speedup_end_to_end`, in proportion to
    its steps in the common time. `seconds_by_phase` sums to the total.
    """

    seconds_per_step: float | None
    stokes_seconds_per_step: float | None
    priced_steps: int
    seconds_total: float | None
    seconds_by_phase: Mapping[str, float]
    others_percent: float | None
    solver_report: Mapping[str, Any]
    speedup: float | None
    speedup_stokes: float | None
    speedup_end_to_end: float | None


@dataclass(frozen=True)
class ComparedRun(Record):
    """One of the runs; those of its drift and cost are keys of its own in JSON."""

    run: str
    label: str
    solver: str
    status: str
    message: str
    closure: str | None
    notes: Sequence[str]
    grid: str
    steps: int
    common_time: tuple[float, float]
    drift: Drift
    cost: Cost


@dataclass(frozen=True)
class Comparison(Record):
    """Of some runs with the first of them, the reference."""

    reference: str
    runs: Sequence[ComparedRun]
    warnings: Sequence[str]
