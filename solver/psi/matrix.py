"""A as a sparse matrix: a pattern that never changes, and the values of one viscosity."""

import numpy as np

from tellus.solver.grid import Array
from tellus.solver.strain import node_viscosity

from .operator import PsiOperator
from .pattern import UpperPattern, upper_entries, weigh_walls


class PsiMatrix(UpperPattern):
    """The upper triangle of A for sparse direct solvers, rows in the order of `PsiOperator`."""

    def __init__(self, operator: PsiOperator) -> None:
        grid = operator.grid
        super().__init__(*((grid.nx, grid.ny) if operator.y_fast else (grid.ny, grid.nx)))

    @np.errstate(invalid="ignore", over="ignore", divide="ignore")
    def values(self, operator: PsiOperator, viscosity: Array) -> Array:
        """The nonzeros at a viscosity, shape (ny, nx), between the walls of `operator`.

        An impossible viscosity gives impossible values, and the factorisation then says so.
        """
        entries = np.stack(upper_entries(*_weights(operator, viscosity)), axis=-1)
        values: Array = entries.reshape(self.present.shape)[self.present]
        return values


def _weights(operator: PsiOperator, viscosity: Array) -> tuple[Array, Array, float, float]:
    """Those of cells and nodes, [slow, fast], and 1 / h^2 along fast and slow; see the C++."""
    grid = operator.grid
    nodes = node_viscosity(viscosity) * (grid.hx * grid.hy)
    weigh_walls(nodes, operator.no_slip)
    cells = viscosity * (4.0 / (grid.hx * grid.hy))
    if operator.y_fast:
        return cells.T, nodes.T, 1.0 / grid.hy**2, 1.0 / grid.hx**2
    return cells, nodes, 1.0 / grid.hx**2, 1.0 / grid.hy**2
