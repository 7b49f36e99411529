"""Second order of the velocity on manufactured Stokes flows with smooth variable viscosity.

psi is a sum of sines, which makes the walls free-slip, and ln eta a smooth function without
symmetry. The momentum equation's curl,

    (d_yy - d_xx) [eta (psi_yy - psi_xx)] + 4 d_xy [eta psi_xy] = Ra dT/dx,

gives the temperature by integration along x.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from numerics import GivenViscosity, observed_orders

from tellus.solver.diagnostics import surface_velocity
from tellus.solver.direct.solver import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem, vrms

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
class Manufactured:
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

    def curl_of_stress(self, x: Array, y: Array) -> Array:
        """The left-hand side of the equation above, derivatives of the products written out."""
        psi, g = self.psi, self.log_viscosity
        g_x, g_y = g(x, y, 1, 0), g(x, y, 0, 1)
        # eta derivatives over eta, from those of g = ln eta.
        eta_xx, eta_yy = g(x, y, 2, 0) + g_x**2, g(x, y, 0, 2) + g_y**2
        eta_xy = g(x, y, 1, 1) + g_x * g_y

        def shear(dx: int, dy: int) -> Array:
            return psi(x, y, dx, dy + 2) - psi(x, y, dx + 2, dy)

        def normal(dx: int, dy: int) -> Array:
            return psi(x, y, dx + 1, dy + 1)

        shear_yy = eta_yy * shear(0, 0) + 2.0 * g_y * shear(0, 1) + shear(0, 2)
        shear_xx = eta_xx * shear(0, 0) + 2.0 * g_x * shear(1, 0) + shear(2, 0)
        normal_xy = eta_xy * normal(0, 0) + g_x * normal(0, 1) + g_y * normal(1, 0) + normal(1, 1)
        return np.exp(g(x, y)) * (shear_yy - shear_xx + 4.0 * normal_xy)

    def temperature(self, grid: Grid) -> Array:
        """T at the cells, zero in the first column, by Gauss quadrature from cell to cell."""
        points, weights = np.polynomial.legendre.leggauss(8)
        left = grid.x_cells[:-1, None]
        x = left + 0.5 * grid.hx * (points + 1.0)
        gradient = self.curl_of_stress(x[None], grid.y_cells[:, None, None]) / RAYLEIGH
        rises = 0.5 * grid.hx * gradient @ weights
        return np.concatenate([np.zeros((grid.ny, 1)), np.cumsum(rises, axis=1)], axis=1)

    def solve(self, grid: Grid) -> Flow:
        problem = StokesProblem(
            grid, self.temperature(grid), GivenViscosity(self.viscosity(grid)), RAYLEIGH
        )
        return DirectSolver(grid).solve(problem)


def velocity_errors(exact: Manufactured, grid: Grid) -> tuple[float, float]:
    """Relative errors of u and v: root mean square over all faces, and largest."""
    flow = exact.solve(grid)
    u = exact.psi(grid.x_nodes, grid.y_cells[:, None], 0, 1)
    v = -exact.psi(grid.x_cells, grid.y_nodes[:, None], 1, 0)
    wrong = np.concatenate([(flow.u - u).ravel(), (flow.v - v).ravel()])
    right = np.concatenate([u.ravel(), v.ravel()])
    largest = np.max(np.abs(wrong)) / np.max(np.abs(right))
    return float(np.linalg.norm(wrong) / np.linalg.norm(right)), float(largest)


@pytest.mark.parametrize("log10_contrast", [0, 2, 6])
@pytest.mark.parametrize(
    ("nx", "ny", "aspect"), [(32, 16, 1.5), (16, 24, 1.0)], ids=["y fast", "x fast"]
)
def test_velocity_is_second_order(nx: int, ny: int, aspect: float, log10_contrast: int) -> None:
    exact = Manufactured(aspect, log10_contrast * np.log(10.0))
    errors = [velocity_errors(exact, Grid(nx * 2**n, ny * 2**n, aspect)) for n in range(3)]
    for norm in zip(*errors, strict=True):
        assert min(observed_orders(norm)) >= 1.9
    assert errors[-1][0] < 0.01


def test_vrms_and_surface_velocity_of_the_solution_are_second_order() -> None:
    exact = Manufactured(aspect=1.5, log_contrast=np.log(100.0))
    # Exact to rounding: sines are orthogonal, and the midpoint rule integrates them exactly.
    fine = Grid(64, 64, 1.5)
    x, y = fine.x_cells, fine.y_cells[:, None]
    exact_vrms = np.sqrt(np.mean(exact.psi(x, y, 0, 1) ** 2 + exact.psi(x, y, 1, 0) ** 2))
    vrms_errors, surface_errors = [], []
    for n in (16, 32, 64):
        grid = Grid(2 * n, n, 1.5)
        flow = exact.solve(grid)
        surface = exact.psi(grid.x_nodes, np.ones(1), 0, 1)
        vrms_errors.append(abs(vrms(flow, grid) / exact_vrms - 1.0))
        surface_errors.append(float(np.max(np.abs(surface_velocity(flow) - surface))))
    assert min(observed_orders(vrms_errors)) >= 1.9
    assert min(observed_orders(surface_errors)) >= 1.9
