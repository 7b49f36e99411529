"""Second order of the velocity on manufactured Stokes flows with smooth variable viscosity.

psi is a sum of sines, which makes the walls free-slip, and ln eta a smooth function without
symmetry.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from helpers.manufactured import driving_temperature, velocity_errors
from helpers.numerics import observed_orders
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import Given
from tellus.solver.stokes import Flow, StokesProblem

RAYLEIGH = 10.0


@dataclass(frozen=True)
class Waves:
    """Sum of amplitude sin(kx x + phase) sin(ky y + phase) and its derivatives."""

    terms: tuple[tuple[float, float, float, float], ...]

    def __call__(self, x: Array, y: Array, dx: int = 0, dy: int = 0) -> Array:
        """The derivative of order dx in x and dy in y: each turns the phase by a quarter."""
        total = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)))
        for amplitude, kx, ky, phase in self.terms:
            across = kx**dx * np.sin(kx * x + phase + dx * np.pi / 2)
            total += amplitude * across * ky**dy * np.sin(ky * y + phase + dy * np.pi / 2)
        return total


@dataclass(frozen=True)
class FlowOfWaves:
    """An exact flow on the box of width `aspect`, viscosity contrast exp(`log_contrast`)."""

    aspect: float
    log_contrast: float

    @property
    def psi(self) -> Waves:
        k = np.pi / self.aspect
        return Waves(((1.0, k, np.pi, 0.0), (0.4, 2 * k, np.pi, 0.0), (0.2, k, 3 * np.pi, 0.0)))

    @property
    def log_viscosity(self) -> Waves:
        """Between -1/2 and 1/2 of the logarithm of the contrast, extrema inside and on walls."""
        half, k = 0.5 * self.log_contrast, np.pi / self.aspect
        return Waves(((0.8 * half, k, np.pi, 0.5 * np.pi), (0.2 * half, 2 * k, 2.0, 0.4)))

    def viscosity(self, grid: Grid) -> Array:
        return np.exp(self.log_viscosity(grid.x_cells, grid.y_cells[:, None]))

    def solve(self, grid: Grid) -> Flow:
        temperature = driving_temperature(self.psi, self.log_viscosity, grid, RAYLEIGH)
        law = Given(self.viscosity(grid))
        problem = StokesProblem(grid, temperature, law, RAYLEIGH)
        return DirectSolver(grid).solve(problem)


@pytest.mark.parametrize("log10_contrast", [0, 2, 6])
@pytest.mark.parametrize(
    ("nx", "ny", "aspect"), [(32, 16, 1.5), (16, 24, 1.0)], ids=["y fast", "x fast"]
)
def test_velocity_is_second_order(nx: int, ny: int, aspect: float, log10_contrast: int) -> None:
    exact = FlowOfWaves(aspect, log10_contrast * np.log(10.0))
    grids = [Grid(nx * 2**n, ny * 2**n, aspect) for n in range(3)]
    errors = [velocity_errors(exact.solve(grid), exact.psi, grid) for grid in grids]
    for norm in zip(*errors, strict=True):
        assert min(observed_orders(norm)) >= 1.9
    assert errors[-1][0] < 0.01
