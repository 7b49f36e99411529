"""A comparison in words and figures, for the terminal and the report."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from tellus.io.busy import BUSY_PERCENT
from tellus.io.shown import shown

# Title, key and scale of the columns that a reader sees, on the terminal and in the report.
COLUMNS = (
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


def figure(value: float | None, scale: float = 1.0) -> str:
    """`value * scale` to two significant digits (three from 1 on), or a dash for None."""
    if value is None:
        return "-"
    number = value * scale
    if abs(number) >= 1e3:
        return f"{number:.0f}"
    return f"{number:.3g}" if abs(number) >= 1 else f"{number:.2g}"


def cells(run: Mapping[str, Any]) -> list[str]:
    """The label and the figures of one run, in the order of COLUMNS."""
    return [run["label"], *(figure(run[key], scale) for _, key, scale in COLUMNS)]


def headline(result: Mapping[str, Any]) -> list[str]:
    """The lines that matter: speed, mean temperature, flow, and whether the seconds count."""
    reference, *others = result["runs"]
    name = reference["label"]
    cost = f"{figure(reference['seconds_per_step'], 1e3)} ms per step"
    if not others:
        only = f"One run, {name}: {reference['steps']} steps, {cost}; nothing to compare with."
        return [only, *busy(result)]
    speed = [
        f"{r['label']} {figure(r['speedup'])}x per step, "
        f"{figure(r['speedup_end_to_end'])}x end to end"
        for r in others
    ]
    heat = [f"{r['label']} {figure(r['mean_temperature_mae'])}" for r in others]
    flow = [f"{r['label']} {figure(r['velocity_error'], 100)} %" for r in others]
    return [
        f"Speed-up over {name} ({cost}): {'; '.join(speed)}.",
        f"Mean absolute difference of <T>(t) from {name}: {'; '.join(heat)}.",
        f"Velocity difference from {name} at equal times, between trajectories that have drifted "
        f"apart, median: {'; '.join(flow)}.",
        *busy(result),
    ]


def busy(result: Mapping[str, Any]) -> list[str]:
    """A warning where other work shared the machine while one of the runs was timed."""
    shares = [run["others_percent"] or 0.0 for run in result["runs"]]
    if max(shares) <= BUSY_PERCENT:
        return []
    disturbed = [
        f"{run['label']} {share:.0f} %"
        for run, share in zip(result["runs"], shares, strict=True)
        if share > BUSY_PERCENT
    ]
    return [
        "The machine was busy: do not quote these seconds and speed-ups. Of its processors other "
        f"work used: {'; '.join(disturbed)}."
    ]


def table(result: Mapping[str, Any]) -> Table:
    """The comparison as a table for the terminal; the reference is the first row."""
    view = Table(title=f"reference: {shown(result['reference'])}", title_justify="left")
    view.add_column("run", overflow="fold")
    for title, _, _ in COLUMNS:
        view.add_column(title, justify="right")
    for run in result["runs"]:
        view.add_row(*cells(run))
    notes = [f"{run['label']}: {note}" for run in result["runs"] for note in run["notes"]]
    lines = notes + result["warnings"] + busy(result)
    view.caption = "\n".join(shown(line) for line in lines) or None
    view.caption_justify = "left"
    return view
