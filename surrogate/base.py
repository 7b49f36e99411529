"""The cheap solution a network starts from: a Stokes solve on a coarser grid, interpolated."""

from functools import cached_property
from typing import Protocol

import numpy as np

from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import StokesProblem, StokesSolver


class Base(Protocol):
    """A cheap stream function. A new one needs a name and this method."""

    name: str

    def stream_function(self, problem: StokesProblem) -> Array:
        """psi at the nodes of `problem.grid`, shape (ny+1, nx+1), zero on the walls."""
        ...


class CoarseBase:
    """The direct solution on a grid `factor` times coarser, interpolated by cubic splines.

    Temperature is averaged over blocks of cells (for an exponential viscosity
    law the coarse viscosity is then the geometric mean of the fine one). On
    free-slip walls psi and its second normal derivative vanish, which is what
    a natural spline assumes at its ends: the interpolation is fourth order up
    to the walls.
    """

    def __init__(self, grid: Grid, factor: int) -> None:
        if min(grid.nx, grid.ny) < 4 * factor:
            raise InputError(
                f"a {grid} grid is too small for a solve on one {factor} times coarser: "
                f"set grid.nx and grid.ny to at least {4 * factor}, or use --stokes direct."
            )
        self.name = f"coarse:{factor}"
        self.grid = grid
        self.factor = factor
        self.coarse = grid.coarsened(factor)
        self._along_y = spline_matrix(self.coarse.ny, factor)
        self._along_x = spline_matrix(self.coarse.nx, factor)

    @cached_property
    def _solver(self) -> StokesSolver:
        from tellus.solver.direct import DirectSolver

        return DirectSolver(self.coarse)

    def stream_function(self, problem: StokesProblem) -> Array:
        """psi at the nodes of the fine grid, shape (ny+1, nx+1)."""
        coarse = StokesProblem(
            self.coarse,
            block_mean(problem.temperature, self.factor),
            problem.rheology,
            problem.rayleigh,
            problem.boundaries,
            problem.time,
        )
        psi = self._along_y @ self._solver.solve(coarse).psi @ self._along_x.T
        psi[[0, -1]] = 0.0
        psi[:, [0, -1]] = 0.0
        return psi


def make_base(name: str, grid: Grid) -> Base:
    """The base called `name` ("coarse:N") on `grid`; raises InputError for another name."""
    kind, _, factor = name.partition(":")
    if kind != "coarse" or not factor.isdecimal() or int(factor) < 1:
        raise InputError(f'base "{name}" is not known: write "coarse:2" or "coarse:4".')
    return CoarseBase(grid, int(factor))


def block_mean(cells: Array, factor: int) -> Array:
    """Means over blocks of `factor` x `factor` cells, shape (ny/factor, nx/factor)."""
    ny, nx = cells.shape
    blocks = cells.reshape(ny // factor, factor, nx // factor, factor)
    return np.asarray(blocks.mean(axis=(1, 3)))


def spline_matrix(cells: int, factor: int) -> Array:
    """Natural cubic interpolation from nodes to `factor` times finer nodes.

    Shape (cells * factor + 1, cells + 1), dense.
    """
    from scipy.interpolate import CubicSpline

    coarse = np.arange(cells + 1.0)
    fine = np.arange(cells * factor + 1) / factor
    matrix: Array = CubicSpline(coarse, np.eye(cells + 1), bc_type="natural")(fine)
    return matrix
