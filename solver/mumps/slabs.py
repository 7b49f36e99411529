"""The box as lines of cells along its short side, and slabs of lines for several processes."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array, Grid

Indices = NDArray[np.int32]


class Slabs:
    """The orientation in which unknowns are numbered, and a cut into equal slabs.

    "Fast" is the direction along a line, the short side of the box; "slow" the one across.

    Parameters
    ----------
    grid : Grid
    part, parts : int
        Which of how many slabs is this process's own.
    """

    def __init__(self, grid: Grid, part: int = 0, parts: int = 1) -> None:
        self.grid, self.part, self.parts = grid, part, parts
        self.y_fast = grid.ny <= grid.nx
        if self.y_fast:
            self.lines, self.cells, self.hs, self.hf = grid.nx, grid.ny, grid.hx, grid.hy
        else:
            self.lines, self.cells, self.hs, self.hf = grid.ny, grid.nx, grid.hy, grid.hx

    @cached_property
    def cuts(self) -> list[int]:
        """The line where each slab begins, and the number of lines; shape (parts + 1,)."""
        return [self.lines * part // self.parts for part in range(self.parts + 1)]

    def oriented(self, field: Array) -> Array:
        """A field of the grid indexed [slow, fast], or the other way round; a view."""
        return field.T if self.y_fast else field

    def lines_of(self, field: Array, first: int, last: int) -> Array:
        """Lines first..last-1 of a field at cells or nodes; beyond a wall the line along it."""
        whole = self.oriented(field)
        inside = whole[max(first, 0) : min(last, len(whole))]
        beyond = (max(-first, 0), max(last - len(whole), 0))
        return np.pad(inside, (beyond, (0, 0)), mode="edge")
