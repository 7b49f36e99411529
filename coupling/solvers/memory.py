"""What each solver holds at most while it solves, in bytes, known from its name and the grid.

A solver that its name ends in, and that it calls, counts by itself.

Arrays are counted; what cannot be, libraries and the factors of sparse solvers, was measured
(`tellus bench stokes`, up to 1024x256) and is within a fifth of that.
"""

from math import log2

from tellus.config.solver_spec import SolverSpec
from tellus.solver.grid import Grid

from .arguments import is_whole

BASE = SolverSpec("coarse", ("4",))
"""The base solver of the shipped surrogate."""

FLOAT = 8.0
TORCH, PETSC, MKL = 195e6, 60e6, 40e6
"""Bytes that the libraries take."""

DIGITS = {"mumps": 170.0, "mumps:lu": 333.0, "mumps-psi": 88.0}
"""Bytes of MUMPS per cell and binary digit of their number."""


def fields(grid: Grid, count: float) -> float:
    """Bytes of `count` arrays of the size of the grid."""
    return FLOAT * count * grid.nx * grid.ny


def bands(grid: Grid) -> float:
    """Bytes of the banded factor of a direct solve."""
    return FLOAT * (grid.nx - 1) * (grid.ny - 1) * (2 * min(grid.nx, grid.ny) - 1)


def direct(spec: SolverSpec, grid: Grid) -> float:
    """The bands."""
    return bands(grid)


def lagged(spec: SolverSpec, grid: Grid) -> float:
    """The bands and the vectors of the iteration."""
    return bands(grid) + fields(grid, 8)


def coarse(spec: SolverSpec, grid: Grid) -> float:
    """The bands of the coarse grid, and its nodes interpolated along each direction."""
    factor = _factor(spec, 4)
    small = max(4, grid.nx // factor), max(4, grid.ny // factor)
    between = FLOAT * (grid.nx * small[0] + grid.ny * small[1])
    return bands(Grid(*small)) + between + fields(grid, 4)


def fine(spec: SolverSpec, grid: Grid) -> float:
    """T and the flow on the finer `grid`; the solver, where the name does not end in one."""
    own = fields(grid, 8)
    return own if spec.inner else own + refined(SolverSpec("refined"), grid)


def reduced(spec: SolverSpec, grid: Grid) -> float:
    """The bands between splines, and the sums that fill them."""
    return _splines(grid, _factor(spec, 4)) + fields(grid, 8)


def refined(spec: SolverSpec, grid: Grid) -> float:
    """The bands between splines, the smoother's weights and the vectors of the iteration."""
    from tellus.solver.krylov import fastest_factor

    return _splines(grid, _factor(spec, fastest_factor(grid))) + fields(grid, 22)


def pardiso(spec: SolverSpec, grid: Grid) -> float:
    """A sparse factor, and MKL."""
    cells = grid.nx * grid.ny
    return MKL + 55.0 * cells * log2(cells)


def mumps(spec: SolverSpec, grid: Grid) -> float:
    """A sparse factor, and PETSc."""
    lu = spec.kind == "mumps" and "lu" in spec.arguments
    cells = grid.nx * grid.ny
    return PETSC + DIGITS["mumps:lu" if lu else spec.kind] * cells * log2(cells)


def surrogate(spec: SolverSpec, grid: Grid) -> float:
    """The base, what the network computes on, and PyTorch."""
    return TORCH + coarse(BASE, grid) + fields(grid, 32)


def _splines(grid: Grid, factor: int) -> float:
    along, across = max(grid.cells) / factor, min(grid.cells) / factor + 1
    return FLOAT * along * (across * (4 * across + 1) + 25 * factor * across)


def _factor(spec: SolverSpec, default: int) -> int:
    first = spec.arguments[:1]
    return int(first[0]) if first and is_whole(first[0]) else default
