"""A plain Python reference of high-order transport: polynomials by NumPy, a face at a time."""

import numpy as np

from tellus.solver.boundaries import TEMPERATURE, BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow


def polynomial(conditions: list[tuple[Array, float]]) -> np.polynomial.Polynomial:
    """The one whose linear functionals, given on the powers, have these values."""
    rows, values = zip(*conditions, strict=True)
    return np.polynomial.Polynomial(np.linalg.solve(np.array(rows), np.array(values)))


def mean_of_powers(start: float, count: int) -> Array:
    """Means of 1, s, s^2, ... over [start, start + 1]."""
    return np.array([((start + 1) ** (k + 1) - start ** (k + 1)) / (k + 1) for k in range(count)])


def mean(of: np.polynomial.Polynomial, start: float) -> float:
    whole = of.integ()
    return float(whole(start + 1) - whole(start))


def line_with_ghosts(
    cells: Array, h: float, walls: tuple[tuple[bool, float], tuple[bool, float]]
) -> tuple[Array, float, float]:
    """Two cells beyond each end, and the flux along the line at both ends."""
    ends = []
    for inward, (fixed, value) in zip((cells, cells[::-1]), walls, strict=True):
        first = np.eye(5)[0] if fixed else np.eye(5)[1]
        at_wall = value if fixed else -value * h
        through = [(mean_of_powers(k, 5), float(inward[k])) for k in range(4)]
        fit = polynomial([(first, at_wall), *through])
        ends.append(([mean(fit, -2), mean(fit, -1)], -float(fit.deriv()(0.0)) / h))
    (before, into_start), (after, into_end) = ends
    return np.array([*before, *cells, *after[::-1]]), into_start, -into_end


def minmod(*values: float) -> float:
    if min(values) > 0.0:
        return min(values)
    return max(values) if max(values) < 0.0 else 0.0


def face_mean(upwind: Array) -> float:
    """Suresh and Huynh (1997), eqs. 2.1 and 2.12 to 2.32: from five cells, the third upwind."""
    a, b, c, d, e = upwind.tolist()
    face = (2 * a - 13 * b + 47 * c + 27 * d - 3 * e) / 60
    if (face - c) * (face - (c + minmod(d - c, 4 * (c - b)))) <= 1e-12:
        return float(face)
    curvatures = [a - 2 * b + c, b - 2 * c + d, c - 2 * d + e]
    ahead, behind = (
        minmod(4 * here - other, 4 * other - here, here, other)
        for here, other in ((curvatures[1], curvatures[2]), (curvatures[1], curvatures[0]))
    )
    upper, median = c + 4 * (c - b), (c + d) / 2 - ahead / 2
    large = c + (c - b) / 2 + 4 / 3 * behind
    least = max(min(c, d, median), min(c, upper, large))
    most = min(max(c, d, median), max(c, upper, large))
    return float(np.median([face, least, most]))


def line_fluxes(cells: Array, speed: Array, h: float, walls: tuple, products: Array) -> Array:
    """Heat along a line of cells through its faces; `products` comes on top inside."""
    padded, at_start, at_end = line_with_ghosts(cells, h, walls)
    flux = np.empty(len(cells) + 1)
    flux[0], flux[-1] = at_start, at_end
    for face in range(1, len(cells)):
        around = padded[face - 1 : face + 5]
        upwind = around[:5] if speed[face] > 0 else around[:0:-1]
        back, near, ahead, beyond = around[1:5]
        gradient = (back - 15 * near + 15 * ahead - beyond) / 12 / h
        flux[face] = speed[face] * face_mean(upwind) - gradient + products[face]
    return flux


def along(field: Array, h: float) -> Array:
    """The derivative along the first axis at the same places, second order, one-sided at ends."""
    return np.asarray(np.gradient(field, h, axis=0, edge_order=2))


def fluxes(
    temperature: Array, flow: Flow, grid: Grid, boundaries: BoundaryConditions
) -> tuple[Array, Array]:
    """Through vertical faces, shape (ny, nx+1), and horizontal ones, (ny+1, nx)."""
    left, right, bottom, top = (
        (wall.thermal == TEMPERATURE, wall.value) for wall in boundaries.walls.values()
    )

    def through(cells: Array, speed: Array, sizes: tuple[float, float], across: tuple, up: tuple):
        """Of lines along the second axis; `up` are the walls at the ends of the first."""
        h, width = sizes
        columns = [line_with_ghosts(column, width, up)[0] for column in cells.T]
        slope = np.array([(c[3:-1] - c[1:-3]) / (2 * width) for c in columns]).T
        products = np.zeros_like(speed)
        middle = 0.5 * (slope[:, 1:] + slope[:, :-1])
        products[:, 1:-1] = width**2 / 12 * along(speed, width)[:, 1:-1] * middle
        rows = zip(cells, speed, products, strict=True)
        return np.array([line_fluxes(c, s, h, across, p) for c, s, p in rows])

    x = through(temperature, flow.u, (grid.hx, grid.hy), (left, right), (bottom, top))
    y = through(temperature.T, flow.v.T, (grid.hy, grid.hx), (bottom, top), (left, right))
    return x, y.T
