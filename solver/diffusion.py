"""The implicit diffusion step: (1 - a laplace) T = rhs, solved exactly on the box."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from . import _core
from .boundaries import BoundaryConditions, along_walls
from .core import Core
from .energy_kernels import diffuse
from .grid import Array, Grid


def eigenvalues(cells: int, h: float, offset: float = 0.0) -> Array:
    """Eigenvalues of minus the second difference along a line, shape (cells,).

    `offset` is 0 between insulating ends, 1 between ends of given value, and 1/2 for one of each.
    """
    angle = np.pi * (np.arange(cells, dtype=np.float64) + offset) / cells
    found: Array = (2.0 - 2.0 * np.cos(angle)) / h**2
    return found


class DiffusionSolver:
    """Solves (1 - a L) T = rhs, L the five-point Laplacian with its half cells at the walls.

    Along x the operator is diagonalised by the trigonometric transform that fits the
    conditions at the sides (DCT-II between two fluxes, DST-II between two temperatures,
    DCT-IV and DST-IV for one of each); along y each mode is a tridiagonal system. No
    splitting error; O(N log nx) work. A `core` below adds the row of its temperature to the
    modes that a uniform bottom heats: the mean alone between insulating sides.

    What the bottom holds comes with each call, since it may change in time.
    """

    def __init__(
        self, grid: Grid, boundaries: BoundaryConditions, core: Core | None = None
    ) -> None:
        self.grid, self.boundaries, self.core = grid, boundaries, core
        left, right, *_ = boundaries.isothermal
        self._family = "dst" if left else "dct"
        self._type = 2 if left == right else 4

    @cached_property
    def _eigenvalues(self) -> Array:
        """Eigenvalues of -d^2/dx^2, shape (nx,)."""
        offset = {2: 1.0 if self._family == "dst" else 0.0, 4: 0.5}[self._type]
        return eigenvalues(self.grid.nx, self.grid.hx, offset)

    def rate(self, temperature: Array, bottom: float, onto: Array | None = None) -> Array:
        """L T with what the walls hold or let in, shape (ny, nx), added `onto` another in place."""
        found, grid = np.zeros(self.grid.cells) if onto is None else onto, self.grid
        walls = self.boundaries.fixed, self.boundaries.values(bottom)
        diffuse(temperature, grid.hx, grid.hy, *walls, found)
        return found

    def solve(self, rhs: Array, a: float, bottom: float) -> tuple[Array, float]:
        """T of shape (ny, nx) with (1 - a L) T = rhs, and the value at the bottom.

        That is the one given, or, with a core, its temperature T_b: `bottom` is then the
        right-hand side of (1 + a r) T_b - a r mean(T[0]) = bottom, with r the core's rate.
        """
        given = self.boundaries.values(bottom if self.core is None else 0.0)
        spectrum = self._transform(rhs + a * self._wall_source(given))
        self._solve_lines(a, spectrum, self._eigenvalues)
        if self.core is None:
            return self._back(spectrum), bottom
        modes, uniform = self._heated_modes
        response = np.zeros((self.grid.ny, modes.size))
        response[0] = 2.0 * a / self.grid.hy**2 * uniform
        self._solve_lines(a, response, self._eigenvalues[modes])
        # What the lowest cells are on average with the bottom at zero, and per degree of it.
        base, gain = (
            float(row @ uniform) / self.grid.nx for row in (spectrum[0, modes], response[0])
        )
        bottom = self.core.implicit(bottom, a, base, gain)
        spectrum[:, modes] += bottom * response
        return self._back(spectrum), bottom

    def _transform(self, field: Array) -> Array:
        spectrum = getattr(fft, self._family)(field, self._type, axis=-1, norm="ortho")
        return np.ascontiguousarray(spectrum)

    def _back(self, spectrum: Array) -> Array:
        return np.asarray(
            getattr(fft, f"i{self._family}")(spectrum, self._type, axis=-1, norm="ortho")
        )

    def _solve_lines(self, a: float, spectrum: Array, eigenvalues: Array) -> None:
        """Solve the modes of `eigenvalues` in place."""
        shift = 1.0 + a * eigenvalues
        *_, bottom, top = self.boundaries.isothermal
        _core.solve_lines(a, self.grid.hy, shift, bottom, top, spectrum)

    @cached_property
    def _heated_modes(self) -> tuple[NDArray[np.intp], Array]:
        """The modes of a temperature that is one along x, and their amplitudes."""
        uniform = self._transform(np.ones(self.grid.nx))
        modes = np.flatnonzero(np.abs(uniform) > 1e-13 * np.max(np.abs(uniform)))
        return modes, uniform[modes]

    def _wall_source(self, value: Array) -> Array:
        """What fixed temperatures and fluxes add to the Laplacian of the wall cells."""
        source = np.zeros(self.grid.cells)
        around = along_walls(source), self.grid.wall_spacings, self.boundaries.fixed, value
        for edge, h, fixed, at_wall in zip(*around, strict=True):
            edge += 2.0 * at_wall / h**2 if fixed else at_wall / h
        return source
