"""The figures of a comparison, one function each; colour maps are Crameri's (2018).

Every function takes the recorded runs, the reference first, and the dictionary
that `tellus.coupling.comparison.compare.compare` made of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tellus.coupling.recorded import RecordedRun
from tellus.solver.grid import Array

from .pair import Pair, mean_profile

Runs = Sequence[RecordedRun]
Result = Mapping[str, Any]
Panels = Sequence[Sequence[Array | None]]

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
# Black for the reference, then Okabe and Ito's colours, told apart by the colour-blind.
LINES = ("#222222", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREYS = {"energy": "#777777", "output": "#aaaaaa", "rest": "#d5d5d5"}
RUNS_ABREAST = 3
MAP_ROWS = 4
LID = 15  # per cent of the cells, the coldest, that share the lowest colour


def figures(result: Result, runs: Runs) -> dict[str, list[Figure]]:
    """Every figure of the report, by name."""
    with mpl.rc_context(STYLE):
        return {
            "temperature": list(temperature_maps(result, runs)),
            "difference": list(difference_maps(result, runs)),
            "history": [history(result, runs)],
            "profiles": [profiles(result, runs)],
            "drift": [drift(result)] if len(runs) > 1 else [],
            "cost": [cost(result)],
        }


def temperature_maps(result: Result, runs: Runs) -> Iterator[Figure]:
    """Temperature of the runs side by side, one row per time.

    The coldest part, the lid, shares one colour: the convecting interior gets the others.
    """
    pairs = [Pair(runs[0], run) for run in runs]
    chosen = _chosen_outputs(pairs)
    panels = [[_temperature(pair, i) for pair in pairs] for i in chosen]
    times, scale = runs[0].output_times[chosen], _interior_scale(panels)
    yield from _maps(_labels(result), times, panels, runs[0].grid.aspect, scale, "temperature")


def difference_maps(result: Result, runs: Runs) -> Iterator[Figure]:
    """Temperature minus that of the reference, at the same times."""
    reference, *others = _labels(result)
    pairs = [Pair(runs[0], run) for run in runs[1:]]
    chosen = _chosen_outputs(pairs)
    panels = [[_difference(pair, i) for pair in pairs] for i in chosen]
    largest = max(_largest(panels), 1e-12)
    times, name = runs[0].output_times[chosen], f"temperature minus that of {reference}"
    scale = Normalize(-largest, largest)
    yield from _maps(others, times, panels, runs[0].grid.aspect, scale, name)


def draw_map(axis: Axes, values: Array | None, aspect: float, scale: Normalize) -> ScalarMappable:
    """One field of the box, bottom row down; None leaves an empty, labelled frame.

    A scale that reaches below zero is drawn with the diverging map.
    """
    colours = cm.vik if scale.vmin is not None and scale.vmin < 0 else cm.lajolla
    axis.set(xticks=[], yticks=[], xlim=(0, aspect), ylim=(0, 1), aspect="equal")
    axis.grid(False)
    axis.spines[:].set_visible(False)
    if values is None:
        axis.text(aspect / 2, 0.5, "no output", ha="center", va="center", color="#888888")
    else:
        axis.imshow(values, origin="lower", extent=(0, aspect, 0, 1), norm=scale, cmap=colours)
    return ScalarMappable(scale, colours)


def history(result: Result, runs: Runs) -> Figure:
    """Mean temperature and both Nusselt numbers over model time."""
    figure = Figure(figsize=(12.6, 3.2))
    names = {
        "mean_temperature": "mean temperature",
        "nusselt_top": "Nusselt number, top",
        "nusselt_bottom": "Nusselt number, bottom",
    }
    for axis, (column, name) in zip(figure.subplots(1, 3), names.items(), strict=True):
        draw_series(axis, result, runs, column)
        axis.set(title=name)
    _legend_below(figure, len(runs))
    return figure


def draw_series(axis: Axes, result: Result, runs: Runs, column: str) -> None:
    """One column of the time series, a line per run; first spikes may leave the frame."""
    for k, (run, label) in enumerate(zip(runs, _labels(result), strict=True)):
        axis.plot(run.series["time"], run.series[column], label=label, **_line(k))
    axis.set(xlabel="model time")
    leave_out_spikes(axis, np.concatenate([run.series[column] for run in runs]))
    axis.ticklabel_format(style="sci", axis="x", scilimits=(-2, 4))


def leave_out_spikes(axis: Axes, values: Array) -> None:
    """Limits of the vertical axis that the few largest and smallest values may leave."""
    low, high = np.nanpercentile(values, [0.5, 99.5])
    margin = 0.08 * max(high - low, 1e-6 * max(abs(high), 1e-300))
    axis.set(ylim=(low - margin, high + margin))


def profiles(result: Result, runs: Runs) -> Figure:
    """Horizontal means of temperature: at the last common output and averaged over time."""
    figure = Figure(figsize=(8.4, 3.8))
    final, average = figure.subplots(1, 2, sharey=True)
    for k, run in enumerate(runs):
        start, end = Pair(runs[0], run).second_half
        label = result["runs"][k]["label"]
        final.plot(mean_profile(run, end, end), run.grid.y_cells, label=label, **_line(k))
        average.plot(mean_profile(run, start, end), run.grid.y_cells, **_line(k))
    final.set(title="at the end", xlabel="temperature", ylabel="height", ylim=(0, 1))
    average.set(title="averaged over the second half", xlabel="temperature")
    _legend_below(figure, len(runs))
    return figure


def drift(result: Result) -> Figure:
    """Distance from the reference at equal times: velocity and temperature."""
    figure = Figure(figsize=(8.4, 3.2))
    names = {
        "velocity_error": "relative velocity difference",
        "temperature_field_mae": "mean absolute temperature difference",
    }
    for axis, (key, name) in zip(figure.subplots(1, 2), names.items(), strict=True):
        for k, run in enumerate(result["runs"][1:], start=1):
            points = zip(run["equal_times"]["time"], run["equal_times"][key], strict=True)
            # A logarithmic axis has no place for the shared start, where the difference is zero.
            shown = [(t, value) for t, value in points if value]
            if shown:
                axis.plot(*zip(*shown, strict=True), marker=".", label=run["label"], **_line(k))
                axis.set_yscale("log")
        axis.set(title=name, xlabel="model time")
        axis.ticklabel_format(style="sci", axis="x", scilimits=(-2, 4))
    _legend_below(figure, len(result["runs"]) - 1)
    return figure


def picture(result: Result, runs: Runs) -> Figure:
    """One image of a comparison: the fields of the reference and the last run, and <T>(t)."""
    pair, aspect = Pair(runs[0], runs[-1]), runs[0].grid.aspect
    i, j = pair.equal_outputs[-1]
    shown = [runs[0].snapshot("temperature", i), runs[-1].snapshot("temperature", j)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 3.5))
        axes = figure.subplot_mosaic(
            [["above", "series"], ["below", "series"]], width_ratios=[3, 2]
        )
        for name, values, run in zip(("above", "below"), shown, (0, -1), strict=True):
            drawn = draw_map(axes[name], values, aspect, _interior_scale([shown]))
            axes[name].set_title(
                f"{result['runs'][run]['label']}, t = {runs[0].output_times[i]:.4g}"
            )
        maps = [axes["above"], axes["below"]]
        figure.colorbar(drawn, ax=maps, label="temperature", extend="min", aspect=30)
        draw_series(axes["series"], result, runs, "mean_temperature")
        axes["series"].set(title="mean temperature")
        axes["series"].legend()
    return figure


def cost(result: Result) -> Figure:
    """Wall time per step by phase, and speed-up per step and end to end."""
    entries = result["runs"]
    figure = Figure(figsize=(12.6, 1.9 + 0.5 * len(entries)))
    bars, gains = figure.subplots(1, 2, width_ratios=[3, 2])
    _draw_phases(bars, entries)
    _draw_speedups(gains, entries)
    return figure


def _draw_phases(axis: Axes, entries: Sequence[Result]) -> None:
    places = np.arange(len(entries))
    left = np.zeros(len(entries))
    for phase, colour in _phase_colours(entries).items():
        seconds = [run["seconds_by_phase"].get(phase, 0.0) for run in entries]
        width = 1e3 * np.array(seconds) / [max(run["steps"], 1) for run in entries]
        axis.barh(places, width, left=left, height=0.6, color=colour, label=phase)
        left += width
    for place, total in enumerate(left.tolist()):
        axis.text(total, place, f" {total:.3g}", va="center")
    axis.set(title="wall time per step by phase (ms)", yticks=places)
    axis.set_yticklabels([run["label"] for run in entries])
    axis.invert_yaxis()
    axis.margins(x=0.1)
    axis.grid(False, axis="y")
    axis.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.15))


def _phase_colours(entries: Sequence[Result]) -> dict[str, Any]:
    """The phases of the Stokes solvers in colours, then what all runs share in greys."""
    found = dict.fromkeys(name for run in entries for name in run["seconds_by_phase"])
    stokes = [name for name in found if name not in GREYS]
    colours = cm.batlow(np.linspace(0.05, 0.9, len(stokes)))
    greys = {name: grey for name, grey in GREYS.items() if name in found}
    return dict(zip(stokes, colours, strict=True)) | greys


def _draw_speedups(axis: Axes, entries: Sequence[Result]) -> None:
    places = np.arange(len(entries))
    names = {"speedup": ("per step", "#0072B2"), "speedup_end_to_end": ("end to end", "#9BBFDB")}
    for offset, (key, (name, colour)) in zip((-0.2, 0.2), names.items(), strict=True):
        values = [run[key] or 0.0 for run in entries]
        container = axis.barh(places + offset, values, height=0.38, color=colour, label=name)
        axis.bar_label(container, [f" {value:.3g}" for value in values])
    axis.axvline(1.0, color="#222222", linewidth=0.8)
    axis.set(title="speed-up over the reference", yticks=places)
    axis.set_yticklabels([run["label"] for run in entries])
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.grid(False, axis="y")
    axis.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.15))


def _maps(
    labels: Sequence[str],
    times: Array,
    panels: Panels,
    aspect: float,
    scale: Normalize,
    name: str,
) -> Iterator[Figure]:
    """Panels by time (rows) and run (columns), a few runs to a figure."""
    if not panels:
        return
    for first in range(0, len(labels), RUNS_ABREAST):
        shown = range(first, min(first + RUNS_ABREAST, len(labels)))
        width = min(4.2, 2.6 * aspect)
        size = (width * len(shown) + 1.0, len(times) * (width / aspect + 0.2) + 0.3)
        figure = Figure(figsize=size)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03, hspace=0.0, wspace=0.0)
        grid = figure.subplots(len(times), len(shown), squeeze=False)
        for axes, time, values in zip(grid, times, panels, strict=True):
            drawn = [
                draw_map(a, values[k], aspect, scale) for k, a in zip(shown, axes, strict=True)
            ]
            axes[0].set_ylabel(f"t = {time:.4g}")
        for axis, k in zip(grid[0], shown, strict=True):
            axis.set_title(labels[k], fontweight="bold")
        cut = "neither" if name != "temperature" else "min"
        figure.colorbar(drawn[0], ax=grid, label=name, fraction=0.04, aspect=30, extend=cut)
        yield figure


def _chosen_outputs(pairs: Sequence[Pair]) -> list[int]:
    """Reference outputs, evenly spaced, at which at least one other run wrote one too."""
    others = [pair for pair in pairs if pair.run is not pair.reference] or pairs
    shared = sorted({i for pair in others for i, _ in pair.equal_outputs})
    if not shared:
        return []
    places = np.linspace(0, len(shared) - 1, MAP_ROWS + 1)[1:].round().astype(int)
    return [shared[k] for k in dict.fromkeys(places.tolist())]


def _temperature(pair: Pair, i: int) -> Array | None:
    partner = dict(pair.equal_outputs).get(i)
    return None if partner is None else pair.run.snapshot("temperature", partner)


def _difference(pair: Pair, i: int) -> Array | None:
    partner = dict(pair.equal_outputs).get(i)
    if partner is None:
        return None
    reference, other = pair.temperatures(i, partner)
    return other - reference


def _interior_scale(panels: Panels) -> Normalize:
    shown = [values for row in panels for values in row if values is not None]
    if not shown:
        return Normalize(0.0, 1.0)
    low = min(float(np.percentile(values, LID)) for values in shown)
    # Down to a round number, which the colour bar ends on.
    return Normalize(np.floor(20 * low) / 20, max(1.0, *(float(values.max()) for values in shown)))


def _largest(panels: Panels) -> float:
    return max((float(np.abs(p).max()) for row in panels for p in row if p is not None), default=0)


def _labels(result: Result) -> list[str]:
    return [str(run["label"]) for run in result["runs"]]


def _line(k: int) -> dict[str, Any]:
    """The reference wide and black, the others thinner and coloured on top of it."""
    return {
        "color": LINES[0] if k == 0 else LINES[1 + (k - 1) % (len(LINES) - 1)],
        "linestyle": "-" if k < len(LINES) else "--",
        "linewidth": 2.4 if k == 0 else 1.3,
        "zorder": 2 + k,
    }


def _legend_below(figure: Figure, columns: int) -> None:
    if columns > 0 and figure.axes[0].get_legend_handles_labels()[0]:
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=min(columns, 6),
        )
