"""The result of a Pareto run: its table; its picture, error over seconds, the front, the floors."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from tellus.config.solver_spec import SolverSpec
from tellus.coupling.output.style import styled
from tellus.io.shown import in_picture

from .fronts import exact
from .labels import label_points
from .selection import grouped
from .spread import Result, Row
from .tables import view

COLOURS = {
    "skip": "#E69F00",
    "coarse": "#56B4E9",
    "reduced": "#0072B2",
    "iterative": "#999999",
    "lagged": "#F0E442",
    "refined": "#CC79A7",
    "surrogate": "#D55E00",
    "anchored": "#009E73",
    "mumps": "#882255",
    "mumps-psi": "#882255",
}
OTHER = "#222222"


def figure(result: Result) -> Figure:
    """Field error over seconds per unit of model time, both logarithmic, every point labelled.

    What is as good as exact stands at the bottom as a triangle: zero has no place on a logarithmic
    axis.
    """
    rows = [row for row in result["results"] if row["failed"] is None]
    solvers = [row for row in rows if "on_front" in row]
    with styled():
        drawing = Figure(figsize=(9.6, 6.4))
        axis = drawing.subplots()
        axis.set(xscale="log", yscale="log")
        _draw_floors(axis, rows)
        bottom = exact(rows, [row["solver"] for row in rows if row not in solvers])
        for row in solvers:
            _draw(axis, row, bottom)
        _draw_front(axis, solvers, bottom)
        axis.set(
            xlabel="seconds per unit of model time",
            ylabel=f"rms error of T until t = {result['deterministic_until']:.4g}",
            title=f"{result['grid']}, t = {result['start']:g} to {result['end']:g}, "
            f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}",
        )
        _legend(drawing, axis, solvers)
        label_points(axis, [(*_place(row, bottom), in_picture(row["solver"])) for row in solvers])
    return drawing


def colour(solver: str) -> str:
    """The colour that all solvers of one kind are drawn in."""
    return COLOURS.get(SolverSpec.parse(solver).kind, OTHER)


def _place(row: Row, bottom: float) -> tuple[float, float]:
    return row["seconds_per_model_time"], max(row["field_error"], bottom)


def _draw(axis: Axes, row: Row, bottom: float) -> None:
    marker, own = "v" if row["as_good_as_exact"] else "o", colour(row["name"])
    axis.plot(*_place(row, bottom), marker, ms=5, mfc=own, mec="#222222", mew=0.4, zorder=3)


def _draw_front(axis: Axes, rows: list[Row], bottom: float) -> None:
    front = sorted(_place(row, bottom) for row in rows if row["on_front"])
    axis.plot(*np.reshape(front, (-1, 2)).T, color="#222222", lw=1, zorder=2)


def _draw_floors(axis: Axes, rows: list[Row]) -> None:
    for row, style in zip((r for r in rows if "on_front" not in r), (":", "-."), strict=False):
        axis.axhline(
            row["field_error"], color="#777777", lw=1, ls=style, label=in_picture(row["solver"])
        )


def _legend(drawing: Figure, axis: Axes, rows: list[Row]) -> None:
    for kind in dict.fromkeys(SolverSpec.parse(row["name"]).kind for row in rows):
        axis.plot([], [], "o", ms=5, mfc=colour(kind), mec="#222222", label=kind)
    axis.plot([], [], "v", ms=5, mfc="none", mec="#222222", label="as good as exact")
    axis.plot([], [], color="#222222", lw=1, label="Pareto front")
    drawing.legend(fontsize=7, loc="outside lower center", ncols=4)


def table(result: Result) -> Table:
    """The result for a terminal, fastest first."""
    return view("pareto", result, said=_said(result))


def _said(result: Result) -> list[str]:
    """Notes on solvers: what failed, what they warned of, what training took, what was left out."""
    rows = result["results"]
    failed = [(row["solver"], row["failed"]) for row in rows if row["failed"] is not None]
    warned = [(row["solver"], warning) for row in rows for warning in row["warnings"]]
    trained = [(row["solver"], note) for row in rows for note in _training_note(row)]
    return [
        *(f"failed: {line}" for line in grouped(failed)),
        *grouped(warned),
        *grouped(trained),
        *(f"left out: {line}" for line in grouped(result["left_out"].items())),
    ]


def _training_note(row: Row) -> list[str]:
    training = row.get("training")
    if training is None:
        return []
    if training["seconds"] is None:
        return ["runs until it pays: unknown, its card does not say what data and training took"]
    runs = training["break_even_runs"]
    pays = "never pays here" if runs is None else f"pays after {runs:.3g} such runs"
    return [f"data and training took {training['seconds']:.3g} s, which {pays}"]
