"""How figures look: one style, lines told apart by all, fields in Crameri's (2018) colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from cmcrameri import cm
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

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


def leave_out_spikes(axis: Axes, values: Array) -> None:
    """Limits of the vertical axis that the few largest and smallest values may leave."""
    low, high = np.nanpercentile(values, [0.5, 99.5])
    margin = 0.08 * max(high - low, 1e-6 * max(abs(high), 1e-300))
    axis.set(ylim=(low - margin, high + margin))
