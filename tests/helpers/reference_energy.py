"""Plain Python references of the energy kernels: ghost cells, one flux function for every face."""

from collections.abc import Callable

import numpy as np

from tellus.solver.grid import Array


def with_ghosts(temperature: Array, bottom: float, top: float) -> Array:
    """One ghost cell all round: mirrored at the sides, through the wall value at bottom and top."""
    padded = np.pad(temperature, 1, mode="edge")
    padded[0] = 2.0 * bottom - padded[1]
    padded[-1] = 2.0 * top - padded[-2]
    return padded


def limited_slope(before: float, here: float, after: float) -> float:
    """Van Leer (1974): the harmonic mean of the two differences where they agree in sign."""
    a, b = here - before, after - here
    if a * b <= 0.0:
        return 0.0
    return 2.0 / (1.0 / a + 1.0 / b)


def face_flux(line: Array, face: int, speed: float, h: float) -> float:
    """Upwind advective and central diffusive flux between line[face] and line[face + 1]."""
    diffusive = -(line[face + 1] - line[face]) / h
    if speed == 0.0:
        return float(diffusive)
    if speed > 0.0:
        value = line[face] + 0.5 * limited_slope(*line[face - 1 : face + 2])
    else:
        value = line[face + 1] - 0.5 * limited_slope(*line[face : face + 3])
    return float(speed * value + diffusive)


def tendency(
    temperature: Array,
    u: Array,
    v: Array,
    hx: float,
    hy: float,
    bottom: float,
    top: float,
    heating: float,
) -> tuple[Array, float, float]:
    """dT/dt of every cell, heat in at the bottom and out at the top."""
    ny, nx = temperature.shape
    padded = with_ghosts(temperature, bottom, top)
    flux_x, flux_y = np.zeros((ny, nx + 1)), np.zeros((ny + 1, nx))
    for j in range(ny):
        for i in range(nx + 1):
            flux_x[j, i] = face_flux(padded[j + 1], i, u[j, i], hx)
    for j in range(ny + 1):
        for i in range(nx):
            flux_y[j, i] = face_flux(padded[:, i + 1], j, v[j, i], hy)
    rate = heating - np.diff(flux_x, axis=1) / hx - np.diff(flux_y, axis=0) / hy
    return rate, float(np.mean(flux_y[0])), float(np.mean(flux_y[-1]))


def heun_step(
    temperature: Array,
    u: Array,
    v: Array,
    hx: float,
    hy: float,
    bottom: float,
    top: float,
    heating: float,
    dt: float,
) -> tuple[Array, float, float]:
    """One step of Heun's method and the step-averaged heat in and out."""
    rate, heat_in, heat_out = tendency(temperature, u, v, hx, hy, bottom, top, heating)
    rate_2, heat_in_2, heat_out_2 = tendency(
        temperature + dt * rate, u, v, hx, hy, bottom, top, heating
    )
    after = temperature + 0.5 * dt * (rate + rate_2)
    return after, 0.5 * (heat_in + heat_in_2), 0.5 * (heat_out + heat_out_2)


# Giraldo, Kelly and Constantinescu (2013), eqs. 3.10 and 3.11, with a32 = 1/2 in the first.
ROOT = np.sqrt(2.0)
EXPLICIT_STAGES = np.array([[0.0, 0.0, 0.0], [2.0 - ROOT, 0.0, 0.0], [0.5, 0.5, 0.0]])
IMPLICIT_STAGES = np.array(
    [
        [0.0, 0.0, 0.0],
        [1.0 - 1.0 / ROOT, 1.0 - 1.0 / ROOT, 0.0],
        [0.5 / ROOT, 0.5 / ROOT, 1.0 - 1.0 / ROOT],
    ]
)
WEIGHTS = IMPLICIT_STAGES[2]


def additive_step(
    start: Array,
    explicit: Callable[[Array], Array],
    implicit: Callable[[Array], Array],
    dt: float,
) -> tuple[Array, list[Array]]:
    """One step of ARK2 for d start/dt = explicit + implicit, the latter affine; and its stages.

    Straight from the two tableaux, with a dense matrix for the implicit part.
    """
    constant = implicit(np.zeros_like(start))
    matrix = np.stack([implicit(unit) - constant for unit in np.eye(start.size)], axis=1)
    stages: list[Array] = []
    rates: list[tuple[Array, Array]] = []
    for row, row_hat in zip(IMPLICIT_STAGES, EXPLICIT_STAGES, strict=True):
        known = start.copy()
        for a, a_hat, (of_explicit, of_implicit) in zip(row, row_hat, rates, strict=False):
            known += dt * (a_hat * of_explicit + a * of_implicit)
        a = dt * row[len(rates)]
        stage = np.linalg.solve(np.eye(start.size) - a * matrix, known + a * constant)
        stages.append(stage)
        rates.append((explicit(stage), implicit(stage)))
    changes = [w * (one + other) for w, (one, other) in zip(WEIGHTS, rates, strict=True)]
    return start + dt * np.sum(changes, axis=0), stages


def advection_rate(u: Array, v: Array, hx: float, hy: float) -> float:
    """max over cells of |u|/hx + |v|/hy."""
    across = np.maximum(np.abs(u[:, :-1]), np.abs(u[:, 1:])) / hx
    along = np.maximum(np.abs(v[:-1]), np.abs(v[1:])) / hy
    return float(np.max(across + along))
