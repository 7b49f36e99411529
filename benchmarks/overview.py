"""All solvers and all grids of `bench stokes` in one table: a row per solver."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from .record import setting
from .sampling import Row
from .scaling import by_solver, cells
from .selection import remarks
from .stokes import error_text, iterations_text, memory_text, verdicts


def table(result: Mapping[str, Any]) -> Table:
    """Milliseconds on each grid; speed-up, error and memory on the finest that a solver did.

    Memory only where it was measured, which `--no-memory` leaves out.
    """
    grids = sorted({row["grid"] for row in result["results"]}, key=cells)
    measured = any(row["memory_mib"] is not None for row in result["results"])
    powers = {row["solver"]: f"{row['exponent']:.2f}" for row in result["scaling"]}
    view = Table(title="one Stokes solve")
    view.add_column("solver")
    headings = (
        *(f"ms, {grid}" for grid in grids),
        "grows as cells to the",
        "speed-up over direct",
        "velocity error",
        "iterations",
        "set-up, ms",
        *["memory"] * measured,
    )
    for heading in headings:
        view.add_column(heading, justify="right")
    order = list(dict.fromkeys(row["solver"] for row in result["results"]))
    rows = by_solver(result["results"])
    for name in order:
        mine = {row["grid"]: row for row in rows[name]}
        view.add_row(
            name,
            *(f"{1e3 * mine[grid]['seconds']:.3g}" if grid in mine else "-" for grid in grids),
            powers.get(name, "-"),
            *_on_the_finest(rows[name][-1], measured),
        )
    view.caption = "\n".join([*verdicts(result), *remarks(result), setting(result)])
    return view


def _on_the_finest(row: Row, measured: bool) -> list[str]:
    return [
        f"{row['speedup']:.2g}" if "speedup" in row else "-",
        error_text(row),
        iterations_text(row),
        f"{1e3 * row['setup_seconds']:.3g}",
        *[memory_text(row)] * measured,
    ]
