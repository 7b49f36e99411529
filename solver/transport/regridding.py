"""Cell means on another grid: polynomials of degree four through means, which they keep."""

from math import gcd

import numpy as np

from tellus.solver.boundaries import TEMPERATURE, BoundaryConditions, Wall
from tellus.solver.grid import Array, Grid
from tellus.solver.limits import check_shape

from .polynomials import WALL_CELLS, part_weights, wall_weights


def regridded_means(
    means: Array, source: Grid, target: Grid, boundaries: BoundaryConditions
) -> Array:
    """Means over the cells of `target` of T, shape (ny, nx), given over those of `source`.

    Fifth order where T is smooth, up to the walls, whose temperatures and fluxes are respected;
    the mean of each column and row of cells that both grids share is kept to rounding, and so is
    the range of T and of the walls' temperatures: overshoots are drawn in towards the mean of the
    cell that they are parts of.

    Raises
    ------
    InputError
        T is not of the source's shape.
    """
    check_shape("regridded_means", "means", means, source.cells)
    extremes = [float(np.min(means)), float(np.max(means)), *boundaries.temperatures]
    bounds = min(extremes), max(extremes)
    walls = boundaries.walls
    up = _along(means, target.ny, source.hy, (walls["bottom"], walls["top"]), bounds)
    across = _along(up.T, target.nx, source.hx, (walls["left"], walls["right"]), bounds)
    return np.ascontiguousarray(across.T)


def coarse_means(means: Array, coarse: Grid) -> Array:
    """Means over the cells of a grid that is coarser by whole numbers, shape (ny, nx)."""
    ny, nx = means.shape
    blocks = means.reshape(coarse.ny, ny // coarse.ny, coarse.nx, nx // coarse.nx)
    found: Array = blocks.mean(axis=(1, 3))
    return found


def _along(
    means: Array, count: int, h: float, walls: tuple[Wall, Wall], bounds: tuple[float, float]
) -> Array:
    """Means over `count` cells along the first axis, of those over cells of width h."""
    shared = gcd(means.shape[0], count)
    parts, together = count // shared, means.shape[0] // shared
    fine = means if parts == 1 else _parted(means, parts, h, walls, bounds)
    averaged: Array = fine.reshape(count, together, -1).mean(axis=1)
    return averaged


def _parted(
    means: Array, parts: int, h: float, walls: tuple[Wall, Wall], bounds: tuple[float, float]
) -> Array:
    """Means over the equal parts of each cell along the first axis, in order."""
    rows = len(means)
    padded = np.concatenate(
        [_beyond(means, h, walls[0])[::-1], means, _beyond(means[::-1], h, walls[1])]
    )
    fine = np.empty((rows, parts, *means.shape[1:]))
    for part, shares in enumerate(part_weights(parts)):
        fine[:, part] = sum(
            share * padded[start : start + rows] for start, share in enumerate(shares.tolist())
        )
    lowest, highest = bounds
    if np.min(fine) < lowest or np.max(fine) > highest:
        _draw_in(fine, means[:, None], lowest, highest)
    return fine.reshape(rows * parts, *means.shape[1:])


def _beyond(means: Array, h: float, wall: Wall) -> Array:
    """Two cells beyond the wall at the start of the first axis, the nearer first."""
    fixed = wall.thermal == TEMPERATURE
    condition = wall.value if fixed else -wall.value * h
    shares = wall_weights(fixed)[:2]
    beyond: Array = shares[:, :1] * condition + shares[:, 1:] @ means[:WALL_CELLS]
    return beyond


def _draw_in(fine: Array, means: Array, lowest: float, highest: float) -> None:
    """Bring the parts of a cell, along the second axis, within bounds in place, mean kept."""
    over = np.max(fine, axis=1, keepdims=True) - means
    under = means - np.min(fine, axis=1, keepdims=True)
    share = np.ones_like(over)
    for excess, room in ((over, highest - means), (under, means - lowest)):
        cut = excess > room
        share[cut] = np.minimum(share[cut], np.maximum(room[cut], 0.0) / excess[cut])
    fine[...] = means + share * (fine - means)
