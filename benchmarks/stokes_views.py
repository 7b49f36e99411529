"""The result of `bench stokes`: tables for a terminal and for the pages, exponents, a picture."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from tellus.coupling.output.style import styled
from tellus.io.busy import BUSY_PERCENT

from .labels import label_points
from .pareto_figure import COLOURS, OTHER
from .record import setting
from .selection import remarks
from .spread import Row
from .tables import Cell, filled, milliseconds, phases

Result = Mapping[str, Any]

MARKERS = "osD^v<>Ph*X"


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
    grids = sorted({row["grid"] for row in result["results"]}, key=cells)
    powers = {row["solver"]: f"{row['exponent']:.2f}" for row in result["scaling"]}
    columns: dict[str, Cell] = {
        "solver": "{solver}",
        **{f"ms, {grid}": _on(grid) for grid in grids},
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
            f"dpbtrf + dpbtrs ({_bare(row)})"
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


def _bare(aims: Row) -> str:
    """The seconds of dpbtrf + dpbtrs by number of threads."""
    return ", ".join(
        f"{1e3 * (bare['factor']['seconds'] + bare['solve']['seconds']):.3g} ms on "
        f"{bare['threads']} thread{'s' if bare['threads'] > 1 else ''}"
        for bare in aims["bare"]
    )


def cells(grid: str) -> int:
    """Number of cells of a grid as results name it.

    >>> cells("256x64")
    16384
    """
    return prod(map(int, grid.split("x")))


def exponents(rows: Sequence[Row]) -> list[Row]:
    """Least-squares slope of log seconds over log cells, of each solver on two or more grids."""
    found = []
    for name, mine in by_solver(rows).items():
        sizes = [cells(row["grid"]) for row in mine]
        if len(set(sizes)) < 2:
            continue
        slope = np.polyfit(np.log(sizes), np.log([row["seconds"] for row in mine]), 1)[0]
        grids = [row["grid"] for row in mine]
        found.append({"solver": name, "exponent": float(slope), "grids": grids})
    return found


def by_solver(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by the name of the solver, coarsest grid first."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: cells(row["grid"])):
        found.setdefault(row["solver"], []).append(row)
    return found


ROOM = 6.0
"""How far beyond the largest grid the axis goes on."""


def figure(result: Result) -> Figure:
    """Seconds over cells, and, on the finest grid, velocity error over seconds."""
    with styled():
        drawing = Figure(figsize=(12.6, 5.6))
        growth, tradeoff = drawing.subplots(1, 2)
        _draw_growth(growth, result["results"])
        finest = max((row["grid"] for row in result["results"]), key=cells, default="")
        rows = [row for row in result["results"] if row["grid"] == finest]
        _draw_tradeoff(tradeoff, rows, finest)
    return drawing


def _draw_growth(axis: Axes, rows: Sequence[Row]) -> None:
    axis.set(xscale="log", yscale="log", xlabel="cells", ylabel="seconds per Stokes solve")
    ends = []
    for k, (name, mine) in enumerate(by_solver(rows).items()):
        sizes = [cells(row["grid"]) for row in mine]
        seconds = [row["seconds"] for row in mine]
        marker = MARKERS[k % len(MARKERS)]
        axis.plot(sizes, seconds, marker=marker, color=_colour(name), lw=1.2, ms=4)
        ends.append((sizes[-1], seconds[-1], name))
    # Room for the names.
    axis.set_xlim(right=ROOM * max((size for size, _, _ in ends), default=1.0))
    label_points(axis, sorted(ends, key=lambda end: end[1]), 6.0)


def _colour(solver: str) -> str:
    return COLOURS.get(solver.partition(":")[0], OTHER)


def _draw_tradeoff(axis: Axes, rows: Sequence[Row], grid: str) -> None:
    drawn = [row for row in rows if row["velocity_error"]]
    axis.set(xscale="log", yscale="log", title=f"{grid} cells")
    axis.set(xlabel="seconds per Stokes solve", ylabel="velocity error (median)")
    for row in drawn:
        axis.plot(row["seconds"], row["velocity_error"], "o", ms=4, color=_colour(row["solver"]))
    for row in rows:
        if row["solver"] == "direct":
            axis.axvline(row["seconds"], color="#222222", lw=1, ls="--", label="direct")
            axis.legend(fontsize=7)
    label_points(axis, [(r["seconds"], r["velocity_error"], r["solver"]) for r in drawn])
