"""What a comparison of runs finds: records, and the same in words and figures for a reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tellus.coupling.tables import Column, cells, rich_table
from tellus.io.busy import BUSY_PERCENT
from tellus.io.json_file import Record
from tellus.io.shown import shown
from tellus.io.text_table import digits


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
    """A run beside the reference; in JSON the keys of `drift` and `cost` are its own."""

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
    """Runs compared with the first of them, the reference."""

    reference: str
    runs: Sequence[ComparedRun]
    warnings: Sequence[str]


COLUMNS: tuple[Column, ...] = (
    ("steps", "steps", 1.0),
    ("|d<T>|", "mean_temperature_mae", 1.0),
    ("|d profile|", "profile_mae", 1.0),
    ("|d field|", "temperature_field_mae", 1.0),
    ("|dNu|", "nusselt_mae", 1.0),
    ("|du|, %", "velocity_error", 100.0),
    ("ms per step", "seconds_per_step", 1e3),
    ("Stokes, ms", "stokes_seconds_per_step", 1e3),
    ("total, s", "seconds_total", 1.0),
    ("speed-up", "speedup", 1.0),
    ("end to end", "speedup_end_to_end", 1.0),
)
"""What a reader sees, on the terminal and in the report."""

HEADINGS = ("run", *(title for title, _, _ in COLUMNS))


def rows(result: Comparison) -> list[list[str]]:
    """A row for each run: its label and its figures, under HEADINGS."""
    return [[run.label, *cells(run.to_json(), COLUMNS)] for run in result.runs]


def headline(result: Comparison) -> list[str]:
    """The lines that matter: speed, mean temperature, flow, and whether the seconds count."""
    reference, *others = result.runs
    name = reference.label
    cost = f"{digits(reference.cost.seconds_per_step, 1e3)} ms per step"
    if not others:
        only = f"One run, {name}: {reference.steps} steps, {cost}; nothing to compare with."
        return [only, *busy(result)]
    speed = [
        f"{r.label} {digits(r.cost.speedup)}x per step, "
        f"{digits(r.cost.speedup_end_to_end)}x end to end"
        for r in others
        if r.cost.speedup is not None
    ]
    heat = [f"{r.label} {digits(r.drift.mean_temperature_mae)}" for r in others]
    flow = [f"{r.label} {digits(r.drift.velocity_error, 100)} %" for r in others]
    return [
        f"Speed-up over {name} ({cost}): {'; '.join(speed) or 'none to tell of'}.",
        f"Mean absolute difference of <T>(t) from {name}: {'; '.join(heat)}.",
        f"Velocity difference from {name} at equal times, between trajectories that have drifted "
        f"apart, median: {'; '.join(flow)}.",
        *busy(result),
    ]


def busy(result: Comparison) -> list[str]:
    """A warning where other work shared the machine while one of the runs was timed."""
    disturbed = [
        f"{run.label} {run.cost.others_percent:.0f} %"
        for run in result.runs
        if (run.cost.others_percent or 0.0) > BUSY_PERCENT
    ]
    if not disturbed:
        return []
    return [
        "The machine was busy: do not quote these seconds and speed-ups. Of its processors other "
        f"work used: {'; '.join(disturbed)}."
    ]


def table(result: Comparison) -> Table:
    """The comparison as a table for the terminal; the reference is the first row."""
    notes = [f"{run.label}: {note}" for run in result.runs for note in run.notes]
    lines = [shown(line) for line in (*notes, *result.warnings, *busy(result))]
    return rich_table(f"reference: {shown(result.reference)}", HEADINGS, rows(result), lines)
