"""The result of `bench stokes`: line by line for a terminal, and as an overview for the pages."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from tellus.io.busy import BUSY_PERCENT

from .lapack_baseline import in_words
from .record import setting
from .scaling import by_solver, cells
from .selection import remarks
from .spread import Row
from .tables import Cell, filled, milliseconds, phases

Result = Mapping[str, Any]


def error_text(row: Row) -> str:
    """The velocity error in percent."""
    error = row["velocity_error"]
    return "-" if error is None else f"{100 * error:.2g} %"


def iterations_text(row: Row) -> str:
    """Mean iterations of a solve; of one that starts from nothing; products with A in each."""
    more = []
    if "cold_iterations" in row:
        more.append(f"cold: {row['cold_iterations']:g}")
    if "products_per_iteration" in row:
        more.append(f"{row['products_per_iteration']:.2g} products each")
    return f"{row['iterations']:.3g}" + (f" ({', '.join(more)})" if more else "")


def memory_text(row: Row) -> str:
    """The memory in MiB."""
    return "-" if row.get("memory_mib") is None else f"{row['memory_mib']:.0f} MiB"


def setup_text(row: Row) -> str:
    """The set-up in milliseconds."""
    return f"{1e3 * row['setup_seconds']:.3g}"


COLUMNS: Mapping[str, Cell] = {
    "grid": "{grid}",
    "solver": "{solver}",
    "solve": milliseconds(),
    "velocity error": error_text,
    "iterations": iterations_text,
    "set-up": setup_text,
    "memory": memory_text,
    "phases": phases("phases"),
}


def table(result: Result) -> Table:
    """A row for each grid and solver."""
    rows = result["results"]
    title = "one Stokes solve, milliseconds"
    return filled(title, COLUMNS, rows, _notes(result), text=("solver", "phases"))


def overview(result: Result) -> Table:
    """A row for each solver: milliseconds on each grid; the rest on the finest that it did.

    Memory only where it was measured, which `--no-memory` leaves out.
    """
    rows = by_solver(result["results"])
    powers = {row["solver"]: f"{row['exponent']:.2f}" for row in result["scaling"]}
    columns: dict[str, Cell] = {
        "solver": "{solver}",
        **{f"ms, {grid}": _on(grid) for grid in _grids(result)},
        "grows as cells to the": lambda row: powers.get(row["solver"], "-"),
        "speed-up over direct": lambda row: f"{row['speedup']:.2g}" if "speedup" in row else "-",
        "velocity error": error_text,
        "iterations": iterations_text,
        "set-up, ms": setup_text,
    }
    if any(row["memory_mib"] is not None for row in result["results"]):
        columns["memory"] = memory_text
    order = dict.fromkeys(row["solver"] for row in result["results"])
    lines = [rows[name][-1] | {"on": {row["grid"]: row for row in rows[name]}} for name in order]
    return filled("one Stokes solve", columns, lines, _notes(result))


def _grids(result: Result) -> list[str]:
    """All grids, the coarsest first."""
    return sorted({row["grid"] for row in result["results"]}, key=cells)


def _on(grid: str) -> Cell:
    """Milliseconds on one grid, of a row that has those on all of them."""
    return lambda row: f"{1e3 * row['on'][grid]['seconds']:.3g}" if grid in row["on"] else "-"


def _notes(result: Result) -> list[str]:
    return [*_verdicts(result), *remarks(result), setting(result)]


def _verdicts(result: Result) -> list[str]:
    """The aims, what disturbed them, and how seconds grow, in sentences."""
    lines = []
    for row in result["aims"]:
        lines.append(
            f"{row['grid']}: assembling the bands takes {100 * row['bands_over_factor']:.1f} % of "
            f"factoring them; the direct solve {row['direct_over_bare']:.2f} times a bare "
            f"dpbtrf + dpbtrs ({in_words(row)})"
        )
        if "best_mumps" in row:
            lines.append(
                f"{row['grid']}: the best MUMPS on u, v and p, {row['best_mumps']}, takes "
                f"{row['mumps_over_direct']:.2f} times as long as the direct solve"
            )
    for grid, busy in result["others_percent"].items():
        if busy > BUSY_PERCENT:
            lines.append(f"{grid}: other work used {busy:.0f} % of the machine: do not quote it")
    exponents = ", ".join(f"{row['solver']} {row['exponent']:.2f}" for row in result["scaling"])
    return lines + ([f"seconds grow with the cells to the power of: {exponents}"] * bool(exponents))
