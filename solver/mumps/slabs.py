"""The box as lines of cells along its short side, and slabs of lines for several processes."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tellus.solver.grid import Array, Grid
from tellus.solver.strain import node_viscosity

Indices = NDArray[np.int32]
Walls = tuple[bool, bool, bool, bool]
"""Which hold the fluid fast: left, right, bottom, top."""


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

    def cell_lines(self, field: Array, first: int, last: int) -> Array:
        """Lines first..last-1 of a field at the cells; beyond a wall the line along it."""
        inside = self.oriented(field)[max(first, 0) : min(last, self.lines)]
        beyond = (max(-first, 0), max(last - self.lines, 0))
        return np.pad(inside, (beyond, (0, 0)), mode="edge")

    def node_weights(self, viscosity: Array, no_slip: Walls, first: int, last: int) -> Array:
        """Viscosity of the shear stress at node lines first..last-1, shape (last - first, cells+1).

        Node line a lies below cell line a. Zero on free-slip walls. On no-slip walls the
        velocity goes to zero over half a cell: twice the viscosity.
        """
        nodes = node_viscosity(self.cell_lines(viscosity, first - 1, last))[1:-1]
        left, right, bottom, top = (2.0 if fast else 0.0 for fast in no_slip)
        slow, fast = ((left, right), (bottom, top))[:: 1 if self.y_fast else -1]
        for line, factor in ((0, slow[0]), (self.lines, slow[1])):
            if first <= line < last:
                nodes[line - first] *= factor
        nodes[:, 0] *= fast[0]
        nodes[:, -1] *= fast[1]
        return nodes
