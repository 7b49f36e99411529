"""Numba kernels of high-order transport: fluxes through faces from cell means.

Advection takes the upwind face mean of MP5 (Suresh and Huynh 1997): the polynomial of degree
four through five cells, where that lies between bounds that keep monotone data monotone and
leave smooth extrema alone. Diffusion takes the gradient of the cubic through four cells. A mean
of a product along a face is the product of the means and, to fourth order, a twelfth of the
product of the differences along it.

Fields come padded with two cells beyond each wall, from the polynomial that fits what holds
there. Walls are in the order left, right, bottom, top. Fluxes are taken along x and y.
"""

import numpy as np

from tellus.solver.boundaries import Flags
from tellus.solver.energy_kernels import wall_flux
from tellus.solver.grid import Array
from tellus.solver.kernel import kernel

ALPHA = 4.0
"""How far MP5's bounds let the face go beyond the upwind cell: 1 + ALPHA steps of its slope."""
TINY = 1e-12
"""Differences of T, squared, that are left to rounding."""
CROSS = 1.0 / 96.0
"""A twelfth, for slopes that are twice and four times the differences along a face."""


@kernel(inline="always")
def of_wall(weights: Array, condition: float, inwards: Array) -> float:
    """What the polynomial at a wall makes of its condition and of the cells next to it."""
    made: float = weights[0] * condition + weights[1] * inwards[0] + weights[2] * inwards[1]
    made += weights[3] * inwards[2]
    made += weights[4] * inwards[3]
    return made


@kernel()
def pad(temperature: Array, walls: Array, condition: Array, padded: Array) -> None:
    """Write T, shape (ny, nx), and two cells beyond each wall into `padded`, (ny+4, nx+4).

    `walls`, shape (4, 3, 5), as `polynomials.wall_weights` of each; `condition` holds the
    temperature of each wall or the slope there, inwards and per cell. Corners stay as they are.
    """
    ny, nx = temperature.shape
    for j in range(ny):
        for i in range(nx):
            padded[j + 2, i + 2] = temperature[j, i]
    for ghost in range(2):
        for j in range(ny):
            row = temperature[j]
            padded[j + 2, 1 - ghost] = of_wall(walls[0, ghost], condition[0], row)
            padded[j + 2, nx + 2 + ghost] = of_wall(walls[1, ghost], condition[1], row[::-1])
        for i in range(nx):
            column = temperature[:, i]
            padded[1 - ghost, i + 2] = of_wall(walls[2, ghost], condition[2], column)
            padded[ny + 2 + ghost, i + 2] = of_wall(walls[3, ghost], condition[3], column[::-1])


@kernel(inline="always")
def smaller(a: float, b: float) -> float:
    """The one of two values that is nearer to zero, zero where their signs differ: minmod."""
    if a > 0.0:
        return max(min(a, b), 0.0)
    return min(max(a, b), 0.0)


@kernel(inline="always")
def upwind_face(
    forwards: bool, t0: float, t1: float, t2: float, t3: float, t4: float, t5: float
) -> tuple[float, float]:
    """The mean along a face of the polynomial through five cells, three of them upwind.

    And what exceeds `TINY` where that mean may be out of MP5's bounds.

    Parameters
    ----------
    forwards : bool
        Whether the flow goes from t2 to t3.
    t0, t1, t2, t3, t4, t5 : float
        T of cells in a row; the face lies between t2 and t3.
    """
    a = t0 if forwards else t5
    b = t1 if forwards else t4
    c = t2 if forwards else t3
    d = t3 if forwards else t2
    e = t4 if forwards else t1
    step = (2.0 * (a - c) - 13.0 * (b - c) + 27.0 * (d - c) - 3.0 * (e - c)) * (1.0 / 60.0)
    return c + step, step * (step - smaller(d - c, ALPHA * (c - b)))


@kernel()
def bounded(face: float, a: float, b: float, c: float, d: float, e: float) -> float:
    """The mean along a face brought within MP5's bounds.

    Parameters
    ----------
    face : float
    a, b, c, d, e : float
        T of the cells from far upwind to downwind; the face lies between c and d.
    """
    before, here, after = a - 2.0 * b + c, b - 2.0 * c + d, c - 2.0 * d + e
    ahead = smaller(smaller(4.0 * here - after, 4.0 * after - here), smaller(here, after))
    behind = smaller(smaller(4.0 * here - before, 4.0 * before - here), smaller(here, before))
    upper = c + ALPHA * (c - b)
    median = 0.5 * (c + d) - 0.5 * ahead
    large = c + 0.5 * (c - b) + 4.0 / 3.0 * behind
    least = max(min(c, d, median), min(c, upper, large))
    most = min(max(c, d, median), max(c, upper, large))
    return face + smaller(least - face, most - face)


