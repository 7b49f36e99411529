"""The result of a Pareto run for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from tellus.io.busy import BUSY_PERCENT

from .record import setting
from .selection import grouped
from .spread import Row
from .tables import Cell, filled


def _best_classical(row: Row) -> str:
    best = row.get("best_classical")
    if best is None or best["solver"] == row["solver"]:
        return ""
    return f"{best['solver']} (this is {best['speedup_over_it']:.2g} times as fast)"


BEST = "best classical solver at this error"
COLUMNS: dict[str, Cell] = {
    "solver": lambda row: row["solver"] + (" *" if row.get("on_front") else ""),
    "s per model time": "{seconds_per_model_time:.3g}",
    "speed-up": "{speedup:.3g}",
    "ms per step": lambda row: f"{1e3 * row['seconds'] / row['steps']:.3g}",
    "rms error of T": "{field_error:.2g}",
    "of <T>(t)": "{mean_temperature_error:.2g}",
    "of profile": "{profile_error:.2g}",
    "of Nu": "{nusselt_error:.2g}",
    BEST: _best_classical,
}


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal, fastest first."""
    done = [row for row in result["results"] if row["failed"] is None]
    done.sort(key=lambda row: float(row["seconds"]))
    return filled("rollouts", COLUMNS, done, _notes(result), text=[BEST])


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
