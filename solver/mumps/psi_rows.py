"""The rows of A psi = b that belong to one of several processes."""

import numpy as np

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array
from tellus.solver.psi.matrix import PsiMatrix
from tellus.solver.psi.operator import PsiOperator

from .petsc import Pattern
from .saddle_point import Equations
from .slabs import Slabs


class StreamFunctionRows:
    """The upper triangle of the stream-function operator, in equal shares of its rows."""

    def __init__(self, slabs: Slabs) -> None:
        self._operator = PsiOperator(slabs.grid)
        self._matrix = PsiMatrix(self._operator)
        size = self._operator.unknowns
        first, last = (size * part // slabs.parts for part in (slabs.part, slabs.part + 1))
        self._own = slice(first, last)
        self._stored = slice(*self._matrix.indptr[[first, last]].tolist())
        indptr = self._matrix.indptr[first : last + 1] - self._matrix.indptr[first]
        self.pattern = Pattern(size, indptr, self._matrix.indices[self._stored])

    def assemble(
        self, viscosity: Array, buoyancy: Array, boundaries: BoundaryConditions
    ) -> Equations:
        """The equations at a viscosity, under a buoyancy Ra T; both of shape (ny, nx)."""
        self._operator = self._operator.between(boundaries)
        values = self._matrix.values(self._operator, viscosity)[self._stored]
        b = self._operator.to_unknowns(self._operator.right_hand_side(buoyancy, 1.0))[self._own]
        return Equations(values, b, np.ones_like(b))

    def flow(self, unknowns: Array) -> tuple[Array, None]:
        """psi at the nodes from the unknowns of all processes, in order; no pressure."""
        return self._operator.to_nodes(unknowns), None
