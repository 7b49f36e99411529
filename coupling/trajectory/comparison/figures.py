"""The figures of a comparison, one function each.

Every function takes the recorded runs, the reference first, and the dictionary
that `compare` made of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tellus.coupling.output.style import (
    Curve,
    draw_map,
    draw_profiles,
    draw_series,
    legend_below,
    line,
    over_time,
    styled,
    temperature_scale,
)
from tellus.coupling.runs.recorded import RecordedRun
from tellus.coupling.trajectory.comparison.pair import RunPair, mean_profile
from tellus.io.shown import in_picture
from tellus.solver.grid import Array

Runs = Sequence[RecordedRun]
Result = Mapping[str, Any]
MapRows = Mapping[int, Sequence[Array | None]]

GREYS = {"energy": "#777777", "output": "#aaaaaa", "rest": "#d5d5d5"}

HISTORY = {
    "mean_temperature": "mean temperature",
    "nusselt_top": "Nusselt number, top",
    "nusselt_bottom": "Nusselt number, bottom",
}
DRIFT = {
    "velocity_error": "relative velocity difference",
    "temperature_field_mae": "mean absolute temperature difference",
}
SPEEDUPS = {"speedup": ("per step", "#0072B2"), "speedup_end_to_end": ("end to end", "#9BBFDB")}


def figures(result: Result, runs: Runs) -> dict[str, list[Figure]]:
    """Every figure of the report, by name."""
    with styled():
        return {
            "temperature": list(temperature_maps(result, runs)),
            "difference": list(difference_maps(result, runs)),
            "history": [history(result, runs)],
            "profiles": [profiles(result, runs)],
            "drift": [drift(result)] if len(runs) > 1 else [],
            "cost": [cost(result)],
        }


def history(result: Result, runs: Runs) -> Figure:
    """Mean temperature and both Nusselt numbers over model time."""
    figure = Figure(figsize=(12.6, 3.2))
    for axis, (column, name) in zip(figure.subplots(1, 3), HISTORY.items(), strict=True):
        draw_series(axis, _series(result, runs, column), name)
    legend_below(figure)
    return figure


def _series(result: Result, runs: Runs, column: str) -> list[Curve]:
    named = enumerate(zip(labels_of(result), runs, strict=True))
    return [Curve(k, label, run.series["time"], run.series[column]) for k, (label, run) in named]


def profiles(result: Result, runs: Runs) -> Figure:
    """Horizontal means of temperature: at the last common output and averaged over time."""
    figure = Figure(figsize=(8.4, 3.8))
    final, average = figure.subplots(1, 2, sharey=True)
    both: tuple[list[Curve], list[Curve]] = ([], [])
    for k, (label, run) in enumerate(zip(labels_of(result), runs, strict=True)):
        start, end = RunPair(runs[0], run).last_third
        for curves, since in zip(both, (end, start), strict=True):
            curves.append(Curve(k, label, mean_profile(run, since, end), run.grid.y_cells))
    draw_profiles(final, both[0], "at the end")
    draw_profiles(average, both[1], "averaged over the last third")
    average.set(ylabel="")
    legend_below(figure)
    return figure


def drift(result: Result) -> Figure:
    """Distance from the reference at equal times: velocity and temperature."""
    figure = Figure(figsize=(8.4, 3.2))
    labels = labels_of(result)
    for axis, (key, name) in zip(figure.subplots(1, 2), DRIFT.items(), strict=True):
        for k, run in enumerate(result["runs"][1:], start=1):
            points = zip(run["equal_times"]["time"], run["equal_times"][key], strict=True)
            # A logarithmic axis has no place for the shared start, where the difference is zero.
            shown = [(t, value) for t, value in points if value]
            if shown:
                axis.plot(*zip(*shown, strict=True), marker=".", label=labels[k], **line(k))
                axis.set_yscale("log")
        axis.set(title=name)
        over_time(axis)
    legend_below(figure)
    return figure


def picture(result: Result, runs: Runs) -> Figure:
    """One image of a comparison: the fields of the reference and the last run, and <T>(t)."""
    aspect, labels = runs[0].grid.aspect, labels_of(result)
    i, j = RunPair(runs[0], runs[-1]).equal_outputs[-1]
    shown = [runs[0].snapshot("temperature", i), runs[-1].snapshot("temperature", j)]
    scale = temperature_scale(shown[1:], shown[:1])
    with styled():
        figure = Figure(figsize=(11.0, 3.5))
        axes = figure.subplot_mosaic(
            [["above", "series"], ["below", "series"]], width_ratios=[3, 2]
        )
        maps = [axes["above"], axes["below"]]
        for axis, values, label in zip(maps, shown, (labels[0], labels[-1]), strict=True):
            drawn = draw_map(axis, values, aspect, scale)
            axis.set_title(f"{label}, t = {runs[0].output_times[i]:.4g}")
        figure.colorbar(drawn, ax=maps, label="temperature", extend="min", aspect=30)
        means = _series(result, runs, "mean_temperature")
        draw_series(axes["series"], means, "mean temperature")
        axes["series"].legend()
    return figure


def cost(result: Result) -> Figure:
    """Wall time per step by phase, and speed-up per step and end to end."""
    entries = result["runs"]
    figure = Figure(figsize=(12.6, 1.9 + 0.5 * len(entries)))
    bars, gains = figure.subplots(1, 2, width_ratios=[3, 2])
    _draw_phases(bars, entries)
    _draw_speedups(gains, entries)
    for axis, margin, columns in ((bars, 0.1, 5), (gains, 0.12, 2)):
        axis.set(yticks=np.arange(len(entries)), yticklabels=labels_of(result))
        axis.invert_yaxis()
        axis.margins(x=margin)
        axis.grid(False, axis="y")
        axis.legend(ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    return figure


def _draw_phases(axis: Axes, entries: Sequence[Result]) -> None:
    places = np.arange(len(entries))
    left = np.zeros(len(entries))
    for phase, colour in _phase_colours(entries).items():
        seconds = [run["seconds_by_phase"].get(phase, 0.0) for run in entries]
        width = 1e3 * np.array(seconds) / [max(run["priced_steps"], 1) for run in entries]
        axis.barh(places, width, left=left, height=0.6, color=colour, label=phase)
        left += width
    for place, total in enumerate(left.tolist()):
        axis.text(total, place, f" {total:.3g}", va="center")
    axis.set(title="wall time per step by phase (ms)")


def _phase_colours(entries: Sequence[Result]) -> dict[str, Any]:
    """The phases of the Stokes solvers in colours, then what all runs share in greys."""
    found = dict.fromkeys(name for run in entries for name in run["seconds_by_phase"])
    stokes = [name for name in found if name not in GREYS]
    colours = cm.batlow(np.linspace(0.05, 0.9, len(stokes)))
    greys = {name: grey for name, grey in GREYS.items() if name in found}
    return dict(zip(stokes, colours, strict=True)) | greys


def _draw_speedups(axis: Axes, entries: Sequence[Result]) -> None:
    places = np.arange(len(entries))
    for offset, (key, (name, colour)) in zip((-0.2, 0.2), SPEEDUPS.items(), strict=True):
        values = [run[key] or 0.0 for run in entries]
        container = axis.barh(places + offset, values, height=0.38, color=colour, label=name)
        axis.bar_label(container, [f" {value:.3g}" if value else "" for value in values])
    axis.axvline(1.0, color="#222222", linewidth=0.8)
    axis.set(title="speed-up over the reference")


RUNS_ABREAST = 3
MAP_ROWS = 4


def temperature_maps(result: Result, runs: Runs) -> Iterator[Figure]:
    """Temperature of the runs side by side, one row per time.

    The coldest part, the lid, shares one colour: the convecting interior gets the others.
    """
    pairs = [RunPair(runs[0], run) for run in runs]
    rows = _map_rows(pairs, lambda pair, i, j: pair.run.snapshot("temperature", j))
    if rows:
        scale = temperature_scale(_drawn(rows), _drawn({i: row[:1] for i, row in rows.items()}))
        yield from _maps(labels_of(result), runs[0], rows, scale, "temperature")


def difference_maps(result: Result, runs: Runs) -> Iterator[Figure]:
    """Temperature minus that of the reference, at the same times."""
    reference, *others = labels_of(result)
    pairs = [RunPair(runs[0], run) for run in runs[1:]]
    rows = _map_rows(pairs, RunPair.temperature_difference)
    largest = max([1e-12, *(float(np.abs(values).max()) for values in _drawn(rows))])
    scale, name = Normalize(-largest, largest), f"temperature minus that of {reference}"
    yield from _maps(others, runs[0], rows, scale, name)


def labels_of(result: Result) -> list[str]:
    """Names of the runs for a picture, the reference first."""
    return [in_picture(run["label"]) for run in result["runs"]]


def _map_rows(pairs: Sequence[RunPair], field: Callable[[RunPair, int, int], Array]) -> MapRows:
    """By outputs of the reference, evenly spaced of those at which another run wrote one too.

    Of every run a field at that time, None where it has no output.
    """
    outputs = [dict(pair.equal_outputs) for pair in pairs]
    others = [pair for pair in pairs if pair.run is not pair.reference] or pairs
    shared = sorted({i for pair in others for i, _ in pair.equal_outputs})
    places = np.linspace(0, len(shared) - 1, MAP_ROWS + 1)[1:].round().astype(int)
    return {
        shared[k]: [
            field(pair, shared[k], theirs[shared[k]]) if shared[k] in theirs else None
            for pair, theirs in zip(pairs, outputs, strict=True)
        ]
        for k in (dict.fromkeys(places.tolist()) if shared else ())
    }


def _maps(
    labels: Sequence[str], reference: RecordedRun, rows: MapRows, scale: Normalize, name: str
) -> Iterator[Figure]:
    """Panels by time (rows) and run (columns), a few runs to a figure."""
    times, aspect = reference.output_times[list(rows)], reference.grid.aspect
    for first in range(0, len(labels) if rows else 0, RUNS_ABREAST):
        shown = range(first, min(first + RUNS_ABREAST, len(labels)))
        width = min(4.2, 2.6 * aspect)
        size = (width * len(shown) + 1.0, len(times) * (width / aspect + 0.2) + 0.3)
        figure = Figure(figsize=size)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03, hspace=0.0, wspace=0.0)
        grid = figure.subplots(len(times), len(shown), squeeze=False)
        for axes, time, values in zip(grid, times, rows.values(), strict=True):
            drawn = [
                draw_map(a, values[k], aspect, scale) for k, a in zip(shown, axes, strict=True)
            ]
            axes[0].set_ylabel(f"t = {time:.4g}")
        for axis, k in zip(grid[0], shown, strict=True):
            axis.set_title(labels[k], fontweight="bold")
        cut = "neither" if name != "temperature" else "min"
        figure.colorbar(drawn[0], ax=grid, label=name, fraction=0.04, aspect=30, extend=cut)
        yield figure


def _drawn(rows: MapRows) -> list[Array]:
    """The fields that are there."""
    return [values for row in rows.values() for values in row if values is not None]
