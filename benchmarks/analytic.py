"""SolKz and SolCx: exact Stokes flows with viscosity contrasts of a million.

Both are separable, psi = X(x) Y(y) with one factor a sine, so that the curl of the
momentum equation

    (d_xx - d_yy)[eta (psi_yy - psi_xx)] - 4 d_xy[eta psi_xy] + d_x B = 0

becomes an ordinary differential equation of fourth order with exponentials for solutions;
the walls' and interface's conditions are a small linear system. Set-ups: Moresi, Zhong and
Gurnis (1996), Zhong (1996), Duretz et al. (2011).
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.pressure import pressure
from tellus.solver.rheology import Given
from tellus.solver.stokes import Flow, StokesProblem

from .rows import ErrorRow, error_rows, one_case
from .spread import Row

CASES = ("solkz", "solcx")
CONTRAST = 1e6

Exact = Callable[[Array, Array], tuple[Array, Array, Array]]


def main(case: str = "solkz", resolution: int = 64) -> Row:
    """Errors of `case` on resolution x resolution cells and on half as many, with their order."""
    known = {name: partial(verify, name) for name in CASES}
    return one_case(known, case, [resolution // 2, resolution])


def verify(case: str, resolutions: Sequence[int]) -> list[ErrorRow]:
    """Relative L2 errors of velocity and pressure at each resolution, with observed orders."""
    found = {resolution: errors(case, resolution) for resolution in resolutions}
    return error_rows(case, found)


def solkz(k: float = 1.6 * np.pi, n: int = 3) -> Exact:
    """u, v and p at (x, y) for eta = exp(2 B y) and buoyancy sin(k y) cos(n pi x).

    With psi = Y(y) sin(l x), l = n pi, and a right-hand side in exp((-2B + ik) y), Y is a
    sum of five exponentials.
    """
    b, m = 0.5 * np.log(CONTRAST), n * np.pi
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
    viscosities = (1.0, CONTRAST)

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

    left, right = viscosities
    matrix, vector = np.zeros((8, 8)), np.zeros(8)
    for row, (x, order, half) in enumerate(
        ((0.0, 0, 0), (0.0, 2, 0), (1.0, 0, 1), (1.0, 2, 1)), start=0
    ):
        matrix[row, 4 * half : 4 * half + 4] = basis(x, order)
        vector[row] = -particular(x, order, viscosities[half])
    for row in range(4):
        # The last two are tractions, scaled by the stiffer side so that all rows weigh alike.
        unit = right if row >= 2 else 1.0
        matrix[4 + row, :4] = _jump(row, lambda order: basis(0.5, order), left) / unit
        matrix[4 + row, 4:] = -_jump(row, lambda order: basis(0.5, order), right) / unit
        forced_right = _jump(row, lambda order: particular(0.5, order, right), right)
        forced_left = _jump(row, lambda order: particular(0.5, order, left), left)
        vector[4 + row] = (forced_right - forced_left) / unit
    weights = np.linalg.solve(matrix, vector).reshape(2, 4)

    def exact(x: Array, y: Array) -> tuple[Array, Array, Array]:
        halves = []
        for viscosity, weight in zip(viscosities, weights, strict=True):
            d = [
                np.einsum("k,k...->...", weight, basis(x, order)) + particular(x, order, viscosity)
                for order in range(4)
            ]
            p = -(viscosity * (n**2 * d[1] - d[3]) + np.cos(n * x)) / n * np.cos(n * y)
            halves.append((n * d[0] * np.cos(n * y), -d[1] * np.sin(n * y), p))
        stiff = np.asarray(x) > 0.5
        u, v, p = (np.where(stiff, r, s) for s, r in zip(*halves, strict=True))
        return u, v, p

    return exact


def _jump(row: int, derivative: Callable[[int], Array], viscosity: float) -> Array:
    """What is continuous across the interface: velocity (X, X') and traction (shear, normal)."""
    n = np.pi
    if row < 2:
        return derivative(row)
    if row == 2:
        return viscosity * (derivative(2) + n**2 * derivative(0))
    return viscosity * (3 * n**2 * derivative(1) - derivative(3))


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
    return {
        "velocity_error": _velocity_error(flow, exact, grid),
        "pressure_error": _pressure_error(pressure(flow, problem, viscosity), exact, grid),
    }


def _velocity_error(flow: Flow, exact: Exact, grid: Grid) -> float:
    u = exact(*np.meshgrid(grid.x_nodes, grid.y_cells))[0]
    v = exact(*np.meshgrid(grid.x_cells, grid.y_nodes))[1]
    wrong = np.sum((flow.u - u) ** 2) + np.sum((flow.v - v) ** 2)
    return float(np.sqrt(wrong / (np.sum(u**2) + np.sum(v**2))))


def _pressure_error(p: Array, exact: Exact, grid: Grid) -> float:
    true = exact(*np.meshgrid(grid.x_cells, grid.y_cells))[2]
    true = true - np.mean(true)
    return float(np.linalg.norm(p - true) / np.linalg.norm(true))
