"""A comparison in words and figures, for the terminal and the report."""

from rich.table import Table

from tellus.coupling.trajectory.tabular import Column, cells, rich_table
from tellus.io.busy import BUSY_PERCENT
from tellus.io.shown import shown
from tellus.io.text_table import digits

from .found import Comparison

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
    """For each run its label and its figures, under HEADINGS."""
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
