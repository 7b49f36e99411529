"""How figures look: one style, lines told apart by all, fields in Crameri's (2018) colours, and
the panels that pictures of runs side by side are made of.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from cmcrameri import cm
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import CenteredNorm, Normalize, PowerNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from tellus.errors import InputError
from tellus.io.whole_file import write_atomically
from tellus.solver.grid import Array

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": True,
    "contour.negative_linestyle": "solid",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
# Black for the reference, then Okabe and Ito's colours, told apart by the colour-blind.
LINES = ("#222222", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INTERIOR = 0.65
"""Where on a colour scale the median temperature lies, unless that takes more than `MOST_BENT`."""

MOST_BENT = 2.0
"""The largest power that bends a colour scale, so that the lid still has colours of its own."""

STREAMLINES = np.array([-0.9, -0.7, -0.5, -0.3, -0.1, 0.1, 0.3, 0.5, 0.7, 0.9])
"""Levels over the largest |psi|; none at zero, which would show rounding where nothing moves."""


SMOOTH: Any = {
    "origin": "lower",
    "interpolation": "bilinear",
    "interpolation_stage": "data",
}
"""How cells are drawn: T goes over from each to the next, and is coloured then."""


@contextmanager
def styled() -> Iterator[None]:
    """Figures made, and saved, inside look the same whatever a user's own settings are."""
    with style.context(["default", STYLE]):
        yield


def draw_map(
    axis: Axes,
    values: Array | None,
    aspect: float,
    scale: Normalize,
    psi: Array | None = None,
    largest: float = 0.0,
) -> ScalarMappable:
    """One field of the box, bottom row down, with streamlines where they are given.

    Parameters
    ----------
    axis : Axes
    values : array, shape (ny, nx), optional
        None leaves an empty, labelled frame.
    aspect : float
        Width of the box over its height.
    scale : Normalize
        Of the colours; a `CenteredNorm` is drawn with the diverging map.
    psi : array, shape (ny+1, nx+1), optional
        The stream function at the nodes.
    largest : float
        The |psi| that `STREAMLINES` are shares of; there are none where it is zero.
    """
    colours = cm.vik if isinstance(scale, CenteredNorm) else cm.lajolla
    axis.set(xticks=[], yticks=[], xlim=(0, aspect), ylim=(0, 1), aspect="equal")
    axis.grid(False)
    axis.spines[:].set_visible(False)
    if values is None:
        axis.text(aspect / 2, 0.5, "no output", ha="center", va="center", color="#888888")
    else:
        axis.imshow(values, extent=(0, aspect, 0, 1), norm=scale, cmap=colours, **SMOOTH)
    if psi is not None:
        draw_streamlines(axis, psi, (aspect, 1.0), largest)
    return ScalarMappable(scale, colours)


def draw_streamlines(axis: Axes, psi: Array, size: tuple[float, float], largest: float) -> None:
    """Draw streamlines of psi at the nodes, shape (ny+1, nx+1), of a box of `size`."""
    if largest > 0:
        x, y = (np.linspace(0, s, n) for s, n in zip(size, psi.shape[::-1], strict=True))
        levels = largest * STREAMLINES
        axis.contour(x, y, psi, levels, colors="#1b1b1b", linewidths=0.5, alpha=0.55)


def line(k: int) -> dict[str, Any]:
    """Style of the k-th run's line: the reference wide, black; others thin, coloured, on top."""
    return {
        "color": LINES[0] if k == 0 else LINES[1 + (k - 1) % (len(LINES) - 1)],
        "linestyle": "-" if k < len(LINES) else "--",
        "linewidth": 2.4 if k == 0 else 1.3,
        "zorder": 2 + k,
    }


LARGEST_DRAWN = 1e300


def leave_out_spikes(axis: Axes, curves: Iterable[tuple[Array, Array]]) -> None:
    """Limits of the vertical axis for curves (time, values), which spikes may leave.

    These are the few largest and smallest values and, where it would leave little room for what
    follows, the first tenth of the time. Infinite values count for nothing, nor do those too large
    for an axis, as in a damaged series.
    """
    drawn = [(x, y) for x, y in curves if x.size]
    low, high = _limits([y for _, y in drawn])
    later = _limits([y[x >= x[0] + 0.1 * (x[-1] - x[0])] for x, y in drawn])
    if later[1] - later[0] < (high - low) / 4:
        low, high = later
    margin = 0.08 * max(high - low, 1e-6 * max(abs(high), 1e-300))
    axis.set(ylim=(low - margin, high + margin))


def _limits(curves: Iterable[Array]) -> tuple[float, float]:
    values = np.concatenate([*curves, np.empty(0)])
    counted = values[np.abs(values) < LARGEST_DRAWN]
    if not counted.size:
        return 0.0, 1.0
    low, high = np.percentile(counted, [0.5, 99.5])
    return float(low), float(high)


