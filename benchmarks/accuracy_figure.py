"""The picture of `bench accuracy`: every error over CPU seconds, the fronts, the floors."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tellus.config.solver_spec import SolverSpec
from tellus.coupling.output.style import LINES, styled

from .fronts import HALVED, PERTURBED, SECONDS, CaseDistances, floored, pareto_front
from .labels import label_points, laid_out
from .spread import Result, Row

QUANTITIES = {
    "field_error": "T, while determined",
    "nusselt_top_error": "Nu top, %",
    "nusselt_bottom_error": "Nu bottom, % of top",
    "vrms_error": "Vrms, %",
}
"""What has a row of panels; relative errors are in per cent."""

MARKERS = ("o", "s", "D", "^", "P")
"""Markers of the grids, from the coarsest."""

FLOORS = {PERTURBED: ":", HALVED: "--"}
"""Runs of the reference's scheme that a millionth, or half the time step, leads elsewhere."""


def figure(result: Result) -> Figure:
    """A panel for each quantity and case, both axes logarithmic.

    A colour is a scheme of transport, a marker a grid, a line the front of a scheme: what no other
    row of it beats in both error and seconds, errors below the floors counting as those. Beside
    what is on a front stand its solver and Courant number.
    """
    rows = [row for row in result["results"] if row["failed"] is None]
    cases = list(dict.fromkeys(row["case"] for row in rows))
    with styled():
        drawing = Figure(figsize=(3.4 * len(cases) + 0.4, 9.4))
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
        renderer = laid_out(drawing)
        for name, line in zip(QUANTITIES, panels, strict=True):
            for case, axis in zip(cases, line, strict=True):
                ours = [row for row in rows if row["case"] == case]
                label_points(axis, _labels(name, ours, result["distances"]), 5.5, renderer)
    return drawing


def _panel(axis: Axes, name: str, rows: Sequence[Row], distances: CaseDistances) -> None:
    axis.set(xscale="log", yscale="log")
    axis.tick_params(which="both", labelsize=7)
    scale = _scale(name)
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
        front = np.array(_front(ours, distances, name)).T
        axis.plot(front[0], scale * front[1], color=colour, lw=1, zorder=2)
    found = distances.get(rows[0]["case"], {}) if rows else {}
    for floor, style in FLOORS.items():
        if floor in found:
            axis.axhline(scale * found[floor][name], color="#777777", lw=1, ls=style)


def _labels(
    name: str, rows: Sequence[Row], distances: CaseDistances
) -> list[tuple[float, float, str]]:
    """Every point of a panel, with a text where its scheme's front passes through it."""
    scale, points = _scale(name), []
    for ours in _by_scheme(rows).values():
        front = _front(ours, distances, name)
        for row in ours:
            point = row[SECONDS], row[name]
            text = _short(row) if point in front else ""
            points.append((point[0], scale * point[1], text))
    return points


def _short(row: Row) -> str:
    """Solver and Courant number, such as ric4 1.25."""
    spec = SolverSpec.parse(row["solver"])
    numbers = [argument for argument in spec.arguments[:1] if argument.isdigit()]
    return f"{spec.kind[:3]}{''.join(numbers)} {row['courant']:g}"


def _front(rows: Sequence[Row], distances: CaseDistances, name: str) -> list[tuple[float, float]]:
    return pareto_front((row[SECONDS], row[name]) for row in floored(rows, distances, [name]))


def _scale(name: str) -> float:
    return 1.0 if name == "field_error" else 100.0


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
    axis.plot([], [], " ", label="ric4 1.25: richardson:4, Courant number 1.25; on the fronts")
    drawing.legend(fontsize=7, loc="outside lower center", ncols=4)
