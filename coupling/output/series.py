"""What a run did over time: its time series, and what passed along its surface."""

from collections.abc import Mapping

import numpy as np
from cmcrameri import cm
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.figure import Figure

from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.planet import Units
from tellus.coupling.simulation.steady import WATCHED
from tellus.solver.grid import Array

from .style import LINES, colour_bar, leave_out_spikes, legend_below

Lines = Mapping[str, tuple[Array, Array]]
"""Times and values of each quantity drawn, by its name, without dimension."""


def lines_of(run: RecordedRun) -> Lines:
    """The time series, of which walls have a panel each, and numbers that outputs have."""
    series = run.series
    lines = {name: (series["time"], series[name]) for name in WATCHED}
    fields = run.fields.data_vars.items()
    numbers = [str(n) for n, field in fields if field.dims == ("time",) and n != "step"]
    return lines | {
        name: (run.output_times, np.asarray(run.fields[name], float)) for name in numbers
    }


def history(runs: Mapping[str, Lines], units: Units) -> Figure:
    """A panel for each line, with that of every run by its name."""
    names = list(dict.fromkeys(name for lines in runs.values() for name in lines))
    figure = Figure(figsize=(8.0, 0.6 + 1.6 * len(names)))
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axis, name in zip(panels, names, strict=True):
        curves = []
        for colour, (label, lines) in zip(_colours(len(runs)), runs.items(), strict=True):
            if name in lines:
                times, values = (
                    units.show(n, v) for n, v in zip(("time", name), lines[name], strict=True)
                )
                axis.plot(times, values, color=colour, lw=1.3, label=label)
                curves.append((times, values))
        axis.set_title(units.label(name), loc="left")
        leave_out_spikes(axis, curves)
    axis.set(xlabel=units.label("time"))
    axis.ticklabel_format(style="sci", axis="x", scilimits=(-3, 4))
    if len(runs) > 1:
        legend_below(figure)
    return figure


def _colours(count: int) -> list[str]:
    return [LINES[(k + (count == 1)) % len(LINES)] for k in range(count)]


def along_surface(run: RecordedRun, name: str, units: Units) -> Figure:
    """A line of every output along x, in colours over x and time; a single one as it is."""
    x, times = units.show("x", run.grid.x_cells), units.show("time", run.output_times)
    values = units.show(name, run.profiles(name))
    later = values[times >= times[0] + 0.1 * (times[-1] - times[0])]
    low, high = np.percentile(later, [0.5, 99.5])
    figure = Figure(figsize=(8.0, 4.0))
    axis = figure.subplots()
    axis.grid(False)
    signed = low < 0 < high
    scale: Normalize = CenteredNorm(0, max(-low, high, 1e-12)) if signed else Normalize(low, high)
    colours = cm.vik if signed else cm.lajolla
    drawn = axis.pcolormesh(
        x, times, values, norm=scale, cmap=colours, shading="gouraud", rasterized=True
    )
    axis.set(xlabel=units.label("x"), ylabel=units.label("time"), xlim=(x[0], x[-1]))
    axis.ticklabel_format(style="sci", axis="y", scilimits=(-3, 4))
    colour_bar(figure, drawn, axis, units.label(name), extend="both")
    return figure
