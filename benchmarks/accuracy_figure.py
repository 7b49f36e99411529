"""The picture of `bench accuracy`: every error over CPU seconds, the fronts, the floors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tellus.coupling.output.style import LINES, styled

from .accuracy_front import HALVED, PERTURBED, SECONDS, Distances, floored
from .pareto_front import pareto_front
from .spread import Row

QUANTITIES = {
    "field_error": "T, while determined",
    "nusselt_top_error": "Nu top, %",
    "nusselt_bottom_error": "Nu bottom, % of top",
    "vrms_error": "Vrms, %",
}
"""What has a row of panels; relative errors are in per cent."""

MARKERS = ("o", "s", "D", "^", "P")
"""By grid, from the coarsest."""

FLOORS = {PERTURBED: ":", HALVED: "--"}
"""Runs of the reference's scheme that a millionth, or half the time step, leads elsewhere."""


def figure(result: Mapping[str, Any]) -> Figure:
    """A panel for each quantity and case, both axes logarithmic.

    A colour is a scheme of transport, a marker a grid, a line the front of a scheme: what no other
    row of it beats in both error and seconds, errors below the floors counting as those.
    """
    rows = [row for row in result["results"] if row["failed"] is None]
    cases = list(dict.fromkeys(row["case"] for row in rows))
    with styled():
        drawing = Figure(figsize=(3.2 * len(cases) + 0.4, 8.6))
        panels = drawing.subplots(len(QUANTITIES), len(cases), squeeze=False, sharex="col")
        for (name, label), line in zip(QUANTITIES.items(), panels, strict=True):
            for case, axis in zip(cases, line, strict=True):
                ours = [row for row in rows if row["case"] == case]
                _panel(axis, name, ours, result["distances"])
            line[0].set_ylabel(f"error of {label}")
        for case, top, bottom in zip(cases, panels[0], panels[-1], strict=True):
            top.set_title(f"case {case}")
            bottom.set_xlabel("CPU seconds per unit of model time")
        _legend(drawing, panels[0, 0], rows)
    return drawing


def _panel(axis: Axes, name: str, rows: Sequence[Row], distances: Distances) -> None:
    axis.set(xscale="log", yscale="log")
    scale = 1.0 if name == "field_error" else 100.0
    grids = _grids(rows)
    for ours, colour in zip(_by_scheme(rows).values(), LINES, strict=False):
        for row in ours:
            axis.plot(
                row[SECONDS],
                scale * row[name],
                MARKERS[grids.index(row["grid"]) % len(MARKERS)],
                ms=5,
                mfc=colour,
                mec="#222222",
                mew=0.4,
                zorder=3,
            )
        points = ((row[SECONDS], row[name]) for row in floored(ours, distances, [name]))
        front = np.array(pareto_front(points)).T
        axis.plot(front[0], scale * front[1], color=colour, lw=1, zorder=2)
    found = distances.get(rows[0]["case"], {}) if rows else {}
    for floor, style in FLOORS.items():
        if floor in found:
            axis.axhline(scale * found[floor][name], color="#777777", lw=1, ls=style)


def _by_scheme(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        label = f"{row['advection']}, {row['velocity']}"
        if row["closure"] != "none":
            label += ", with a closure"
        found.setdefault(label, []).append(row)
    return found


def _grids(rows: Sequence[Row]) -> list[str]:
    return sorted({row["grid"] for row in rows}, key=lambda grid: int(grid.partition("x")[0]))


def _legend(drawing: Figure, axis: Axes, rows: Sequence[Row]) -> None:
    for scheme, colour in zip(_by_scheme(rows), LINES, strict=False):
        axis.plot([], [], color=colour, label=scheme)
    for grid, marker in zip(_grids(rows), MARKERS, strict=False):
        axis.plot([], [], marker, ms=5, mfc="none", mec="#222222", label=grid)
    for floor, style in FLOORS.items():
        axis.plot([], [], color="#777777", lw=1, ls=style, label=f"256x64, {floor}")
    drawing.legend(fontsize=7, loc="outside lower center", ncols=4)
