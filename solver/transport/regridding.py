"""Cell means on another grid: polynomials of degree four through means, which they keep."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from tellus.solver.boundaries import FLUX, TEMPERATURE, BoundaryConditions, Wall, along_walls
from tellus.solver.grid import Array, Grid
from tellus.solver.limits import check_shape

from .polynomials import REACH, padding, part_weights

NO_BOUNDS = (-np.inf, np.inf)
INSULATED = BoundaryConditions(bottom=Wall(), top=Wall())


def regridded(
    temperature: ArrayLike,
    source: Grid,
    target: Grid,
    boundaries: BoundaryConditions = INSULATED,
) -> Array:
    """Means over the cells of `target` of T, shape (ny, nx), given over those of `source`.

    Fifth order where T is smooth, up to the walls, whose temperatures and fluxes are respected;
    the mean over all that both grids divide alike is kept to rounding, and so is the range of T
    and of the walls: overshoots are drawn in towards the mean of the cell that they
    are parts of. A copy where the grids are equal.

    Raises
    ------
    InputError
        T is not of the source's shape.
    """
    values = np.array(temperature, dtype=np.float64)
    check_shape("regridded", "temperature", values, source.cells)
    if source == target:
        return values
    bounds = _range(values, source, boundaries)
    left, right, bottom, top = boundaries.walls.values()
    up = along(values, target.ny, source.hy, (bottom, top), bounds)
    across = along(up.T, target.nx, source.hx, (left, right), bounds)
    return np.ascontiguousarray(across.T)


def _range(means: Array, grid: Grid, boundaries: BoundaryConditions) -> tuple[float, float]:
    """Least and largest T of cells and walls, extrapolated to walls of given heat flux."""
    edges, spacings = along_walls(means), grid.wall_spacings
    found = [means, np.array(boundaries.temperatures)]
    for wall, edge, h in zip(boundaries.walls.values(), edges, spacings, strict=True):
        if wall.thermal == FLUX:
            found.append(edge + 0.5 * h * wall.value)
    together = np.concatenate([values.ravel() for values in found])
    return float(np.min(together)), float(np.max(together))


def along(
    means: Array,
    count: int,
    h: float,
    walls: tuple[Wall, Wall],
    bounds: tuple[float, float],
) -> Array:
    """Means over `count` cells along the first axis, of those over cells of width h.

    Parameters
    ----------
    means : array, shape (cells, ...)
    count : int
    h : float
    walls : pair of Wall
        At its start and its end.
    bounds : pair of float
        Of the result.
    """
    fixed = walls[0].thermal == TEMPERATURE, walls[1].thermal == TEMPERATURE
    conditions = [
        wall.value if holds else -wall.value * h for wall, holds in zip(walls, fixed, strict=True)
    ]
    return _division(len(means), count, fixed).of(means, np.array(conditions), bounds)


@dataclass(frozen=True)
class _Division:
    """A line of cells cut at the edges of another's, and put together to its cells.

    Attributes
    ----------
    parts : sparse array, shape (parts, cells), or None
        Means over the parts, of those over the cells; None where no cell is cut.
    conditions : array, shape (parts, 2)
        And of what holds on the walls.
    cells : array of int, shape (parts,)
        The cell that each is a part of.
    joined : sparse array, shape (wanted cells, parts), or None
        Means over the cells wanted, of those over the parts; None where they are the same.
    """

    parts: sparse.csr_array | None
    conditions: Array
    cells: NDArray[np.intp]
    joined: sparse.csr_array | None

    def of(self, means: Array, conditions: Array, bounds: tuple[float, float]) -> Array:
        """Means over the cells wanted, within bounds, of means along the first axis."""
        fine: Array = means
        if self.parts is not None:
            fine = self.parts @ means + (self.conditions @ conditions)[:, None]
            if np.min(fine) < bounds[0] or np.max(fine) > bounds[1]:
                self._draw_in(fine, means, bounds)
        return fine if self.joined is None else np.asarray(self.joined @ fine)

    def _draw_in(self, fine: Array, means: Array, bounds: tuple[float, float]) -> None:
        """Bring the parts of every cell within bounds in place, its mean kept."""
        starts = np.searchsorted(self.cells, np.arange(len(means)))
        over = np.maximum.reduceat(fine, starts) - means
        under = means - np.minimum.reduceat(fine, starts)
        share = np.ones_like(means)
        for excess, room in ((over, bounds[1] - means), (under, means - bounds[0])):
            left = np.maximum(room, 0.0)  # a mean may be out of bounds by rounding
            cut = excess > left
            share[cut] = np.minimum(share[cut], left[cut] / excess[cut])
        own = means[self.cells]
        fine[...] = own + share[self.cells] * (fine - own)


@lru_cache(maxsize=64)
def _division(cells: int, wanted: int, fixed: tuple[bool, bool]) -> _Division:
    """How `cells` along a line are divided for `wanted`; `fixed`: walls of given temperature."""
    # In units in which the edges of both are whole numbers.
    theirs, ours = wanted * np.arange(cells + 1), cells * np.arange(wanted + 1)
    edges = np.union1d(theirs, ours)
    start, end = edges[:-1], edges[1:]
    cell, into = start // wanted, start // cells
    parts, conditions, joined = None, np.zeros((cell.size, 2)), None
    if cell.size > cells:
        stencils = part_weights((start - cell * wanted) / wanted, (end - cell * wanted) / wanted)
        columns = cell[:, None] + np.arange(2 * REACH + 1)
        rows = np.repeat(np.arange(cell.size), 2 * REACH + 1)
        shape = cell.size, cells + 2 * REACH
        padded = sparse.csr_array((stencils.ravel(), (rows, columns.ravel())), shape=shape)
        full = padded @ padding(cells, fixed)
        parts, conditions = full[:, :cells].tocsr(), full[:, cells:].toarray()
    if cell.size > wanted:
        shares = (end - start) / cells
        shape = wanted, cell.size
        joined = sparse.csr_array((shares, (into, np.arange(cell.size))), shape=shape)
    return _Division(parts, conditions, cell, joined)
