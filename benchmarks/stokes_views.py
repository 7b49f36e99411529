"""The result of `bench stokes`: tables for a terminal and for the pages, exponents, a picture."""

from collections.abc import Sequence
from math import prod

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from tellus.coupling.output.style import styled

from .labels import label_points
from .pareto_views import colour
from .spread import Result, Row
from .tables import view

MARKERS = "osD^v<>Ph*X"


def overview(result: Result) -> Table:
    """A row for each solver: milliseconds on each grid; the rest on the finest that it did."""
    grids = sorted({row["grid"] for row in result["results"]}, key=cells)
    rows = by_solver(result["results"])
    order = dict.fromkeys(row["solver"] for row in result["results"])
    return view("stokes_overview", result, grids=grids, solvers=[rows[name] for name in order])


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
        axis.plot(sizes, seconds, marker=marker, color=colour(name), lw=1.2, ms=4)
        ends.append((sizes[-1], seconds[-1], name))
    # Room for the names.
    axis.set_xlim(right=ROOM * max((size for size, _, _ in ends), default=1.0))
    label_points(axis, sorted(ends, key=lambda end: end[1]), 6.0)


def _draw_tradeoff(axis: Axes, rows: Sequence[Row], grid: str) -> None:
    drawn = [row for row in rows if row["velocity_error"]]
    axis.set(xscale="log", yscale="log", title=f"{grid} cells")
    axis.set(xlabel="seconds per Stokes solve", ylabel="velocity error (median)")
    for row in drawn:
        axis.plot(row["seconds"], row["velocity_error"], "o", ms=4, color=colour(row["solver"]))
    for row in rows:
        if row["solver"] == "direct":
            axis.axvline(row["seconds"], color="#222222", lw=1, ls="--", label="direct")
            axis.legend(fontsize=7)
    label_points(axis, [(r["seconds"], r["velocity_error"], r["solver"]) for r in drawn])
