"""How figures look: one style, lines told apart by all, fields in Crameri's (2018) colours, and
the panels that pictures of runs side by side are made of.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from cmcrameri import cm
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tellus.solver.grid import Array

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
LID = 15  # per cent of the cells, the coldest, that share the lowest colour


@contextmanager
def styled() -> Iterator[None]:
    """Figures made, and saved, inside look the same whatever a user's own settings are."""
    with style.context(["default", STYLE]):
        yield


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


def line(k: int) -> dict[str, Any]:
    """Of the k-th run: the reference wide and black, others thinner and coloured on top of it."""
    return {
        "color": LINES[0] if k == 0 else LINES[1 + (k - 1) % (len(LINES) - 1)],
        "linestyle": "-" if k < len(LINES) else "--",
        "linewidth": 2.4 if k == 0 else 1.3,
        "zorder": 2 + k,
    }


LARGEST_DRAWN = 1e300


def leave_out_spikes(axis: Axes, values: Array) -> None:
    """Limits of the vertical axis that the few largest and smallest values may leave.

    Infinite ones count for nothing, nor do those too large for an axis, as in a damaged series.
    """
    drawn = values[np.abs(values) < LARGEST_DRAWN]
    low, high = np.percentile(drawn, [0.5, 99.5]) if drawn.size else (0.0, 1.0)
    margin = 0.08 * max(high - low, 1e-6 * max(abs(high), 1e-300))
    axis.set(ylim=(low - margin, high + margin))


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
    """Over model time; first spikes may leave the frame."""
    for curve in curves:
        curve.draw(axis)
    axis.set(title=title)
    over_time(axis)
    leave_out_spikes(axis, np.concatenate([curve.y for curve in curves]))


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
    """From the coldest interior of all fields to the hottest of the reference.

    The lid, the coldest part, shares a colour. What left the reference's temperatures altogether
    does not stretch the scale.
    """
    coldest = min(float(field.min()) for field in reference)
    interior = min(float(np.percentile(field, LID)) for field in (*reference, *fields))
    # Down to a round number, which the colour bar ends on.
    low = np.floor(20 * max(interior, coldest)) / 20
    hottest = max(float(field.max()) for field in reference)
    return Normalize(low, max(1.0, hottest, low + 0.05))
