"""The picture of a sweep: what its runs measured over what varies, and the laws through it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from tellus.coupling.directory.sweep import Sweep
from tellus.coupling.output.style import LINES, picture_place, save_picture, styled
from tellus.coupling.tables import short_names
from tellus.errors import InputError
from tellus.io.shown import brief_value, in_picture, is_number

from .scaling import Law, NoLawError, fit, has_settled
from .table import SweepRow, rows

QUANTITIES = {
    "nusselt_top": "Nusselt number, top",
    "nusselt_bottom": "Nusselt number, bottom",
    "mean_temperature": "mean temperature",
    "vrms": "rms velocity",
}
MOST_COLUMNS = 5
IN_AN_INCH = 18
"""Letters of a title."""

MOST_LINES = 6
"""Values of another setting that are told apart in a legend; more are by a scale of colours."""

LOGARITHMIC = 5.0
"""Greatest value over the least from which an axis is logarithmic."""

LEAST_RANGE = 0.02
"""Least relative range of a vertical axis."""


def plot_sweep(path: Path, out: Path | None = None) -> tuple[Path, list[str]]:
    """Draw what the runs of a sweep that are done have measured.

    Into `out`, by default ``sweep.png`` in its directory.

    Returns
    -------
    Path, list of str
        The picture, and a line for each quantity: the law through it, or why there is none.

    Raises
    ------
    InputError
        No such sweep, a damaged run, or none that is done yet.
    """
    plan = Sweep.read(path)
    found = rows(plan)
    if not found:
        raise InputError(f"{path}: none of its {len(plan.runs)} runs is done yet; let one end.")
    place = picture_place(out, path / "sweep.png")
    laws, lines = dict[str, Law](), []
    for quantity in QUANTITIES:
        try:
            laws[quantity] = fit(found, plan.keys, quantity, plan.signed)
            lines.append(str(laws[quantity]))
        except NoLawError as why:
            lines.append(f"{quantity}: no scaling law, as {why}")
    with styled():
        save_picture(Picture(found, plan, laws).drawn(lines), place)
    return place, lines


class Picture:
    """A row of panels for each quantity, a column for each setting that varies.

    Colours tell values of another setting apart; dashes are the laws, other settings at their
    medians; hollow marks are runs that are left out of them.
    """

    def __init__(self, found: Sequence[SweepRow], plan: Sweep, laws: Mapping[str, Law]) -> None:
        self.found, self.laws = found, laws
        values = {key: [row[key] for row in found] for key in plan.keys}
        # What varies most first; of more there is no room.
        ranked = sorted(values, key=lambda key: len(set(map(str, values[key]))) < 2)
        self.keys = ranked[:MOST_COLUMNS]
        self.names = {key: in_picture(name) for key, name in short_names(plan.keys).items()}
        self.numeric = {key for key in self.keys if all(map(is_number, values[key]))}
        self.logarithmic = {
            key for key in self.numeric - plan.signed if _spans(values[key], LOGARITHMIC)
        }

    def drawn(self, lines: Sequence[str]) -> Figure:
        """The figure; `lines` say what the laws are."""
        width, rows_, columns = max(3.4 * len(self.keys), 5.4), len(QUANTITIES), len(self.keys)
        figure = Figure(figsize=(1.2 + width, 9.6))
        panels = figure.subplots(rows_, columns, squeeze=False, sharex="col", sharey="row")
        for column, key in zip(panels.T, self.keys, strict=True):
            self._draw_column(figure, column, key)
        for axis, name, line in zip(panels[:, 0], QUANTITIES.values(), lines, strict=True):
            axis.set(ylabel=name)
            axis.set_title(fill(in_picture(line), int(IN_AN_INCH * width)), loc="left", fontsize=7)
            low, high = axis.get_ylim()
            if high - low < LEAST_RANGE * abs(high):  # no picture of rounding
                margin = LEAST_RANGE * abs(high)
                axis.set(ylim=(low - margin, high + margin))
        if not all(map(has_settled, self.found)):
            note = "hollow: warms, cools or does not convect"
            figure.supxlabel(note, x=0.99, ha="right", fontsize=7)
        figure.align_ylabels(panels[:, 0])
        return figure

    def _draw_column(self, figure: Figure, axes: Any, key: str) -> None:
        """All quantities over one setting, in the colours of another one."""
        by = next((other for other in self.keys if other != key), None)
        groups = {} if by is None else {row[by]: None for row in self.found}
        in_legend = len(groups) <= MOST_LINES
        scale = self._scale(by) if by in self.numeric else None
        for k, value in enumerate(groups or [None]):
            colour = LINES[1 + k % MOST_LINES]
            if scale is not None and not in_legend:
                colour = cm.batlow(scale(value))
            mine = [row for row in self.found if by is None or row[by] == value]
            label = None if by is None else f"{self.names[by]} {brief_value(value)}"
            for axis, quantity in zip(axes, QUANTITIES, strict=True):
                self._draw_runs(axis, mine, key, quantity, colour, label)
                if in_legend:
                    self._draw_law(axis, quantity, key, {by: value}, colour)
        for axis, quantity in zip(axes, QUANTITIES, strict=True):
            if not in_legend:
                self._draw_law(axis, quantity, key, {}, "#222222")
            if _spans([row[quantity] for row in self.found], LOGARITHMIC):
                axis.set(yscale="log")
        if key in self.logarithmic:
            axes[-1].set(xscale="log")
        elif key in self.numeric:
            axes[-1].ticklabel_format(style="sci", axis="x", scilimits=(-2, 4))
        axes[-1].set(xlabel=self.names[key])
        if by is not None and in_legend:
            axes[0].legend(fontsize=7)
        elif by is not None and scale is not None:
            where: Any = {"ax": axes, "location": "top", "aspect": 40}
            figure.colorbar(ScalarMappable(scale, cm.batlow), label=self.names[by], **where)

    def _draw_runs(
        self, axis: Axes, mine: Sequence[SweepRow], key: str, quantity: str, colour: Any, label: Any
    ) -> None:
        x = [row[key] if key in self.numeric else brief_value(row[key]) for row in mine]
        y, spread = ([row[name] for row in mine] for name in (quantity, f"{quantity}_std"))
        filled = [colour if has_settled(row) else "white" for row in mine]
        axis.errorbar(x, y, spread, fmt="none", ecolor=colour, elinewidth=0.8)
        axis.scatter(x, y, s=22, c=filled, edgecolors=[colour], zorder=3, label=label)

    def _draw_law(
        self, axis: Axes, quantity: str, key: str, at: Mapping[Any, Any], colour: Any
    ) -> None:
        law = self.laws.get(quantity)
        if law is None or key not in law.exponents:
            return
        values = {other: np.median([row[other] for row in self.found]) for other in law.exponents}
        own = [row[key] for row in self.found]
        spaced = np.geomspace if key in self.logarithmic else np.linspace
        values |= {name: value for name, value in at.items() if name in values}
        values[key] = spaced(min(own), max(own), 50)
        axis.plot(values[key], law.at(values), "--", color=colour, lw=1.0)

    def _scale(self, key: str) -> Normalize:
        values = [row[key] for row in self.found]
        return (LogNorm if key in self.logarithmic else Normalize)(min(values), max(values))


def _spans(values: Sequence[float], factor: float) -> bool:
    """Whether positive values lie that far apart."""
    return min(values) > 0 and max(values) >= factor * min(values)
