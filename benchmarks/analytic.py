"""SolKz and SolCx: exact Stokes flows with viscosity contrasts of a million.

Both are separable, psi = X(x) Y(y) with one factor a sine, so that the curl of the
momentum equation

    (d_xx - d_yy)[eta (psi_yy - psi_xx)] - 4 d_xy[eta psi_xy] + d_x B = 0

becomes an ordinary differential equation of fourth order with exponentials for solutions;
the walls' and interface's conditions are a small linear system. Set-ups: Moresi, Zhong and
Gurnis (1996), Zhong (1996), Duretz et al. (2011).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.pressure import pressure
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem, relative_velocity_error

CASES = ("solkz", "solcx")
CONTRAST = 1e6

Exact = Callable[[Array, Array], tuple[Array, Array, Array]]


def solkz() -> Exact:
    """u, v and p at (x, y) for eta = exp(2 B y) and buoyancy sin(k y) cos(n pi x).

    Here k = 1.6 pi and n = 3. With psi = Y(y) sin(l x), l = n pi, and a right-hand side in
    exp((-2B + ik) y), Y is a sum of five exponentials.
    """
    k, b, m = 1.6 * np.pi, 0.5 * np.log(CONTRAST), 3 * np.pi
    polynomial = np.array([1.0, 4 * b, 4 * b**2 - 2 * m**2, -4 * b * m**2, m**4 + 4 * b**2 * m**2])
    roots = np.roots(polynomial)
    forced = -2 * b + 1j * k
    amplitude = -m / np.polyval(polynomial, forced)

    def particular(y: Array, order: int) -> Array:
        return np.imag(amplitude * forced**order * np.exp(forced * y))

    ends = np.array([0.0, 1.0])
    # Exponentials are referred to the end where they are largest, which keeps the system tame.
    origin = np.where(roots.real > 0, 1.0, 0.0)
    rows = [roots**order * np.exp(roots * (y - origin)) for order in (0, 2) for y in ends]
    right = np.concatenate([-particular(ends, 0), -particular(ends, 2)])
    weights = np.linalg.solve(np.array(rows), right.astype(complex))

    def profile(y: Array, order: int) -> Array:
        waves = roots**order * np.exp(roots * (np.asarray(y)[..., None] - origin))
        total: Array = np.real(waves @ weights) + particular(y, order)
        return total

    def exact(x: Array, y: Array) -> tuple[Array, Array, Array]:
        d0, d1, d2, d3 = (profile(y, order) for order in range(4))
        viscosity = np.exp(2 * b * y)
        shear_slope = viscosity * (d3 + m**2 * d1 + 2 * b * (d2 + m**2 * d0))
        p = (2 * viscosity * m * d1 - shear_slope / m) * np.cos(m * x)
        return d1 * np.sin(m * x), -m * d0 * np.cos(m * x), p

    return exact


def solcx() -> Exact:
    """u, v and p at (x, y) for eta = 1 left of x = 1/2 and 1e6 right of it.

    Buoyancy sin(pi y) cos(pi x); psi = X(x) sin(pi y), X a sum of (a + b x) exp(+-pi x) and
    a sine in each half; velocity and traction are continuous at the interface.
    """
    n = np.pi

    def basis(x: Array | float, order: int) -> Array:
        """Derivatives of exp(n x), x exp(n x), exp(-n x), x exp(-n x)."""
        plus, minus = np.exp(n * (x - 1.0)), np.exp(-n * x)
        return np.array(
            [
                n**order * plus,
                (n**order * x + order * n ** max(order - 1, 0)) * plus,
                (-n) ** order * minus,
                ((-n) ** order * x + order * (-n) ** max(order - 1, 0)) * minus,
            ]
        )

    def particular(x: Array | float, order: int, viscosity: float) -> Array:
        wave = np.sin(n * np.asarray(x) + order * np.pi / 2)
        return np.asarray(-wave * n**order / (4 * n**3 * viscosity))

    halves = ((0.0, 1.0, 1.0), (1.0, CONTRAST, -1.0))  # wall, viscosity, side of the interface
    matrix, vector = np.zeros((8, 8)), np.zeros(8)
    for half, (wall, viscosity, side) in enumerate(halves):
        at_wall, own = slice(2 * half, 2 * half + 2), slice(4 * half, 4 * half + 4)
        matrix[at_wall, own] = [basis(wall, order) for order in (0, 2)]
        vector[at_wall] = [-particular(wall, order, viscosity) for order in (0, 2)]
        forced = partial(particular, 0.5, viscosity=viscosity)
        matrix[4:, own] = side * _continuous(partial(basis, 0.5), viscosity)
        vector[4:] -= side * _continuous(forced, viscosity)
    weights = np.linalg.solve(matrix, vector).reshape(2, 4)

    def exact(x: Array, y: Array) -> tuple[Array, Array, Array]:
        flows = []
        for (_, viscosity, _), weight in zip(halves, weights, strict=True):
            d = [
                np.einsum("k,k...->...", weight, basis(x, order)) + particular(x, order, viscosity)
                for order in range(4)
            ]
            p = -(viscosity * (n**2 * d[1] - d[3]) + np.cos(n * x)) / n * np.cos(n * y)
            flows.append((n * d[0] * np.cos(n * y), -d[1] * np.sin(n * y), p))
        stiff = np.asarray(x) > 0.5
        u, v, p = (np.where(stiff, r, s) for s, r in zip(*flows, strict=True))
        return u, v, p

    return exact


def _continuous(derivative: Callable[[int], Array], viscosity: float) -> Array:
    """Velocity (X, X') and traction (shear, normal), of a half, at the interface."""
    x0, x1, x2, x3 = map(derivative, range(4))
    # Tractions are scaled by the stiffer side so that all rows weigh alike.
    scale = viscosity / CONTRAST
    return np.array([x0, x1, scale * (x2 + np.pi**2 * x0), scale * (3 * np.pi**2 * x1 - x3)])


def fields(case: str, grid: Grid) -> tuple[Array, Array]:
    """Buoyancy and viscosity at the cells of "solkz" or "solcx"."""
    x, y = np.meshgrid(grid.x_cells, grid.y_cells)
    if case == "solkz":
        return np.sin(1.6 * np.pi * y) * np.cos(3 * np.pi * x), np.exp(np.log(CONTRAST) * y)
    return np.sin(np.pi * y) * np.cos(np.pi * x), np.where(x > 0.5, CONTRAST, 1.0)


def errors(case: str, resolution: int) -> dict[str, float]:
    """Relative L2 errors of velocity and pressure on a square grid."""
    grid = Grid(resolution, resolution, 1.0)
    buoyancy, viscosity = fields(case, grid)
    problem = StokesProblem(grid, buoyancy, Given(viscosity), rayleigh=1.0)
    flow = DirectSolver(grid).solve(problem)
    exact = solkz() if case == "solkz" else solcx()
    u = exact(*np.meshgrid(grid.x_nodes, grid.y_cells))[0]
    v = exact(*np.meshgrid(grid.x_cells, grid.y_nodes))[1]
    p = exact(*np.meshgrid(grid.x_cells, grid.y_cells))[2]
    p -= np.mean(p)
    missed = pressure(flow, problem, viscosity) - p
    return {
        "velocity_error": relative_velocity_error(flow, replace(flow, u=u, v=v)),
        "pressure_error": float(np.linalg.norm(missed) / np.linalg.norm(p)),
    }
