"""How do the seconds of a solve grow with the grid? Exponents, and a picture of all solvers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tellus.coupling.output.picture_file import save_picture
from tellus.coupling.output.style import styled

from .labels import label_points
from .spread import Row

MARKERS = "osD^v<>Ph*X"


def cells(grid: str) -> int:
    """Number of cells of a grid as results name it.

    >>> cells("256x64")
    16384
    """
    nx, ny = grid.split("x")
    return int(nx) * int(ny)


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


def save_figure(result: Mapping[str, Any], beside: Path) -> Path:
    """Draw the result into a PNG file beside its JSON."""
    path = beside.with_suffix(".png")
    save_picture(figure(result), path)
    return path


def figure(result: Mapping[str, Any]) -> Figure:
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
    for k, (name, mine) in enumerate(by_solver(rows).items()):
        sizes = [cells(row["grid"]) for row in mine]
        seconds = [row["seconds"] for row in mine]
        style = {"marker": MARKERS[k % len(MARKERS)], "color": mpl.colormaps["tab20"](k % 20)}
        axis.loglog(sizes, seconds, label=name, lw=1.2, ms=4, **style)
    axis.set(xlabel="cells", ylabel="seconds per Stokes solve")
    axis.legend(fontsize=6, ncols=2)


def _draw_tradeoff(axis: Axes, rows: Sequence[Row], grid: str) -> None:
    drawn = [row for row in rows if row["velocity_error"]]
    axis.set(xscale="log", yscale="log", title=f"{grid} cells")
    axis.set(xlabel="seconds per Stokes solve", ylabel="velocity error (median)")
    for row in drawn:
        axis.plot(row["seconds"], row["velocity_error"], "o", ms=4, color="#0072B2")
    for row in rows:
        if row["solver"] == "direct":
            axis.axvline(row["seconds"], color="#222222", lw=1, ls="--", label="direct")
            axis.legend(fontsize=7)
    label_points(axis, [(r["seconds"], r["velocity_error"], r["solver"]) for r in drawn])
