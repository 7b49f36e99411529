"""The cheap solution a network starts from."""

from typing import Protocol

from tellus.errors import InputError
from tellus.solver.coarse import CoarseSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import StokesProblem


class Base(Protocol):
    """A cheap stream function. A new one needs a name and this method."""

    name: str

    def stream_function(self, problem: StokesProblem) -> Array:
        """psi at the nodes of `problem.grid`, shape (ny+1, nx+1), zero on the walls."""
        ...


def make_base(name: str, grid: Grid) -> Base:
    """The base called `name` ("coarse:N") on `grid`; raises InputError for another name."""
    kind, _, factor = name.partition(":")
    if kind != "coarse" or not factor.isdecimal() or int(factor) < 1:
        raise InputError(f'base "{name}" is not known: write "coarse:2" or "coarse:4".')
    return CoarseSolver(grid, int(factor))
