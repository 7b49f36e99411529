"""Initial temperature fields on the cell centres."""

import numpy as np

from .defaults import INTERIOR, THICKNESS
from .grid import Array, Grid
from .limits import FINITE, Limits, check

RANDOM_MODES = 32


def hot(grid: Grid) -> Array:
    """T = 1 everywhere: a mantle that starts hot and cools from the top."""
    return np.ones(grid.cells)


def cold(grid: Grid) -> Array:
    """T = 0 everywhere: a mantle that starts cold and is heated from below and within."""
    return np.zeros(grid.cells)


def linear(grid: Grid, interior: float = INTERIOR, thickness: float = THICKNESS) -> Array:
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
