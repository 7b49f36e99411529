"""Initial temperature fields on the cell centres."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from .boundaries import FLUX, TEMPERATURE, BoundaryConditions, Wall
from .grid import Array, Grid
from .limits import FINITE, Limits, check, check_shape

RANDOM_MODES = 32


def hot(grid: Grid) -> Array:
    """T = 1 everywhere: a mantle that starts hot and cools from the top."""
    return np.ones(grid.cells)


def cold(grid: Grid) -> Array:
    """T = 0 everywhere: a mantle that starts cold and is heated from below and within."""
    return np.zeros(grid.cells)


def linear(grid: Grid, interior: float = 0.75, thickness: float = 0.05) -> Array:
    """Linear boundary layers of `thickness` around T = `interior` (Agarwal et al. 2025)."""
    half = Limits(above=0.0, most=0.5)
    check("linear", interior=(interior, FINITE), thickness=(thickness, half))
    profile = np.interp(
        grid.y_cells, [0.0, thickness, 1.0 - thickness, 1.0], [1.0, interior, interior, 0.0]
    )
    return np.repeat(profile[:, None], grid.nx, axis=1)


def conductive(grid: Grid) -> Array:
    """T = 1 - y."""
    return np.repeat(1.0 - grid.y_cells[:, None], grid.nx, axis=1)


def mode_perturbation(grid: Grid, mode: int) -> Array:
    """cos(mode pi x / aspect) sin(pi y): one half wave up, `mode` half waves across.

    Fewer than cells across, which would alias them (InputError).
    """
    check("mode_perturbation", mode=(mode, Limits(least=0, most=grid.nx - 1, whole=True)))
    x, y = grid.x_cells / grid.aspect, grid.y_cells[:, None]
    field: Array = np.cos(mode * np.pi * x) * np.sin(np.pi * y)
    return field


def random_perturbation(grid: Grid, seed: int) -> Array:
    """A seeded sum of smooth modes with largest value about 1, the same on every grid.

    32 x 4 cosine-sine modes with normal amplitudes: unlike white noise it does
    not change with the resolution, so runs on different grids start alike. A grid
    of fewer than 33 cells across leaves out the modes that it cannot hold.
    """
    check("random_perturbation", seed=(seed, Limits(least=0, whole=True)))
    amplitudes = np.random.default_rng(seed).standard_normal((4, RANDOM_MODES))
    # Scaled on one grid for all: their own largest values differ.
    reference = _modes(amplitudes, Grid(256, 64, grid.aspect))
    scaled: Array = _modes(amplitudes, grid) / np.max(np.abs(reference))
    return scaled


def _modes(amplitudes: Array, grid: Grid) -> Array:
    x, y = grid.x_cells / grid.aspect, grid.y_cells
    # Half waves shorter than a cell would come out as longer ones.
    held = min(RANDOM_MODES, grid.nx - 1)
    across = np.cos(np.pi * np.outer(np.arange(1, held + 1), x))
    up = np.sin(np.pi * np.outer(np.arange(1, 5), y))
    field: Array = up.T @ amplitudes[:, :held] @ across
    return field


def regridded(
    temperature: ArrayLike,
    source: Grid,
    target: Grid,
    boundaries: BoundaryConditions | None = None,
) -> Array:
    """Linear interpolation of cell values between grids on the same box.

    Between the outermost cell centres and the walls T goes to what holds there: a wall's
    temperature, or what its heat flux makes of the nearest cell's. Without `boundaries`, and at
    walls that insulate, the nearest value holds, so the range of T never grows. Second order but
    at insulating walls, first order there; exact when both grids are equal.
    """
    values = np.asarray(temperature, dtype=np.float64)
    check_shape("regridded", "temperature", values, source.cells)
    if source == target:
        return values.copy()
    insulated = BoundaryConditions(bottom=Wall(), top=Wall())
    walls = insulated if boundaries is None else boundaries
    across = [_at(walls.left, values[:, 0], source.hx), _at(walls.right, values[:, -1], source.hx)]
    values = np.column_stack([across[0], values, across[1]])
    up = [_at(walls.bottom, values[0], source.hy), _at(walls.top, values[-1], source.hy)]
    values = np.vstack([up[0], values, up[1]])
    y, x = (
        np.concatenate([[0.0], cells, [length]])
        for cells, length in ((source.y_cells, 1.0), (source.x_cells, source.aspect))
    )
    points = np.meshgrid(target.y_cells, target.x_cells, indexing="ij")
    return np.asarray(RegularGridInterpolator((y, x), values)(tuple(points)), dtype=np.float64)


def _at(wall: Wall, cells: Array, h: float) -> Array:
    """T on a wall, from the cells along it."""
    if wall.thermal == TEMPERATURE:
        return np.full_like(cells, wall.value)
    return cells + 0.5 * h * wall.value if wall.thermal == FLUX else cells