@kernel()
def fluxes(
    padded: Array,
    u: Array,
    v: Array,
    hx: float,
    hy: float,
    along_x: Array,
    along_y: Array,
) -> None:
    """Write advection and diffusion through the faces inside.

    Parameters
    ----------
    padded : array, shape (ny+4, nx+4)
        T, as `pad` writes it.
    u, v : array, shapes (ny, nx+1) and (ny+1, nx)
        Velocity on the faces.
    hx, hy : float
        Width and height of a cell.
    along_x, along_y : array, shapes (ny, nx+1) and (ny+1, nx)
        Take the fluxes; faces on walls stay as they are.
    """
    ny, nx = padded.shape[0] - 4, padded.shape[1] - 4
    face = np.empty(nx + 1)
    off = np.empty(nx + 1)
    slope = np.empty(nx + 1)
    per_x, per_y = 1.0 / (12.0 * hx), 1.0 / (12.0 * hy)
    for j in range(ny):
        row, above, below = padded[j + 2], padded[j + 3], padded[j + 1]
        speed = u[j]
        # Twice the difference of u along the face from cell to cell, one-sided next to walls.
        if j == 0:
            for i in range(1, nx):
                slope[i] = 4.0 * u[1, i] - 3.0 * u[0, i] - u[2, i]
        elif j == ny - 1:
            for i in range(1, nx):
                slope[i] = 3.0 * u[j, i] - 4.0 * u[j - 1, i] + u[j - 2, i]
        else:
            for i in range(1, nx):
                slope[i] = u[j + 1, i] - u[j - 1, i]
        for i in range(1, nx):
            t0, t1, t2 = row[i - 1], row[i], row[i + 1]
            t3, t4, t5 = row[i + 2], row[i + 3], row[i + 4]
            face[i], off[i] = upwind_face(speed[i] > 0.0, t0, t1, t2, t3, t4, t5)
            across = above[i + 1] - below[i + 1] + above[i + 2] - below[i + 2]
            slope_x = 15.0 * (t3 - t2) - (t4 - t1)
            along_x[j, i] = slope[i] * across * CROSS - slope_x * per_x
        for i in range(1, nx):
            if off[i] > TINY:
                if speed[i] > 0.0:
                    face[i] = bounded(
                        face[i], row[i - 1], row[i], row[i + 1], row[i + 2], row[i + 3]
                    )
                else:
                    face[i] = bounded(
                        face[i], row[i + 4], row[i + 3], row[i + 2], row[i + 1], row[i]
                    )
        for i in range(1, nx):
            along_x[j, i] += speed[i] * face[i]
    for j in range(1, ny):
        far, back, near = padded[j - 1], padded[j], padded[j + 1]
        ahead, beyond, last = padded[j + 2], padded[j + 3], padded[j + 4]
        speed = v[j]
        for i in range(1, nx - 1):
            slope[i] = speed[i + 1] - speed[i - 1]
        slope[0] = 4.0 * speed[1] - 3.0 * speed[0] - speed[2]
        slope[nx - 1] = 3.0 * speed[nx - 1] - 4.0 * speed[nx - 2] + speed[nx - 3]
        for i in range(nx):
            k = i + 2
            t0, t1, t2, t3, t4, t5 = far[k], back[k], near[k], ahead[k], beyond[k], last[k]
            face[i], off[i] = upwind_face(speed[i] > 0.0, t0, t1, t2, t3, t4, t5)
            across = near[k + 1] - near[k - 1] + ahead[k + 1] - ahead[k - 1]
            slope_y = 15.0 * (t3 - t2) - (t4 - t1)
            along_y[j, i] = slope[i] * across * CROSS - slope_y * per_y
        for i in range(nx):
            if off[i] > TINY:
                k = i + 2
                if speed[i] > 0.0:
                    face[i] = bounded(face[i], far[k], back[k], near[k], ahead[k], beyond[k])
                else:
                    face[i] = bounded(face[i], last[k], beyond[k], ahead[k], near[k], back[k])
        for i in range(nx):
            along_y[j, i] += speed[i] * face[i]


