"""Labels of points in a picture that keep out of each other's way."""

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

REACHES = (5, 11, 18, 26, 36, 48)
ALIGNMENTS: dict[int, Literal["left", "center", "right"]] = {1: "left", 0: "center", -1: "right"}
DIRECTIONS = ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))


def label_points(axis: Axes, points: Sequence[tuple[float, float, str]], size: float = 6.5) -> None:
    """Write a text beside each point (x, y, text), at the nearest place that is still free."""
    if not points:
        return
    figure = axis.get_figure(root=True)
    assert figure is not None
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()  # the layout must be known
    renderer = canvas.renderer
    marks = [_mark(*axis.transData.transform((x, y))) for x, y, _ in points]
    frame, taken = axis.get_window_extent(renderer), list(marks)
    for (x, y, text), mark in zip(points, marks, strict=True):
        note = axis.annotate(
            text, (x, y), (0, 0), textcoords="offset points", fontsize=size, va="center"
        )
        for reach, (right, up) in product(REACHES, DIRECTIONS):
            note.set_position((right * reach, up * reach))
            note.set_horizontalalignment(ALIGNMENTS[right])
            box = note.get_window_extent(renderer)
            others = [other for other in taken if other is not mark]
            if not any(box.overlaps(other) for other in others) and _inside(box, frame):
                break
        taken.append(note.get_window_extent(renderer))


def _mark(x: float, y: float) -> Bbox:
    return Bbox.from_bounds(x - 4, y - 4, 8, 8)


def _inside(box: Bbox, frame: Bbox) -> bool:
    return bool(
        box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
    )
