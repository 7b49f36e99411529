"""The figures of a comparison, one function each.

Every function takes the recorded runs, the reference first, and the dictionary
that `tellus.coupling.comparison.compare.compare` made of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tellus.coupling.output.style import draw_map, leave_out_spikes, line, styled
from tellus.coupling.runs.recorded import RecordedRun
from tellus.io.shown import in_picture

from .maps import difference_maps, interior_scale, labels_of, temperature_maps
from .pair import RunPair, mean_profile

Runs = Sequence[RecordedRun]
Result = Mapping[str, Any]

GREYS = {"energy": "#777777", "output": "#aaaaaa", "rest": "#d5d5d5"}


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
    for k, (run, label) in enumerate(zip(runs, labels_of(result), strict=True)):
        axis.plot(run.series["time"], run.series[column], label=label, **line(k))
    axis.set(xlabel="model time")
    leave_out_spikes(axis, np.concatenate([run.series[column] for run in runs]))
    axis.ticklabel_format(style="sci", axis="x", scilimits=(-2, 4))


def profiles(result: Result, runs: Runs) -> Figure:
    """Horizontal means of temperature: at the last common output and averaged over time."""
    figure = Figure(figsize=(8.4, 3.8))
    final, average = figure.subplots(1, 2, sharey=True)
    for k, run in enumerate(runs):
        start, end = RunPair(runs[0], run).second_half
        label = in_picture(result["runs"][k]["label"])
        final.plot(mean_profile(run, end, end), run.grid.y_cells, label=label, **line(k))
        average.plot(mean_profile(run, start, end), run.grid.y_cells, **line(k))
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
                axis.plot(
                    *zip(*shown, strict=True), marker=".", label=in_picture(run["label"]), **line(k)
                )
                axis.set_yscale("log")
        axis.set(title=name, xlabel="model time")
        axis.ticklabel_format(style="sci", axis="x", scilimits=(-2, 4))
    _legend_below(figure, len(result["runs"]) - 1)
    return figure


def picture(result: Result, runs: Runs) -> Figure:
    """One image of a comparison: the fields of the reference and the last run, and <T>(t)."""
    pair, aspect = RunPair(runs[0], runs[-1]), runs[0].grid.aspect
    i, j = pair.equal_outputs[-1]
    shown = [runs[0].snapshot("temperature", i), runs[-1].snapshot("temperature", j)]
    with styled():
        figure = Figure(figsize=(11.0, 3.5))
        axes = figure.subplot_mosaic(
            [["above", "series"], ["below", "series"]], width_ratios=[3, 2]
        )
        for name, values, run in zip(("above", "below"), shown, (0, -1), strict=True):
            drawn = draw_map(axes[name], values, aspect, interior_scale([shown]))
            axes[name].set_title(
                f"{in_picture(result['runs'][run]['label'])}, t = {runs[0].output_times[i]:.4g}"
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
        width = 1e3 * np.array(seconds) / [max(run["priced_steps"], 1) for run in entries]
        axis.barh(places, width, left=left, height=0.6, color=colour, label=phase)
        left += width
    for place, total in enumerate(left.tolist()):
        axis.text(total, place, f" {total:.3g}", va="center")
    axis.set(title="wall time per step by phase (ms)", yticks=places)
    axis.set_yticklabels([in_picture(run["label"]) for run in entries])
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
    axis.set_yticklabels([in_picture(run["label"]) for run in entries])
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.grid(False, axis="y")
    axis.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.15))


def _legend_below(figure: Figure, columns: int) -> None:
    if columns > 0 and figure.axes[0].get_legend_handles_labels()[0]:
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=min(columns, 6),
        )