@kernel()
def wall_fluxes(
    temperature: Array,
    walls: Array,
    condition: Array,
    hx: float,
    hy: float,
    along_x: Array,
    along_y: Array,
) -> None:
    """Write what is conducted through the faces on walls.

    Parameters
    ----------
    temperature : array, shape (ny, nx)
    walls, condition : array, shapes (4, 3, 5) and (4,)
        As in `pad`.
    hx, hy : float
        Width and height of a cell.
    along_x, along_y : array, shapes (ny, nx+1) and (ny+1, nx)
        Take the fluxes; faces inside stay as they are.
    """
    ny, nx = temperature.shape
    bottom, top = walls[2, 2], walls[3, 2]
    for j in range(ny):
        row = temperature[j]
        along_x[j, 0] = -of_wall(walls[0, 2], condition[0], row) / hx
        along_x[j, nx] = of_wall(walls[1, 2], condition[1], row[::-1]) / hx
    for i in range(nx):
        inwards = bottom[0] * condition[2] + bottom[1] * temperature[0, i]
        inwards += bottom[2] * temperature[1, i] + bottom[3] * temperature[2, i]
        along_y[0, i] = -(inwards + bottom[4] * temperature[3, i]) / hy
        inwards = top[0] * condition[3] + top[1] * temperature[ny - 1, i]
        inwards += top[2] * temperature[ny - 2, i] + top[3] * temperature[ny - 3, i]
        along_y[ny, i] = (inwards + top[4] * temperature[ny - 4, i]) / hy


@kernel()
def advance(
    start: Array,
    temperature: Array,
    along_x: Array,
    along_y: Array,
    hx: float,
    hy: float,
    source: Array,
    dt: float,
    share: float,
    out: Array,
) -> None:
    """A stage, start + share (T + dt (source - div flux) - start).

    Parameters
    ----------
    start : array, shape (ny, nx)
        T before the step.
    temperature : array, shape (ny, nx)
        T of the stage before.
    along_x, along_y : array, shapes (ny, nx+1) and (ny+1, nx)
        Its fluxes.
    hx, hy : float
        Width and height of a cell.
    source : array, shape (ny, nx) or (1, 1)
        Heating of each cell, or of all.
    dt, share : float
        Length of the step, and how much of an Euler step the stage takes.
    out : array, shape (ny, nx)
        Takes the result; may be `temperature`.
    """
    ny, nx = start.shape
    everywhere = source.size == 1
    for j in range(ny):
        heating = source[0] if everywhere else source[j]
        for i in range(nx):
            rate = heating[0] if everywhere else heating[i]
            rate += (along_x[j, i] - along_x[j, i + 1]) / hx
            rate += (along_y[j, i] - along_y[j + 1, i]) / hy
            stage = temperature[j, i] + dt * rate
            out[j, i] = start[j, i] + share * (stage - start[j, i])


@kernel()
def accumulate(along_x: Array, along_y: Array, weight: float, sum_x: Array, sum_y: Array) -> None:
    """Add a multiple of fluxes to their sums.

    Parameters
    ----------
    along_x, along_y : array, shapes (ny, nx+1) and (ny+1, nx)
    weight : float
    sum_x, sum_y : array, shapes (ny, nx+1) and (ny+1, nx)
        Changed in place.
    """
    for j in range(along_x.shape[0]):
        for i in range(along_x.shape[1]):
            sum_x[j, i] += weight * along_x[j, i]
    for j in range(along_y.shape[0]):
        for i in range(along_y.shape[1]):
            sum_y[j, i] += weight * along_y[j, i]


@kernel()
def upwind(temperature: Array, u: Array, v: Array, along_x: Array, along_y: Array) -> None:
    """Write first-order upwind advection through every face; none goes through walls.

    Parameters
    ----------
    temperature : array, shape (ny, nx)
    u, v : array, shapes (ny, nx+1) and (ny+1, nx)
        Velocity on the faces.
    along_x, along_y : array, shapes (ny, nx+1) and (ny+1, nx)
        Take the fluxes.
    """
    ny, nx = temperature.shape
    for j in range(ny):
        along_x[j, 0] = along_x[j, nx] = 0.0
        for i in range(1, nx):
            along_x[j, i] = u[j, i] * temperature[j, i - 1 if u[j, i] > 0.0 else i]
    for i in range(nx):
        along_y[0, i] = along_y[ny, i] = 0.0
    for j in range(1, ny):
        for i in range(nx):
            along_y[j, i] = v[j, i] * temperature[j - 1 if v[j, i] > 0.0 else j, i]


