"""The implicit diffusion step: (1 - a laplace) T = rhs, solved exactly on the box."""

from functools import cached_property

import numpy as np
from scipy import fft

from . import _core
from .boundaries import TEMPERATURE, BoundaryConditions
from .grid import Array, Grid


class DiffusionSolver:
    """Solves (1 - a L) T = rhs, L the five-point Laplacian with its half cells at the walls.

    Along x the operator is diagonalised by the trigonometric transform that fits the
    conditions at the sides (DCT-II between two fluxes, DST-II between two temperatures,
    DCT-IV and DST-IV for one of each); along y each mode is a tridiagonal system. No
    splitting error; O(N log nx) work.

    Wall values come with each call, since they may change in time; their kinds do not.
    """

    def __init__(self, grid: Grid, boundaries: BoundaryConditions) -> None:
        self.grid = grid
        self._fixed = [wall.thermal == TEMPERATURE for wall in boundaries.walls.values()]
        left, right = self._fixed[:2]
        self._family = "dst" if left else "dct"
        self._type = 2 if left == right else 4

    @cached_property
    def _eigenvalues(self) -> Array:
        """Of -d^2/dx^2, shape (nx,)."""
        offset = {2: 1.0 if self._family == "dst" else 0.0, 4: 0.5}[self._type]
        angle = np.pi * (np.arange(self.grid.nx, dtype=np.float64) + offset) / self.grid.nx
        eigenvalues: Array = (2.0 - 2.0 * np.cos(angle)) / self.grid.hx**2
        return eigenvalues

    def solve(self, rhs: Array, a: float, value: Array) -> Array:
        """T of shape (ny, nx) with (1 - a L) T = rhs and wall values left, right, bottom, top."""
        forward = getattr(fft, self._family)
        inverse = getattr(fft, f"i{self._family}")
        spectrum = forward(rhs + a * self._wall_source(value), self._type, axis=1, norm="ortho")
        shift = 1.0 + a * self._eigenvalues
        spectrum = np.ascontiguousarray(spectrum)
        _core.solve_lines(a, self.grid.hy, shift, self._fixed[2], self._fixed[3], spectrum)
        return np.asarray(inverse(spectrum, self._type, axis=1, norm="ortho"))

    def _wall_source(self, value: Array) -> Array:
        """What fixed temperatures and fluxes add to the Laplacian of the wall cells."""
        source = np.zeros(self.grid.cells)
        edges = (source[:, 0], source[:, -1], source[0], source[-1])
        spacings = (self.grid.hx, self.grid.hx, self.grid.hy, self.grid.hy)
        for edge, h, fixed, at_wall in zip(edges, spacings, self._fixed, value, strict=True):
            edge += 2.0 * at_wall / h**2 if fixed else at_wall / h
        return source
