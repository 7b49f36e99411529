"""Several runs in one picture each: their time series, profiles and last temperatures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tellus.coupling.directory.recorded import RecordedRun, read_outputs
from tellus.coupling.planet import Units, units_of
from tellus.io.places import directory
from tellus.io.shown import in_picture

from .profile import average, window
from .series import history, lines_of
from .style import (
    LINES,
    colour_bar,
    draw_map,
    legend_below,
    save_picture,
    styled,
    temperature_scale,
)

WIDTH = 6.6
"""Inches of a map."""

NamedRuns = Mapping[str, RecordedRun]


def plot_runs(paths: Sequence[Path], out: Path) -> list[Path]:
    """Write timeseries.png, profiles.png and temperature.png of several runs into a directory.

    In the units of their planet, if they have one in common.

    Raises
    ------
    InputError
        One of them is no run, or damaged.
    """
    recorded = [read_outputs(path) for path in paths]
    planets = [run.settings.planet for run in recorded]
    one = all(planet == planets[0] for planet in planets)
    units = units_of(recorded[0].settings) if one else Units({})
    runs = dict(zip(_names(paths), recorded, strict=True))
    out = directory(out)
    with styled():
        figures = {
            "timeseries": history({name: lines_of(run) for name, run in runs.items()}, units),
            "profiles": profiles(runs, units),
            "temperature": temperatures(runs, units),
        }
        for name, figure in figures.items():
            save_picture(figure, out / f"{name}.png")
    return [out / f"{name}.png" for name in figures]


def _names(paths: Sequence[Path]) -> list[str]:
    """Names of the directories, or their paths where two have the same name."""
    names = [path.resolve().name for path in paths]
    distinct = len(set(names)) == len(names)
    return [in_picture(n if distinct else str(p)) for n, p in zip(names, paths, strict=True)]


def profiles(runs: NamedRuns, units: Units) -> Figure:
    """T(y) and Vrms(y), averaged over the second half of each run."""
    figure = Figure(figsize=(7.2, 4.2))
    axes = figure.subplots(1, 2, sharey=True)
    for k, (label, run) in enumerate(runs.items()):
        chosen = window(run, units)
        for axis, name in zip(axes, ("temperature_profile", "vrms_profile"), strict=True):
            mean, _ = average(run.profiles(name, chosen), run.output_times[chosen])
            shown = units.show(name, mean), units.show("y", run.grid.y_cells)
            axis.plot(*shown, color=LINES[k % len(LINES)], lw=1.4, label=label)
            axis.set(xlabel=units.label(name))
    axes[0].set(ylabel=units.label("y"), ylim=(0, units.show("y", 1.0)))
    legend_below(figure)
    return figure


def temperatures(runs: NamedRuns, units: Units) -> Figure:
    """The last temperature of each run, with streamlines."""
    last = [run.output_times.size - 1 for run in runs.values()]
    shown = zip(runs.values(), last, strict=True)
    fields = [units.show("temperature", run.snapshot("temperature", k)) for run, k in shown]
    scale = temperature_scale([], fields)
    heights = [WIDTH / max(run.grid.aspect, 1.0) for run in runs.values()]
    figure = Figure(figsize=(WIDTH + 1.2, sum(heights) + 0.3 * len(runs)))
    axes = figure.subplots(len(runs), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, field, k, (label, run) in zip(axes, fields, last, runs.items(), strict=True):
        psi = run.snapshot("psi", k)
        drawn = draw_map(axis, field, run.grid.aspect, scale, psi, float(np.abs(psi).max()))
        time = units.clock(float(run.output_times[-1]))
        axis.set_title(label, loc="left", fontweight="bold")
        axis.set_title(f"t = {time}", loc="right")
    colour_bar(figure, drawn, axes, units.label("temperature"))
    return figure