@kernel()
def conduct(
    temperature: Array,
    hx: float,
    hy: float,
    fixed: Flags,
    value: Array,
    along_x: Array,
    along_y: Array,
) -> None:
    """Add second-order conduction through every face, half cells at walls of given T.

    Parameters
    ----------
    temperature : array, shape (ny, nx)
    hx, hy : float
        Width and height of a cell.
    fixed : array of bool, shape (4,)
        Whether a wall has a temperature, or else a heat flux.
    value : array, shape (4,)
        That temperature, or that flux into the box.
    along_x, along_y : array, shapes (ny, nx+1) and (ny+1, nx)
        What it is added to.
    """
    ny, nx = temperature.shape
    for j in range(ny):
        row = temperature[j]
        along_x[j, 0] += wall_flux(row[0], fixed[0], value[0], hx)
        along_x[j, nx] -= wall_flux(row[nx - 1], fixed[1], value[1], hx)
        for i in range(1, nx):
            along_x[j, i] += (row[i - 1] - row[i]) / hx
    for i in range(nx):
        along_y[0, i] += wall_flux(temperature[0, i], fixed[2], value[2], hy)
        along_y[ny, i] -= wall_flux(temperature[ny - 1, i], fixed[3], value[3], hy)
    for j in range(1, ny):
        for i in range(nx):
            along_y[j, i] += (temperature[j - 1, i] - temperature[j, i]) / hy


@kernel()
def limit(
    monotone: Array,
    low_x: Array,
    low_y: Array,
    hx: float,
    hy: float,
    dt: float,
    lowest: float,
    highest: float,
    along_x: Array,
    along_y: Array,
) -> None:
    """Bring fluxes of high order as near to those of low order as the bounds of T ask for.

    Only cells that the difference of the fluxes would carry out of the bounds are touched
    (Zalesak 1979, with the bounds of Xu 2014), so extrema inside keep their order.

    Parameters
    ----------
    monotone : array, shape (ny, nx)
        T after a step with the fluxes of low order, within the bounds.
    low_x, low_y : array, shapes (ny, nx+1) and (ny+1, nx)
        The fluxes of low order.
    hx, hy : float
        Width and height of a cell.
    dt : float
    lowest, highest : float
        The bounds.
    along_x, along_y : array, shapes (ny, nx+1) and (ny+1, nx)
        The fluxes of high order, changed in place.
    """
    ny, nx = monotone.shape
    gain = np.ones((ny + 2, nx + 2))
    loss = np.ones((ny + 2, nx + 2))
    for j in range(ny):
        for i in range(nx):
            up = down = 0.0
            for part in (
                (along_x[j, i] - low_x[j, i]) / hx,
                (low_x[j, i + 1] - along_x[j, i + 1]) / hx,
                (along_y[j, i] - low_y[j, i]) / hy,
                (low_y[j + 1, i] - along_y[j + 1, i]) / hy,
            ):
                if part > 0.0:
                    up += dt * part
                else:
                    down -= dt * part
            room = max(highest - monotone[j, i], 0.0)
            if up > room:
                gain[j + 1, i + 1] = room / up
            room = max(monotone[j, i] - lowest, 0.0)
            if down > room:
                loss[j + 1, i + 1] = room / down
    for j in range(ny):
        for i in range(nx + 1):
            more = along_x[j, i] - low_x[j, i]
            if more > 0.0:
                part = min(loss[j + 1, i], gain[j + 1, i + 1])
            else:
                part = min(gain[j + 1, i], loss[j + 1, i + 1])
            along_x[j, i] = low_x[j, i] + part * more
    for j in range(ny + 1):
        for i in range(nx):
            more = along_y[j, i] - low_y[j, i]
            if more > 0.0:
                part = min(loss[j, i + 1], gain[j + 1, i + 1])
            else:
                part = min(gain[j, i + 1], loss[j + 1, i + 1])
            along_y[j, i] = low_y[j, i] + part * more
