"""The table of a sweep: a row for each run that is done, its settings and its averages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from tellus.coupling.directory.recorded import DONE, RecordedRun
from tellus.coupling.directory.sweep import FAILURES, TABLES, Sweep
from tellus.coupling.tables import (
    Values,
    rich_table,
    settings_text,
    short_names,
)
from tellus.coupling.trajectory.drift import last_third
from tellus.io.json_file import Record
from tellus.io.shown import brief_value
from tellus.io.text_table import digits
from tellus.io.whole_file import write_atomically

LARGEST_INTEGER = 2**31 - 1

MEANINGS = {
    "nusselt_top": "heat flux through the top",
    "nusselt_bottom": "heat flux through the bottom",
    "mean_temperature": "mean temperature",
    "vrms": "rms velocity",
    "surface_velocity": "rms velocity of the surface",
}
"""What is averaged over time; in the table with the standard deviation over time, NAME_std."""

IMBALANCE = "imbalance"
SETTLED = 0.05
"""Largest imbalance of a run whose averages are those of a statistically steady state."""

SweepRow = dict[str, Any]


@dataclass(frozen=True)
class Failure(Record):
    """A run that failed, with its values of what varies."""

    run: str
    values: Values
    message: str


@dataclass(frozen=True)
class Swept(Record):
    """Settings that vary; rows of the runs that are done; names of those that can go on."""

    sweep: str
    vary: Sequence[str]
    planned: int
    runs: Sequence[SweepRow]
    failures: Sequence[Failure]
    stopped: Sequence[str]


def rows(plan: Sweep) -> list[SweepRow]:
    """A row for each run that is done, in the order of the sweep; a damaged one is an InputError.

    "run"; what varies, by section.key; averages and standard deviations of `MEANINGS`; "imbalance",
    the change of <T> over that time, over the greater heat flux: 0 in a steady state, positive
    where the box warms; "averaged_from" and "time", the span of the averages; "steps", "seconds"
    and the number of "warnings".
    """
    return [
        {"run": name, **values, **measured(RecordedRun(plan.directory(name)))}
        for name, values in plan.runs.items()
        if plan.state(name) == DONE
    ]


def measured(run: RecordedRun) -> SweepRow:
    """The averages of a run over the last third of its model time.

    Over `time.steady_window` where it ended because it was steady.
    """
    series, summary = run.series, run.summary
    time, dt = series["time"], series["dt"]
    start, end = last_third(float(time[0] - dt[0]), float(time[-1]))
    if summary.message.startswith("steady"):
        start = max(end - run.settings.time.steady_window, float(time[0] - dt[0]))
    late = time > start
    found: SweepRow = {}
    for name in MEANINGS:
        mean = float(np.average(series[name][late], weights=dt[late]))
        variance = np.average((series[name][late] - mean) ** 2, weights=dt[late])
        found |= {name: mean, f"{name}_std": float(np.sqrt(variance))}
    warmth = series["mean_temperature"][late]
    span = float(time[-1] - time[late][0])
    flux = max(abs(found["nusselt_top"]), abs(found["nusselt_bottom"]))
    change = float(warmth[-1] - warmth[0]) / span if span > 0 else np.nan
    found[IMBALANCE] = change / flux if flux > 0 else np.nan
    return found | {
        "averaged_from": start,
        "time": end,
        "steps": run.steps,
        "seconds": summary.seconds.total,
        "warnings": len(summary.warnings),
    }


def write_tables(out: Path, found: Sequence[SweepRow]) -> None:
    """The rows as CSV, and for xarray, where what varies are coordinates along "run"."""
    frame = pd.DataFrame(found)
    if frame.empty:
        for name in TABLES:
            (out / name).unlink(missing_ok=True)
        return
    write_atomically(out / TABLES[0], frame.to_csv(index=False).encode())
    dataset = frame.map(_storable).set_index("run").to_xarray()
    dataset = dataset.set_coords([name for name in frame.columns if "." in name])
    for name, meaning in MEANINGS.items():
        dataset[name].attrs = {"units": "1", "long_name": f"{meaning}, averaged over time"}
    write_atomically(out / TABLES[1], bytes(dataset.to_netcdf(engine="scipy")))


def _storable(value: Any) -> int | float | str:
    """A value that netCDF of version 3 holds, which needs no extra."""
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return float(value)
    return value if isinstance(value, int | float) else brief_value(value)


def write_failures(out: Path, failures: Sequence[Failure]) -> None:
    """What failed, and why; no file where nothing did."""
    if not failures:
        (out / FAILURES).unlink(missing_ok=True)
        return
    lines = [{"run": f.run, **f.values, "message": f.message} for f in failures]
    write_atomically(out / FAILURES, pd.DataFrame(lines).to_csv(index=False).encode())


COLUMNS = {
    "Nu top": "nusselt_top",
    "Nu bottom": "nusselt_bottom",
    "<T>": "mean_temperature",
    "Vrms": "vrms",
    "imbalance, %": IMBALANCE,
    "steps": "steps",
    "s": "seconds",
}


def table(result: Swept) -> Table:
    """A sweep for the terminal: what is done, and below what failed."""
    names = short_names(result.vary)
    shown = [
        [row["run"], *(brief_value(row[key]) for key in names)]
        + [_shown(row, key) for key in COLUMNS.values()]
        for row in result.runs
    ]
    notes = [f"{f.run} ({settings_text(f.values)}) failed: {f.message}" for f in result.failures]
    headings = ("run", *names.values(), *COLUMNS)
    return rich_table(result.sweep, headings, shown, notes, text=list(names.values()))


def _shown(row: SweepRow, key: str) -> str:
    if key == IMBALANCE:
        return f"{round(100 * row[key], 1) + 0.0:.1f}"  # never -0.0
    return digits(row[key])
