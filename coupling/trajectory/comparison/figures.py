"""The figures of a comparison, one function each, with a sentence that says what they show.

Every function takes what `compare` found of some runs, most of them the runs too, the reference
first.
"""

from collections.abc import Sequence

import numpy as np
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import ColorType

from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.output.style import (
    Curve,
    colour_bar,
    draw_map,
    draw_profiles,
    draw_series,
    legend_below,
    line,
    over_time,
    styled,
    temperature_scale,
)
from tellus.coupling.trajectory.comparison.pair import RunPair, mean_profile

from .found import ComparedRun, Comparison
from .maps import WIDE, RunPairs, Shown, difference_maps, finding, labels_of, temperature_maps

Runs = Sequence[RecordedRun]

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


def figures(result: Comparison, runs: Runs) -> dict[str, list[Shown]]:
    """Every figure of the report, by section."""
    pairs = [RunPair(runs[0], run) for run in runs]
    with styled():
        return {
            "temperature": list(temperature_maps(result, pairs)),
            "difference": list(difference_maps(result, pairs)),
            "history": [history(result, runs)],
            "profiles": [profiles(result, pairs)],
            "drift": [drift(result)] if len(runs) > 1 else [],
            "cost": [cost(result)],
        }


def history(result: Comparison, runs: Runs) -> Shown:
    """Mean temperature, how far it is from the reference's, and both Nusselt numbers over time."""
    mean, *nusselt = ((name, _series(result, runs, column)) for column, name in HISTORY.items())
    gap = [("mean temperature less that of the reference", _gaps(result, runs))]
    drawn = [mean, *(gap if len(runs) > 1 else []), *nusselt]
    rows, columns = (2, 2) if len(runs) > 1 else (1, 3)
    figure = Figure(figsize=(WIDE, 0.3 + 2.5 * rows))
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).T.ravel()
    for k, (axis, (name, curves)) in enumerate(zip(panels, drawn, strict=True)):
        draw_series(axis, curves, name)
        if (k + 1) % rows:
            axis.set(xlabel="")
    legend_below(figure)
    what = "Mean absolute difference of <T> and of Nu"
    far = finding(result, what, "mean_temperature_mae", "nusselt_mae")
    sentence = f"Every time step; the first ones may leave the frame. {far}"
    return Shown("history", figure, sentence)


def _series(result: Comparison, runs: Runs, column: str) -> list[Curve]:
    named = enumerate(zip(labels_of(result), runs, strict=True))
    return [Curve(k, label, run.series["time"], run.series[column]) for k, (label, run) in named]


def _gaps(result: Comparison, runs: Runs) -> list[Curve]:
    """<T> of runs minus <T> of the reference, at their own times, as long as both last."""
    reference, *others = _series(result, runs, "mean_temperature")
    curves = []
    for curve in others:
        shared = curve.x <= reference.x[-1]
        times = curve.x[shared]
        gap = curve.y[shared] - np.interp(times, reference.x, reference.y)
        curves.append(Curve(curve.k, curve.label, times, gap))
    return curves


def profiles(result: Comparison, pairs: RunPairs) -> Shown:
    """Horizontal means of temperature: at the last common output and averaged over time."""
    figure = Figure(figsize=(8.4, 3.8))
    final, average = figure.subplots(1, 2, sharey=True)
    both: tuple[list[Curve], list[Curve]] = ([], [])
    for k, (label, pair) in enumerate(zip(labels_of(result), pairs, strict=True)):
        start, end = pair.last_third
        for curves, since in zip(both, (end, start), strict=True):
            mean = mean_profile(pair.run, since, end)
            curves.append(Curve(k, label, mean, pair.run.grid.y_cells))
    draw_profiles(final, both[0], "at the end")
    draw_profiles(average, both[1], "averaged over the last third")
    average.set(ylabel="")
    legend_below(figure)
    far = finding(result, "Mean absolute difference of the average", "profile_mae")
    return Shown("profiles", figure, f"Left at the last common time, right averaged. {far}")


