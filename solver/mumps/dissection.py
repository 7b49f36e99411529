"""Nested dissection of the staggered unknowns: an elimination order with little fill-in.

George (1973): a line of unknowns that cuts the box in two is eliminated last, and the halves are
cut in the same way. Here a cut takes the velocities across it and those along it on one side, so
that nothing couples the halves; inside the last pieces pressures follow their velocities, as
their own diagonal is zero.
"""

import numpy as np
from numpy.typing import NDArray

LEAF = 4
"""Cells along a side of the last pieces."""


def nested_dissection(lines: int, cells: int) -> NDArray[np.intp]:
    """Flat indices into (slow velocity, fast velocity, pressure) x lines x cells, in order.

    Velocities on the walls, the first of each line and direction, are among them.
    """
    kind, line, cell = np.indices((3, lines, cells)).reshape(3, -1)
    # Twice the coordinates: even on faces, odd in the middle of a cell.
    at = np.stack([2 * line + (kind != 0), 2 * cell + (kind != 1)])
    order: list[NDArray[np.intp]] = []

    def cut(inside: NDArray[np.intp], corner: tuple[int, int], size: tuple[int, int]) -> None:
        if max(size) <= LEAF:
            order.append(inside[np.argsort(kind[inside] == 2, kind="stable")])
            return
        across = 0 if size[0] >= size[1] else 1
        half = size[across] // 2
        middle = 2 * (corner[across] + half)
        place = at[across, inside]
        on_it = (place == middle) & (kind[inside] == across)
        on_it |= (place == middle + 1) & (kind[inside] == 1 - across)
        before = place < middle
        rest = (half, size[1]) if across == 0 else (size[0], half)
        cut(inside[before], corner, rest)
        moved = (corner[0] + half, corner[1]) if across == 0 else (corner[0], corner[1] + half)
        rest = (size[0] - half, size[1]) if across == 0 else (size[0], size[1] - half)
        cut(inside[~before & ~on_it], moved, rest)
        order.append(inside[on_it])

    cut(np.arange(kind.size), (0, 0), (lines, cells))
    return np.concatenate(order)
