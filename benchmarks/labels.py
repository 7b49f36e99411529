"""Labels of points in a picture that keep out of each other's way."""

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

REACHES = (5, 11, 18, 26, 36, 48)
ALIGNMENTS: dict[int, Literal["left", "center", "right"]] = {1: "left", 0: "center", -1: "right"}
NEAR = 11
"""Points of distance from which on a line leads to the label."""

DIRECTIONS = ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))


def label_points(
    axis: Axes,
    points: Sequence[tuple[float, float, str]],
    size: float = 6.5,
    renderer: Any = None,
) -> None:
    """Write a text beside each point (x, y, text), at the nearest place that is still free.

    A point without a text only takes its place. What ends up away from its point has a line to it.
    `renderer`: of the figure, where its layout is known already.
    """
    if not points:
        return
    renderer = renderer or laid_out(axis.get_figure(root=True))
    marks = [Bbox([at, at]).padded(4) for at in axis.transData.transform([p[:2] for p in points])]
    frame, taken = axis.get_window_extent(renderer), list(marks)
    for (x, y, text), mark in zip(points, marks, strict=True):
        if not text:
            continue
        note = axis.annotate(
            text, (x, y), (0, 0), textcoords="offset points", fontsize=size, va="center", zorder=4
        )
        note.set_path_effects([withStroke(linewidth=1.5, foreground="white")])
        for reach, (right, up) in product(REACHES, DIRECTIONS):
            note.set_position((right * reach, up * reach))
            note.set_horizontalalignment(ALIGNMENTS[right])
            box = note.get_window_extent(renderer)
            others = [other for other in taken if other is not mark]
            inside = frame.contains(*box.min) and frame.contains(*box.max)
            if inside and not any(box.overlaps(other) for other in others):
                break
        taken.append(note.get_window_extent(renderer))
        if reach > NEAR:
            _lead(axis, (mark.x0 + mark.x1) / 2, (mark.y0 + mark.y1) / 2, taken[-1])


def _lead(axis: Axes, x: float, y: float, box: Bbox) -> None:
    """A thin line from a point to the nearest place of its label, all in pixels."""
    ends = [(x, y), (np.clip(x, box.x0, box.x1), np.clip(y, box.y0, box.y1))]
    across, up = axis.transAxes.inverted().transform(ends).T
    axis.plot(across, up, transform=axis.transAxes, color="#777777", lw=0.4, zorder=2.5)


def laid_out(figure: Figure | None) -> Any:
    """What draws a figure, of which it is known by then where everything is."""
    assert figure is not None
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.renderer
