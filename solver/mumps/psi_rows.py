"""The rows of A psi = b that belong to one of several processes."""

import numpy as np

from tellus.solver.boundaries import NO_SLIP, BoundaryConditions, Wall
from tellus.solver.grid import Array
from tellus.solver.psi.matrix import PsiMatrix
from tellus.solver.psi.operator import PsiOperator

from .saddle_point import Equations
from .slabs import Slabs, Walls


class StreamFunctionRows:
    """The upper triangle of the stream-function operator, in equal shares of its rows."""

    def __init__(self, slabs: Slabs) -> None:
        self._grid = slabs.grid
        self._operator = PsiOperator(slabs.grid)
        self._matrix = PsiMatrix(self._operator)
        self.size = self._operator.unknowns
        first, last = (self.size * part // slabs.parts for part in (slabs.part, slabs.part + 1))
        self._own = slice(first, last)
        self._stored = slice(*self._matrix.indptr[[first, last]].tolist())
        self.indptr = self._matrix.indptr[first : last + 1] - self._matrix.indptr[first]
        self.indices = self._matrix.indices[self._stored]

    def assemble(self, viscosity: Array, buoyancy: Array, no_slip: Walls) -> Equations:
        """The equations at a viscosity, under a buoyancy Ra T; both of shape (ny, nx)."""
        self._operator = self._operator.between(_walls(no_slip))
        values = self._matrix.values(self._operator, viscosity)[self._stored]
        b = self._operator.to_unknowns(self._operator.right_hand_side(buoyancy, 1.0))[self._own]
        return Equations(values, b, np.ones_like(b))

    def fields(self, unknowns: Array) -> Array:
        """psi at the nodes from the unknowns of all processes, in order."""
        return self._operator.to_nodes(unknowns)


def _walls(no_slip: Walls) -> BoundaryConditions:
    left, right, bottom, top = (Wall(NO_SLIP) if fast else Wall() for fast in no_slip)
    return BoundaryConditions(left=left, right=right, bottom=bottom, top=top)
