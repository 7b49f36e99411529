"""Implicit conduction of fourth order between cell means, solved exactly on the box."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.core import Core
from tellus.solver.grid import Array, Grid

from .polynomials import REACH, padding, wall_weights


class MeanDiffusion:
    """Solves (1 - a H) T = rhs, H what the conductive fluxes of `MeanTransport` bring into cells.

    H is the sum of an operator along x and one along y. Both are diagonalised once, which
    diagonalises H (Lynch, Rice and Thomas 1964, Numer. Math. 6, 185): their eigenvalues are real,
    and the condition number of their eigenvectors is 1.5. O(N (nx + ny)) work. A `core` below adds
    an equation for its temperature.

    Parameters
    ----------
    grid : Grid
    boundaries : BoundaryConditions
    core : Core, optional
    """

    def __init__(
        self, grid: Grid, boundaries: BoundaryConditions, core: Core | None = None
    ) -> None:
        self.grid, self.boundaries, self.core = grid, boundaries, core
        left, right, bottom, top = boundaries.isothermal
        self._across, self._up = _line(grid.nx, (left, right)), _line(grid.ny, (bottom, top))

    def rate(self, temperature: Array, bottom: float) -> Array:
        """H T with what the walls hold or let in, shape (ny, nx)."""
        along_x = (self._across.operator @ temperature.T).T / self.grid.hx**2
        along_y = self._up.operator @ temperature / self.grid.hy**2
        found: Array = along_x + along_y + self._from_walls(self.boundaries.values(bottom))
        return found

    def solve(self, rhs: Array, a: float, bottom: float) -> tuple[Array, float]:
        """T of shape (ny, nx) with (1 - a H) T = rhs, and the temperature or flux of the bottom.

        With a core `bottom` is the right-hand side of T_b + a q_b / C = bottom, q_b the heat that
        leaves it.
        """
        cold = self.boundaries.values(bottom if self.core is None else 0.0)
        temperature = self._solved(rhs + a * self._from_walls(cold), a)
        if self.core is None:
            return temperature, bottom
        warm = np.array([0.0, 0.0, 1.0, 0.0])
        response = self._solved(a * self._from_walls(warm), a)
        base, gain = self.core.base(temperature), self.core.base(response)
        bottom = self.core.implicit(bottom, a, base, gain)
        return temperature + bottom * response, bottom

    def _from_walls(self, value: Array) -> Array:
        """What the walls bring into the cells next to them, as a field or a column of it."""
        spacings = np.array(self.grid.wall_spacings)
        condition = np.where(self.boundaries.fixed, value, -value * spacings)
        across = self._across.ends @ condition[:2] / self.grid.hx**2
        up = self._up.ends @ condition[2:] / self.grid.hy**2
        return np.asarray(across + up[:, None])

    def _solved(self, rhs: Array, a: float) -> Array:
        across, up = self._across, self._up
        decay = up.decay[:, None] / self.grid.hy**2 + across.decay / self.grid.hx**2
        modes = up.inverse @ rhs @ across.inverse.T / (1.0 + a * decay)
        found: Array = up.modes @ modes @ across.modes.T
        return found


@dataclass(frozen=True)
class _LineConduction:
    """Conduction between the cells of a line, of unit length, and through its ends.

    Attributes
    ----------
    operator : sparse array, shape (cells, cells)
    ends : array, shape (cells, 2)
        What comes in of the conditions at start and end: temperature, or slope inwards.
    decay, modes, inverse : arrays
        Of `operator`: eigenvalues with the sign changed, eigenvectors, their inverse.
    """

    operator: sparse.csr_array
    ends: Array
    decay: Array
    modes: Array
    inverse: Array


@lru_cache(maxsize=8)
def _line(cells: int, fixed: tuple[bool, bool]) -> _LineConduction:
    """Conduction along a line, its ends of `fixed` temperature or not; seconds for 1000 cells."""
    inside = sparse.diags_array(
        [1.0 / 12.0, -15.0 / 12.0, 15.0 / 12.0, -1.0 / 12.0],
        offsets=[0, 1, 2, 3],
        shape=(cells + 1, cells + 2 * REACH),
    )
    slopes = (inside @ padding(cells, fixed)).toarray()
    start, end = (wall_weights(holds)[REACH] for holds in fixed)
    near = np.arange(start.size - 1)
    slopes[[0, cells]] = 0.0
    slopes[0, near], slopes[0, cells] = start[1:], start[0]
    slopes[cells, cells - 1 - near], slopes[cells, cells + 1] = -end[1:], -end[0]
    gain = np.diff(slopes, axis=0)
    operator = gain[:, :cells]
    values, modes = np.linalg.eig(operator)
    return _LineConduction(
        sparse.csr_array(operator),
        np.ascontiguousarray(gain[:, cells:]),
        -values.real,
        np.ascontiguousarray(modes.real),
        np.linalg.inv(modes.real),
    )
