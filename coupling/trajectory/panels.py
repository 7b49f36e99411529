"""Panels that pictures of runs side by side are made of: series, profiles, maps of temperature."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tellus.coupling.output.style import LID, leave_out_spikes, line
from tellus.solver.grid import Array

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
        """In the style of its run."""
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


def legend_below(figure: Figure, columns: int = LEGEND_COLUMNS) -> None:
    """One legend for all panels, that of the first one, if anything is drawn there."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        columns = min(columns, len(handles))
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
