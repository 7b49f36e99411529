"""All that a simulation goes on from, as arrays; whether they are of a grid."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from tellus.solver.grid import Grid

Snapshot = dict[str, NDArray[Any]]


def require_fields_of(grid: Grid, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError where a field among them is of no grid in the box of this one."""
    shapes = {"u": grid.u_faces, "v": grid.v_faces, "psi": grid.nodes, "psi_before": grid.nodes}
    shapes["temperature"] = grid.cells
    for name, values in arrays.items():
        fits = values.shape == shapes.get(name, values.shape)
        if name.startswith("solver/") and values.ndim > 1:
            # Solvers remember fields of finer and coarser grids, too.
            rows, columns = values.shape[-2:]
            of_cells = rows * grid.nx == columns * grid.ny
            fits = of_cells or (rows - 1) * grid.nx == (columns - 1) * grid.ny
        if not fits:
            raise ValueError(f"{name} has shape {values.shape}, no field on {grid} cells")
