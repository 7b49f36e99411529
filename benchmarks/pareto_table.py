"""The result of a Pareto run for a terminal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.table import Table

from tellus.coupling.trajectory.tabular import rich_table
from tellus.io.busy import BUSY_PERCENT

from .record import setting
from .selection import grouped
from .spread import Row


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal, fastest first."""
    rows = sorted(result["results"], key=lambda row: row.get("seconds", np.inf))
    shown = (_cells(row) for row in rows if row["failed"] is None)
    return rich_table("rollouts", HEADINGS, shown, _notes(result), text=HEADINGS[-1:])


HEADINGS = (
    "solver",
    "s per model time",
    "speed-up",
    "ms per step",
    "rms error of T",
    "of <T>(t)",
    "of profile",
    "of Nu",
    "best classical solver at this error",
)
ERRORS = ("field_error", "mean_temperature_error", "profile_error", "nusselt_error")


def _cells(row: Row) -> list[str]:
    best = row.get("best_classical")
    named = ""
    if best is not None and best["solver"] != row["solver"]:
        named = f"{best['solver']} (this is {best['speedup_over_it']:.2g} times as fast)"
    return [
        row["solver"] + (" *" if row.get("on_front") else ""),
        f"{row['seconds_per_model_time']:.3g}",
        f"{row['speedup']:.3g}",
        f"{1e3 * row['seconds'] / row['steps']:.3g}",
        *(f"{row[name]:.2g}" for name in ERRORS),
        named,
    ]


def _notes(result: Mapping[str, Any]) -> list[str]:
    """Lines under the table."""
    rows, pace = result["results"], result["pace"]
    notes = [
        "marked *: on the Pareto front of seconds and error of T",
        f"errors are those until t = {result['deterministic_until']:.4g}, in which T changes by "
        f"{result['change_of_temperature']:.2g} (rms)",
        f"a direct solve between rollouts took {1e3 * pace['seconds']:.3g} ms "
        f"({1e3 * pace['seconds_min']:.3g} to {1e3 * pace['seconds_max']:.3g})",
    ]
    failed = [(row["solver"], row["failed"]) for row in rows if row["failed"] is not None]
    notes += [f"failed: {line}" for line in grouped(failed)]
    notes += grouped((row["solver"], warning) for row in rows for warning in row["warnings"])
    notes += grouped((row["solver"], note) for row in rows for note in _training_note(row))
    notes += [f"left out: {line}" for line in grouped(result["left_out"].items())]
    disturbed = [row for row in rows if row.get("others_percent", 0.0) > BUSY_PERCENT]
    if disturbed:
        most = max(row["others_percent"] for row in disturbed)
        notes.append(
            f"other work used up to {most:.0f} % of the machine, do not quote the seconds of: "
            f"{', '.join(row['solver'] for row in disturbed)}"
        )
    if result["versions_differ"]:
        notes.append("rollouts were made by different versions of the code")
    return [*notes, setting(result)]


def _training_note(row: Row) -> list[str]:
    training = row.get("training")
    if training is None:
        return []
    if training["seconds"] is None:
        return ["runs until it pays: unknown, its card does not say what data and training took"]
    runs = training["break_even_runs"]
    pays = "never pays here" if runs is None else f"pays after {runs:.3g} such runs"
    return [f"data and training took {training['seconds']:.3g} s, which {pays}"]
