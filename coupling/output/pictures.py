"""Pictures of one run: maps of its fields, time series, and an animation.

Colours are Crameri's (2018), and the same over the whole run, so that frames
can be compared.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from cmcrameri import cm
from matplotlib.animation import FFMpegWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from PIL import Image

from tellus.coupling.directory.fields import CELLS, NODES
from tellus.coupling.directory.recorded import RecordedRun, read_outputs
from tellus.coupling.planet import Units, units_of
from tellus.errors import InputError
from tellus.io.arrays import evenly_spaced
from tellus.io.places import directory
from tellus.io.whole_file import folder_aside, own_folder
from tellus.solver.grid import Array

from .series import along_surface, history, lines_of
from .style import SMOOTH, bent, colour_bar, draw_streamlines, save_picture, styled

DPI = 120
MOVING = ("temperature",)
"""What the animation shows, with the streamlines, unless fields are named."""

# Positive, over many powers of ten.
LOGARITHMIC = ("viscosity", "strain_rate", "stress", "dissipation")
COLOURS = {"temperature": cm.lajolla, "viscosity": cm.imola}
CONTOURS = 14  # even: where nothing moves, a line at zero would only show rounding
LARGEST = (8.0, 5.0)  # of a map, in inches


@dataclass(frozen=True)
class Look:
    """How a field is drawn throughout a run; `streams` is the largest |psi| of lines over it."""

    label: str
    scale: Normalize
    colours: Colormap
    cut: str = "neither"
    streams: float = 0.0


def plot_run(
    path: Path,
    out: Path | None = None,
    frames: int = 50,
    fields: Sequence[str] = (),
    report: Callable[[str], None] = print,
) -> list[Path]:
    """Write maps of fields at the cells or nodes, what its surface did, time series, an animation.

    Parameters
    ----------
    path : Path
        A run that may still go on.
    out : Path, optional
        A directory [default: ``plots`` in the run directory], for ``NAME_00000.png`` of every field
        and output (by its number in fields.zarr), ``NAME.png`` of what is along the surface,
        ``timeseries.png``, ``animation.gif``, and ``animation.mp4`` where ffmpeg is found.
    frames : int
        At most as many outputs, evenly spaced.
    fields : sequence of str
        Those to draw, and to animate [default: all are drawn, the temperature is animated].
    report : callable
        Takes a line for each output.

    Raises
    ------
    InputError
        There is no such run, or it is damaged, or has no such field.
    """
    run = read_outputs(path)
    units = units_of(run.settings)
    drawn = _chosen(run, fields)
    out = own_folder(run.path / "plots") if out is None else directory(out)
    chosen = evenly_spaced(run.output_times.size, frames)
    if len(chosen) < run.output_times.size:
        report(f"{len(chosen)} of {run.output_times.size} outputs, evenly spaced (--frames)")
    with styled():
        looks = _looks(run, chosen, drawn, units)
        written = list[Path]()
        for number, maps in enumerate(_write_maps(run, chosen, looks, units, out), start=1):
            written += maps
            report(f"output {number}/{len(chosen)}")
        lines = [str(n) for n, line in run.fields.data_vars.items() if line.dims == ("time", "x")]
        pictures = {name: along_surface(run, name, units) for name in lines}
        for name, figure in (
            pictures | {"timeseries": history({"": lines_of(run)}, units)}
        ).items():
            written.append(out / f"{name}.png")
            save_picture(figure, written[-1], DPI)
        moving = {name: looks[name] for name in (fields or MOVING)}
        canvas = Canvas(run, moving, units)
        written += write_film(out, canvas.figure, lambda k: canvas.draw(run.frame(k)), chosen, DPI)
    return written


def _chosen(run: RecordedRun, fields: Sequence[str]) -> list[str]:
    """Fields at the cells or nodes: those named, or all."""
    variables = run.fields.data_vars.items()
    known = [str(name) for name, field in variables if field.dims[1:] in (CELLS, NODES)]
    for name in fields:
        if name not in known:
            raise InputError(f'{run.path} has no field "{name}" to draw: {", ".join(known)}.')
    return list(fields) or known


def draw_field(axis: Axes, frame: xr.Dataset, name: str, look: Look, units: Units) -> None:
    """One field of the box: smooth between cells, and with lines of nodes.

    Parameters
    ----------
    axis : Axes
        Cleared first.
    frame : Dataset
        One output, in the units shown.
    name : str
        A field at the cells or at the nodes.
    look : Look
    units : Units
        Of the labels of the axes.
    """
    field = frame[name]
    x, y = frame["x_node"].values, frame["y_node"].values
    axis.clear()
    axis.grid(False)
    if field.dims == CELLS:
        extent = (x[0], x[-1], y[0], y[-1])
        axis.imshow(field.values, extent=extent, norm=look.scale, cmap=look.colours, **SMOOTH)
    else:
        axis.pcolormesh(x, y, field.values, norm=look.scale, cmap=look.colours, shading="gouraud")
        levels = np.linspace(look.scale.vmin or 0.0, look.scale.vmax or 1.0, CONTOURS)
        axis.contour(x, y, field.values, levels, colors="#333333", linewidths=0.6)
    if look.streams:
        draw_streamlines(axis, frame["psi"].values, (x[-1], y[-1]), look.streams)
    axis.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
    axis.set(xlabel=units.label("x"), ylabel=units.label("y"))


def _looks(
    run: RecordedRun, chosen: Iterable[int], names: Iterable[str], units: Units
) -> dict[str, Look]:
    """Scales that hold all chosen outputs of every field."""
    looks = {}
    for name in names:
        shown = (units.show(name, run.snapshot(name, k)) for k in chosen)
        ranges = np.array([np.percentile(values, [0, 0.5, 50, 100]) for values in shown])
        looks[name] = _look(name, units.label(name), *ranges.T)
        if name == "temperature":
            psi = (np.abs(units.show("psi", run.snapshot("psi", k))).max() for k in chosen)
            looks[name] = replace(looks[name], streams=float(max(psi)))
    return looks


def _look(name: str, label: str, lowest: Array, low: Array, median: Array, highest: Array) -> Look:
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
    if name == "temperature":
        return Look(label, bent(bottom, top, float(np.median(median))), COLOURS[name])
    return Look(label, Normalize(bottom, top), COLOURS.get(name, cm.batlow))


def _write_maps(
    run: RecordedRun, chosen: Iterable[int], looks: Mapping[str, Look], units: Units, out: Path
) -> Iterator[list[Path]]:
    """The files of one output after the other."""
    canvases = {name: Canvas(run, {name: look}, units) for name, look in looks.items()}
    for k in chosen:
        frame, files = run.frame(k), list[Path]()
        for name, canvas in canvases.items():
            files.append(out / f"{name}_{k:05d}.png")
            canvas.draw(frame)
            save_picture(canvas.figure, files[-1], DPI)
        yield files


class Canvas:
    """A figure of some fields of a run, laid out once and drawn again for every output."""

    def __init__(self, run: RecordedRun, looks: Mapping[str, Look], units: Units) -> None:
        self._looks, self._units = looks, units
        aspect = run.grid.aspect
        height = min(LARGEST[0] / aspect, LARGEST[1] / len(looks) ** 0.5)
        width = height * aspect
        # Wide boxes one above the other, others side by side.
        rows, columns = (len(looks), 1) if aspect > 1.5 else (1, len(looks))
        self.figure = Figure(figsize=(columns * (width + 1.9), rows * (height + 0.5) + 0.35))
        axes = self.figure.subplots(rows, columns, squeeze=False).ravel()
        self._axes = dict(zip(looks, axes, strict=True))
        for name, look in looks.items():
            drawn = ScalarMappable(look.scale, look.colours)
            own = {"extend": look.cut, "aspect": 14, "pad": 0.02, "fraction": 0.15}
            colour_bar(self.figure, drawn, self._axes[name], look.label, **own)

    def draw(self, frame: xr.Dataset) -> None:
        """One output, as `RecordedRun.frame` gives it."""
        shown = self._units.dataset(frame)
        for name, axis in self._axes.items():
            draw_field(axis, shown, name, self._looks[name], self._units)
            axis.label_outer()
        self.figure.suptitle(f"t = {self._units.clock(float(frame['time']))}")
        if (engine := self.figure.get_layout_engine()) is not None:
            engine.execute(self.figure)
            self.figure.set_layout_engine("none")


FRAMES_PER_SECOND = 10
GIF_COLOURS = 256
"""The most colours that a GIF has."""


def write_film(
    out: Path, figure: Figure, draw: Callable[[int], None], frames: Sequence[int], dpi: int
) -> list[Path]:
    """Write animation.gif, and animation.mp4 where ffmpeg is found.

    An older animation stays where this one is stopped.

    Parameters
    ----------
    out : Path
        An existing directory.
    figure : Figure
    draw : callable
        Draws the frame of a number into the figure; some are drawn twice, for the colours.
    frames : sequence of int
        Numbers of the frames, at least one.
    dpi : int
        Pixels per inch of the figure.
    """
    figure.set_dpi(dpi)
    with folder_aside(out / ".animation") as aside:
        with ExitStack() as stack:
            film = None
            if FFMpegWriter.isAvailable():
                # First: it may trim the figure to an even number of pixels.
                film = FFMpegWriter(fps=FRAMES_PER_SECOND)
                stack.enter_context(film.saving(figure, str(aside / "animation.mp4"), dpi))

            def images(numbers: Sequence[int], filmed: bool) -> Iterator[Image.Image]:
                for k in numbers:
                    draw(k)
                    if film is not None and filmed:
                        film.grab_frame()
                    yield _image(figure)

            ends = sorted({frames[0], frames[len(frames) // 2], frames[-1]})
            colours = _common_colours(list(images(ends, filmed=False)))
            _write_gif(aside / "animation.gif", images(frames, filmed=True), colours)
        return [file.replace(out / file.name) for file in sorted(aside.iterdir())]


def _image(figure: Figure) -> Image.Image:
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _common_colours(images: Sequence[Image.Image]) -> Image.Image:
    """A palette that suits all of these, so that nothing flickers from frame to frame."""
    return Image.fromarray(np.concatenate([np.asarray(image) for image in images])).quantize(
        GIF_COLOURS
    )


def _write_gif(file: Path, images: Iterator[Image.Image], colours: Image.Image) -> None:
    """One frame at a time; what lies between two colours is dithered, and shows no bands."""
    dither = Image.Dither.FLOYDSTEINBERG
    frames = (image.quantize(palette=colours, dither=dither) for image in images)
    pause = 1000 // FRAMES_PER_SECOND
    next(frames).save(file, save_all=True, append_images=frames, duration=pause, loop=0)