LEGEND_COLUMNS = 6


@dataclass(frozen=True)
class Curve:
    """A line of the k-th run, the reference being the first; it ends in a cross where it failed."""

    k: int
    label: str
    x: Array
    y: Array
    failed: bool = False

    def draw(self, axis: Axes) -> None:
        end: dict[str, Any] = {"marker": "x", "markevery": [-1]} if self.failed else {}
        axis.plot(self.x, self.y, label=self.label, **line(self.k), **end)


def draw_series(axis: Axes, curves: Sequence[Curve], title: str) -> None:
    """Draw curves over model time; first spikes may leave the frame."""
    for curve in curves:
        curve.draw(axis)
    axis.set(title=title)
    axis.ticklabel_format(style="sci", axis="y", scilimits=(-3, 5))
    over_time(axis)
    leave_out_spikes(axis, [(curve.x, curve.y) for curve in curves])


def draw_profiles(axis: Axes, curves: Iterable[Curve], title: str) -> None:
    """Horizontal means of temperature over the height of the box."""
    for curve in curves:
        curve.draw(axis)
    axis.set(title=title, xlabel="temperature", ylabel="height", ylim=(0, 1))


def over_time(axis: Axes) -> None:
    """Name the horizontal axis."""
    axis.set(xlabel="model time")
    axis.ticklabel_format(style="sci", axis="x", scilimits=(-2, 4))


def legend_below(figure: Figure) -> None:
    """One legend for all panels, that of the first one, if anything is drawn there."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        columns = min(LEGEND_COLUMNS, len(handles))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def temperature_scale(fields: Iterable[Array], reference: Sequence[Array]) -> Normalize:
    """A colour scale over the reference's temperatures, bent so that the interior has colours.

    Most of a box under a lid is nearly as hot as it gets. What left the reference's temperatures
    altogether does not stretch the scale.
    """
    coldest = min(float(field.min()) for field in reference)
    hottest = max(float(field.max()) for field in reference)
    # Round numbers, which the colour bar ends on.
    low, high = np.floor(20 * coldest + 1e-6) / 20, np.ceil(20 * hottest - 1e-6) / 20
    median = float(np.median([np.median(field) for field in (*reference, *fields)]))
    return bent(low, max(high, low + 0.05), median)


def bent(low: float, high: float, median: float) -> Normalize:
    """A scale on which the median of a temperature lies at `INTERIOR`, or towards it."""
    share = float(np.clip((median - low) / (high - low), 0.01, 0.99))
    power = float(np.clip(np.log(INTERIOR) / np.log(share), 1.0, MOST_BENT))
    return PowerNorm(power, low, high, clip=True)


def colour_bar(
    figure: Figure | SubFigure, drawn: ScalarMappable, axes: Any, label: str, **more: Any
) -> Colorbar:
    """A colour bar beside all of the axes that share a scale.

    Parameters
    ----------
    figure : Figure or SubFigure
    drawn : ScalarMappable
        What has the scale.
    axes : Axes or array of Axes
    label : str
    **more
        As of `Figure.colorbar`.
    """
    own = {"fraction": 0.04, "aspect": 30, "pad": 0.01, **more}
    bar = figure.colorbar(drawn, ax=axes, label=label, **own)
    bar.outline.set_visible(False)
    if isinstance(drawn.norm, PowerNorm):
        bar.set_ticks(ticks(drawn.norm))
    return bar


def ticks(scale: Normalize, apart: float = 0.09) -> list[float]:
    """Round values for the colour bar of a scale that may be bent, from the largest down."""
    low, high = float(scale.vmin or 0.0), float(scale.vmax or 1.0)
    kept: list[float] = []
    rounding = 1e-9 * (high - low)
    for value in MaxNLocator(8, steps=[1, 2, 5, 10]).tick_values(low, high)[::-1]:
        inside = low - rounding <= value <= high + rounding
        if inside and all(abs(float(scale(v) - scale(value))) >= apart for v in kept):
            kept.append(float(value))
    return kept


def picture(figure: Figure, kind: str, dpi: int = 150) -> bytes:
    """The file that a figure makes in a format."""
    content = BytesIO()
    with styled():
        figure.savefig(content, format=kind, dpi=dpi)
    return content.getvalue()


def save_picture(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure in the format that the name ends in; an older picture stays where it fails."""
    write_atomically(path, picture(figure, path.suffix[1:] or "png", dpi))


def picture_place(out: Path | None, default: Path) -> Path:
    """The path of a picture, `out` or `default`, its folder made; InputError if it is no .png."""
    place = default if out is None else out
    if place.suffix != ".png" or place.is_dir():
        raise InputError(f"--out {place}: name a .png file.")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
