"""Pictures of one run: maps of its fields, time series, and an animation.

Colours are Crameri's (2018), and the same over the whole run, so that frames
can be compared.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from cmcrameri import cm
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure

from tellus.coupling.output.picture_file import save_picture
from tellus.coupling.runs.fields import CELLS, NODES
from tellus.coupling.runs.recorded import RecordedRun, directory, read_outputs
from tellus.io.whole_file import folder_aside, own_folder
from tellus.solver.grid import Array

from .planet import Units, units_of
from .style import LINES, leave_out_spikes, styled

DPI = 120
FRAMES_PER_SECOND = 10
MOVING = ("temperature", "viscosity", "psi")
# Positive, over many powers of ten.
LOGARITHMIC = ("viscosity", "strain_rate", "stress", "dissipation")
COLOURS = {"temperature": cm.lajolla, "viscosity": cm.imola}
CONTOURS = 14  # even: where nothing moves, a line at zero would only show rounding
LARGEST = (8.0, 5.0)  # of a map, in inches


@dataclass(frozen=True)
class Look:
    """How a field is drawn throughout a run."""

    label: str
    scale: Normalize
    colours: Colormap
    cut: str = "neither"


def plot_run(path: Path, out: Path | None = None, frames: int = 50) -> list[Path]:
    """Write maps of every field at the cells or nodes, time series and an animation.

    Of a run that may still go on, at most as many `frames`, evenly spaced, into `out` [default:
    ``plots`` in the run directory]: ``NAME_00000.png`` for every field and output (by its number
    in fields.zarr), ``timeseries.png``, ``animation.gif``, and ``animation.mp4`` where ffmpeg is
    found. Raises InputError for no such run, or a damaged one.
    """
    run = read_outputs(path)
    units, series = units_of(run.config), run.series
    out = own_folder(run.path / "plots") if out is None else directory(out)
    count = run.output_times.size
    chosen = np.unique(np.linspace(0, count - 1, min(frames, count)).round().astype(int)).tolist()
    with styled():
        looks = _looks(run, chosen, units)
        written = list(_write_maps(run, chosen, looks, units, out))
        written.append(out / "timeseries.png")
        save_picture(history(series, units), written[-1], DPI)
        written += _write_animation(run, chosen, looks, units, out)
    return written


def history(series: Mapping[str, Array], units: Units) -> Figure:
    """Mean temperature, both Nusselt numbers and Vrms over time."""
    figure = Figure(figsize=(8.0, 6.4))
    panels = (("mean_temperature",), ("nusselt_top", "nusselt_bottom"), ("vrms",))
    names = (units.label("mean_temperature"), "Nusselt number", units.label("vrms"))
    times = units.show("time", series["time"])
    for axis, columns, name in zip(figure.subplots(3, 1, sharex=True), panels, names, strict=True):
        shown = [units.show(column, series[column]) for column in columns]
        for values, column, colour in zip(shown, columns, LINES[1:], strict=False):
            axis.plot(times, values, color=colour, lw=1.3, label=column.removeprefix("nusselt_"))
        axis.set(ylabel=name)
        leave_out_spikes(axis, np.concatenate(shown))
        if len(columns) > 1:
            axis.legend()
    axis.set(xlabel=units.label("time"))
    axis.ticklabel_format(style="sci", axis="x", scilimits=(-2, 4))
    figure.align_ylabels()
    return figure


def draw_field(axis: Axes, frame: xr.Dataset, name: str, look: Look, units: Units) -> None:
    """One field of the box: cells as they are, nodes with contour lines."""
    field = frame[name]
    x, y = frame["x_node"].values, frame["y_node"].values
    axis.clear()
    axis.grid(False)
    if field.dims == CELLS:
        axis.imshow(
            field.values,
            origin="lower",
            extent=(x[0], x[-1], y[0], y[-1]),
            norm=look.scale,
            cmap=look.colours,
            interpolation="nearest",
        )
    else:
        axis.pcolormesh(x, y, field.values, norm=look.scale, cmap=look.colours, shading="gouraud")
        levels = np.linspace(look.scale.vmin or 0.0, look.scale.vmax or 1.0, CONTOURS)
        axis.contour(x, y, field.values, levels, colors="#333333", linewidths=0.6)
    axis.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
    axis.set(xlabel=units.label("x"), ylabel=units.label("y"))


def _looks(run: RecordedRun, chosen: Iterable[int], units: Units) -> dict[str, Look]:
    """Scales that hold all chosen outputs of every field at the cells or nodes."""
    fields = run.fields.data_vars.items()
    names = [str(name) for name, field in fields if field.dims[1:] in (CELLS, NODES)]
    looks = {}
    for name in names:
        shown = (units.show(name, run.snapshot(name, k)) for k in chosen)
        ranges = np.array([np.percentile(values, [0, 0.5, 100]) for values in shown])
        looks[name] = _look(name, units.label(name), *ranges.T)
    return looks


def _look(name: str, label: str, lowest: Array, low: Array, highest: Array) -> Look:
    """The scale for values between `lowest` and `highest`, of which few are below `low`."""
    bottom, top = float(lowest.min()), float(highest.max())
    if name in LOGARITHMIC and bottom >= 0 and np.any(low > 0):
        bottom = float(low[low > 0].min())
        # A constant viscosity still needs a scale.
        top = max(top, 1.01 * bottom)
        cut = "min" if float(lowest.min()) < bottom else "neither"
        colours = COLOURS.get(name, cm.batlow)
        # Zero, where there is no flow, has no logarithm.
        return Look(label, LogNorm(bottom, top), colours.with_extremes(bad=colours(0.0)), cut)
    if bottom < 0 and name not in COLOURS:
        largest = max(-bottom, top)
        return Look(label, Normalize(-largest, largest), cm.vik)
    top = max(top, bottom + 1e-12)
    return Look(label, Normalize(bottom, top), COLOURS.get(name, cm.batlow))


def _write_maps(
    run: RecordedRun, chosen: Iterable[int], looks: Mapping[str, Look], units: Units, out: Path
) -> Iterable[Path]:
    canvases = {name: Canvas(run, {name: look}, units) for name, look in looks.items()}
    for k in chosen:
        frame = units.dataset(run.frame(k))
        for name, canvas in canvases.items():
            file = out / f"{name}_{k:05d}.png"
            canvas.draw(frame, float(run.output_times[k]))
            save_picture(canvas.figure, file, DPI)
            yield file


def _write_animation(
    run: RecordedRun, chosen: Iterable[int], looks: Mapping[str, Look], units: Units, out: Path
) -> list[Path]:
    canvas = Canvas(run, {name: looks[name] for name in MOVING}, units)
    writers: dict[str, Any] = {"animation.gif": PillowWriter(fps=FRAMES_PER_SECOND)}
    if FFMpegWriter.isAvailable():
        # First: it may trim the figure to an even number of pixels.
        writers = {"animation.mp4": FFMpegWriter(fps=FRAMES_PER_SECOND)} | writers
    # Aside, so that an older animation stays where this one is stopped.
    with folder_aside(out / ".animation") as aside:
        with ExitStack() as stack:
            for name, writer in writers.items():
                stack.enter_context(writer.saving(canvas.figure, str(aside / name), DPI))
            for k in chosen:
                canvas.draw(units.dataset(run.frame(k)), float(run.output_times[k]))
                for writer in writers.values():
                    writer.grab_frame()
        return [(aside / name).replace(out / name) for name in writers]


class Canvas:
    """A figure of some fields of a run, laid out once and drawn again for every output."""

    def __init__(self, run: RecordedRun, looks: Mapping[str, Look], units: Units) -> None:
        self._looks, self._units = looks, units
        aspect = run.grid.aspect
        height = min(LARGEST[0] / aspect, LARGEST[1] / len(looks) ** 0.5)
        width = height * aspect
        # Wide boxes one above the other, others side by side.
        rows, columns = (len(looks), 1) if aspect > 1.5 else (1, len(looks))
        self.figure = Figure(figsize=(columns * (width + 1.9), rows * (height + 0.65) + 0.4))
        axes = self.figure.subplots(rows, columns, squeeze=False).ravel()
        self._axes = dict(zip(looks, axes, strict=True))
        for name, look in looks.items():
            self.figure.colorbar(
                ScalarMappable(look.scale, look.colours),
                ax=self._axes[name],
                label=look.label,
                extend=look.cut,
                aspect=14,
                pad=0.02,
            )
        self._is_laid_out = False

    def draw(self, frame: xr.Dataset, time: float) -> None:
        for name, axis in self._axes.items():
            draw_field(axis, frame, name, self._looks[name], self._units)
            axis.label_outer()
        self.figure.suptitle(f"t = {self._units.clock(time)}")
        if not self._is_laid_out:
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")
            self._is_laid_out = True