def drift(result: Comparison) -> Shown:
    """Distance from the reference at equal times: velocity and temperature."""
    figure = Figure(figsize=(8.4, 3.2))
    labels = labels_of(result)
    for axis, (key, name) in zip(figure.subplots(1, 2), DRIFT.items(), strict=True):
        for k, run in enumerate(result.runs[1:], start=1):
            points = zip(*(run.drift.equal_times[each] for each in ("time", key)), strict=True)
            # A logarithmic axis has no place for the shared start, where the difference is zero.
            shown = [(t, value) for t, value in points if value]
            if shown:
                axis.plot(*zip(*shown, strict=True), marker=".", label=labels[k], **line(k))
                axis.set_yscale("log")
        axis.set(title=name)
        over_time(axis)
    legend_below(figure)
    what = "Median of the velocity difference"
    sentence = finding(result, what, "velocity_error", scale=100.0, unit=" %")
    return Shown("drift", figure, sentence)


def picture(result: Comparison, runs: Runs) -> Figure:
    """One image of a comparison: the fields of the reference and the last run, and <T>(t)."""
    aspect, labels = runs[0].grid.aspect, labels_of(result)
    i, j = RunPair(runs[0], runs[-1]).equal_outputs[-1]
    shown = [runs[0].snapshot("temperature", i), runs[-1].snapshot("temperature", j)]
    scale = temperature_scale(shown[1:], shown[:1])
    with styled():
        figure = Figure(figsize=(11.0, 3.8))
        axes = figure.subplot_mosaic(
            [["above", "series"], ["below", "series"]], width_ratios=[3, 2]
        )
        maps = [axes["above"], axes["below"]]
        for axis, values, label in zip(maps, shown, (labels[0], labels[-1]), strict=True):
            drawn = draw_map(axis, values, aspect, scale)
            axis.set_title(f"{label}, t = {runs[0].output_times[i]:.4g}")
        colour_bar(figure, drawn, maps, "temperature")
        means = _series(result, runs, "mean_temperature")
        draw_series(axes["series"], means, "mean temperature")
        axes["series"].legend()
    return figure


def cost(result: Comparison) -> Shown:
    """Wall time per step by phase, and speed-up per step and end to end."""
    entries = result.runs
    figure = Figure(figsize=(WIDE, 1.9 + 0.5 * len(entries)))
    bars, gains = figure.subplots(1, 2, width_ratios=[3, 2])
    _draw_phases(bars, entries)
    _draw_speedups(gains, entries)
    for axis, margin, columns in ((bars, 0.1, 5), (gains, 0.12, 2)):
        axis.set(yticks=np.arange(len(entries)), yticklabels=labels_of(result))
        axis.invert_yaxis()
        axis.margins(x=margin)
        axis.grid(False, axis="y")
        axis.legend(ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    sentence = (
        "Everything a run did over its steps, what solvers do in colours, what all do in grey."
    )
    return Shown("cost", figure, sentence)


def _draw_phases(axis: Axes, entries: Sequence[ComparedRun]) -> None:
    places = np.arange(len(entries))
    left = np.zeros(len(entries))
    for phase, colour in _phase_colours(entries).items():
        seconds = [run.cost.seconds_by_phase.get(phase, 0.0) for run in entries]
        width = 1e3 * np.array(seconds) / [max(run.cost.priced_steps, 1) for run in entries]
        axis.barh(places, width, left=left, height=0.6, color=colour, label=phase)
        left += width
    for place, total in enumerate(left.tolist()):
        axis.text(total, place, f" {total:.3g}", va="center")
    axis.set(title="wall time per step by phase (ms)")


def _phase_colours(entries: Sequence[ComparedRun]) -> dict[str, ColorType]:
    """The phases of the Stokes solvers in colours, then what all runs share in greys."""
    found = dict.fromkeys(name for run in entries for name in run.cost.seconds_by_phase)
    stokes = [name for name in found if name not in GREYS]
    colours = cm.batlow(np.linspace(0.05, 0.9, len(stokes)))
    greys = {name: grey for name, grey in GREYS.items() if name in found}
    return dict(zip(stokes, colours, strict=True)) | greys


def _draw_speedups(axis: Axes, entries: Sequence[ComparedRun]) -> None:
    places = np.arange(len(entries))
    for offset, (key, (name, colour)) in zip((-0.2, 0.2), SPEEDUPS.items(), strict=True):
        values = [getattr(run.cost, key) or 0.0 for run in entries]
        container = axis.barh(places + offset, values, height=0.38, color=colour, label=name)
        axis.bar_label(container, [f" {value:.3g}" if value else "" for value in values])
    axis.axvline(1.0, color="#222222", linewidth=0.8)
    axis.set(title="speed-up over the reference")
