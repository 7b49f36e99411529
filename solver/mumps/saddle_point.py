"""The Stokes system in u, v and p on the MAC grid, as a scaled, symmetric, indefinite matrix.

Momentum on the interior faces and mass in the cells:

    -div tau + grad p = f,    -div u = 0.

The discrete equations are those that the stream-function operator eliminates the pressure from:
the velocity is the same.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.matrix import Walls, weigh_walls
from tellus.solver.strain import node_viscosity, to_stretching_and_shear

from .petsc import Pattern

U_SLOW, U_FAST, P = 0, 1, 2
"""Velocity across lines of cells, along them, and pressure.

A velocity belongs to the cell above it in its own direction: that of a wall, which is zero and no
unknown, to the cell at the wall."""

ENTRIES = (
    *((U_SLOW, U_SLOW, *to) for to in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))),
    *((U_SLOW, U_FAST, *to) for to in ((0, 0), (-1, 0), (0, 1), (-1, 1))),
    *((U_SLOW, P, *to) for to in ((0, 0), (-1, 0))),
    *((U_FAST, U_FAST, *to) for to in ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))),
    *((U_FAST, U_SLOW, *to) for to in ((0, 0), (0, -1), (1, 0), (1, -1))),
    *((U_FAST, P, *to) for to in ((0, 0), (0, -1))),
    *((P, U_SLOW, *to) for to in ((0, 0), (1, 0))),
    *((P, U_FAST, *to) for to in ((0, 0), (0, 1))),
)
"""Kind of the row, kind of the column, lines and cells from one to the other."""


LEAF = 4
"""Cells along a side of the last pieces of a nested dissection."""


class Slabs:
    """The orientation in which unknowns are numbered, and a cut into equal slabs.

    "Fast" is the direction along a line, the short side of the box; "slow" the one across.

    Parameters
    ----------
    grid : Grid
    part, parts : int
        Which of how many slabs is this process's own.
    """

    def __init__(self, grid: Grid, part: int = 0, parts: int = 1) -> None:
        self.grid, self.part, self.parts = grid, part, parts
        self.y_fast = grid.ny <= grid.nx
        if self.y_fast:
            self.lines, self.cells, self.hs, self.hf = grid.nx, grid.ny, grid.hx, grid.hy
        else:
            self.lines, self.cells, self.hs, self.hf = grid.ny, grid.nx, grid.hy, grid.hx

    @cached_property
    def cuts(self) -> list[int]:
        """The line where each slab begins, and the number of lines; shape (parts + 1,)."""
        return [self.lines * part // self.parts for part in range(self.parts + 1)]

    def oriented(self, field: Array) -> Array:
        """A field of the grid indexed [slow, fast], or the other way round; a view."""
        return field.T if self.y_fast else field

    def lines_of(self, field: Array, first: int, last: int) -> Array:
        """Lines first..last-1 of a field at cells or nodes; beyond a wall the line along it."""
        whole = self.oriented(field)
        inside = whole[max(first, 0) : min(last, len(whole))]
        beyond = (max(-first, 0), max(last - len(whole), 0))
        return np.pad(inside, (beyond, (0, 0)), mode="edge")


class Equations(NamedTuple):
    """Values of the stored entries, right-hand side, and the unit of each own unknown."""

    values: Array
    right_hand_side: Array
    units: Array


class SaddlePoint:
    """The rows of u-v-p that belong to one slab of the box.

    Each unknown has a unit of its own, a velocity the inverse root of its diagonal entry, a
    pressure the root of the viscosity: all entries are of order one, whatever the contrast.
    The pressure of the last cell is zero, and its mass balance, which all others imply, left out.

    Parameters
    ----------
    slabs : Slabs
    upper : bool
        Keep only the upper triangle.
    nested : bool
        Number the unknowns by nested dissection of the box. Otherwise they follow each other
        slab by slab, and in each slow velocities, fast velocities, pressures.
    """

    def __init__(self, slabs: Slabs, upper: bool = False, nested: bool = False) -> None:
        self.slabs = slabs
        self.first, self.last = slabs.cuts[slabs.part], slabs.cuts[slabs.part + 1]
        pieces = self._numbered(nested)
        self._order = np.concatenate(pieces)
        self.size = len(self._order)
        self.start = sum(len(piece) for piece in pieces[: slabs.part])
        self.rows = len(pieces[slabs.part])
        kind, line, cell = np.unravel_index(pieces[slabs.part], (3, slabs.lines, slabs.cells))
        own = (3, self.last - self.first, slabs.cells)
        self._own = np.ravel_multi_index((kind, line - self.first, cell), own)
        self._used, self.pattern, self._source = self._entries(upper)

    def _numbered(self, nested: bool) -> list[NDArray[np.intp]]:
        """Unknowns of every slab in order, as indices into (3, lines, cells)."""
        lines, cells, cuts = self.slabs.lines, self.slabs.cells, self.slabs.cuts
        unknown = np.ones((3, lines, cells), bool)
        unknown[U_SLOW, 0] = unknown[U_FAST, :, 0] = unknown[P, -1, -1] = False
        if nested:
            order = nested_dissection(lines, cells)
            return [order[unknown.ravel()[order]]]
        slab = np.repeat(np.arange(self.slabs.parts), np.diff(cuts))
        where = np.flatnonzero(unknown)
        of = slab[where // cells % lines]
        return [where[of == part] for part in range(self.slabs.parts)]

    def _entries(self, upper: bool) -> tuple[list[int], Pattern, NDArray[np.intp]]:
        """Which are used, the own rows of the matrix, and where each of its values is found."""
        lines, cells, own = self.slabs.lines, self.slabs.cells, self.last - self.first
        number = np.full(3 * lines * cells, -1, np.int32)
        number[self._order] = np.arange(self.size, dtype=np.int32)
        around = np.pad(
            number.reshape(3, lines, cells), ((0, 0), (1, 1), (1, 1)), constant_values=-1
        )[:, self.first : self.last + 2]
        ends = np.empty((2, len(ENTRIES), own, cells), np.int32)
        for k, (kind, other, slow, fast) in enumerate(ENTRIES):
            ends[0, k] = _shifted(around[kind], 0, 0)
            ends[1, k] = _shifted(around[other], slow, fast)
        stored = (ends[0] >= 0) & (ends[1] >= (ends[0] if upper else 0))
        used: list[int] = np.flatnonzero(stored.any(axis=(1, 2))).tolist()
        row, column = ends[:, used][:, stored[used]]
        by_row = np.lexsort((column, row))
        counts = np.bincount(row - self.start, minlength=self.rows)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        pattern = Pattern(self.size, indptr, column[by_row])
        return used, pattern, np.flatnonzero(stored[used])[by_row]

    def assemble(
        self, viscosity: Array, buoyancy: Array, boundaries: BoundaryConditions
    ) -> Equations:
        """The equations at a viscosity, under a buoyancy Ra T of shape (ny, nx)."""
        units, stencil = self._stencil(viscosity, boundaries.no_slip)
        values = np.empty((len(self._used), self.last - self.first, self.slabs.cells))
        for value, k in zip(values, self._used, strict=True):
            row, column, slow, fast = ENTRIES[k]
            np.multiply(_shifted(units[row], 0, 0), _shifted(units[column], slow, fast), value)
            value *= stencil[k]
        own_units = units[:, 1:-1, 1:-1].ravel()[self._own]
        force = self._force(buoyancy).ravel()[self._own]
        return Equations(values.ravel()[self._source], own_units * force, own_units)

    def _stencil(self, viscosity: Array, no_slip: Walls) -> tuple[Array, list[Array | float]]:
        """Units, with a rim of one cell, and the own lines' entries before they are scaled."""
        slabs, first, last = self.slabs, self.first - 1, self.last + 1
        to_stretching, to_shear = to_stretching_and_shear(viscosity)
        eta = slabs.lines_of(to_stretching, first, last)
        below = slabs.lines_of(to_stretching, first - 1, last - 1)
        behind = np.pad(eta[:, :-1], ((0, 0), (1, 0)), mode="edge")
        shear = slabs.oriented(node_viscosity(slabs.oriented(to_shear)))
        weigh_walls(shear, no_slip)
        # Node line a lies below cell line a.
        nodes = slabs.lines_of(shear, first, last + 1)
        corner, beside, above = nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, :-1]
        hs, hf = slabs.hs, slabs.hf
        p, q, pq = 1.0 / hf**2, 1.0 / hs**2, 1.0 / (hs * hf)
        slow = 2.0 * q * (eta + below) + p * (corner + beside)
        fast = 2.0 * p * (eta + behind) + q * (corner + above)
        units = np.stack([1.0 / np.sqrt(slow), 1.0 / np.sqrt(fast), np.sqrt(eta)])
        eta, below, behind, corner, beside, above, slow, fast = (
            field[1:-1] for field in (eta, below, behind, corner, beside, above, slow, fast)
        )
        slow_gradient, fast_gradient = [1.0 / hs, -1.0 / hs], [1.0 / hf, -1.0 / hf]
        across = [pq * corner, -pq * corner]
        stencil: list[Array | float] = [
            *(slow, -2.0 * q * below, -2.0 * q * eta, -p * corner, -p * beside),
            *(*across, -pq * beside, pq * beside),
            *slow_gradient,
            *(fast, -2.0 * p * behind, -2.0 * p * eta, -q * corner, -q * above),
            *(*across, -pq * above, pq * above),
            *fast_gradient,
            *slow_gradient,
            *fast_gradient,
        ]
        return np.pad(units, ((0, 0), (0, 0), (1, 1)), constant_values=1.0), stencil

    def _force(self, buoyancy: Array) -> Array:
        """Buoyancy at the own velocities, shape (3, own lines, cells)."""
        lines = self.slabs.lines_of(buoyancy, self.first - 1, self.last)
        force = np.zeros((3, *lines[1:].shape))
        if self.slabs.y_fast:
            force[U_FAST, :, 1:] = 0.5 * (lines[1:, 1:] + lines[1:, :-1])
        else:
            force[U_SLOW] = 0.5 * (lines[1:] + lines[:-1])
        return force

    def fields(self, unknowns: Array) -> tuple[Array, Array, Array]:
        """u, v and p from the unknowns of all slabs, in order; the mean of p is zero."""
        grid = self.slabs.grid
        values = np.zeros((3, self.slabs.lines, self.slabs.cells))
        values.ravel()[self._order] = unknowns
        slow, fast, p = (self.slabs.oriented(field) for field in values)
        u, v = np.zeros(grid.u_faces), np.zeros(grid.v_faces)
        u[:, :-1], v[:-1] = (slow, fast) if self.slabs.y_fast else (fast, slow)
        return u, v, p - np.mean(p)

    def flow(self, unknowns: Array) -> tuple[Array, Array]:
        """psi at the nodes, and p, from the unknowns of all slabs, in order.

        psi is integrated from u: div u is then zero to rounding in every cell. Downwards, because
        rounding adds up on the way and counts most in a stiff lid.
        """
        u, _, p = self.fields(unknowns)
        grid = self.slabs.grid
        psi = np.zeros(grid.nodes)
        psi[1:-1] = -np.cumsum(grid.hy * u[::-1], axis=0)[-2::-1]
        return psi, p


def nested_dissection(lines: int, cells: int) -> NDArray[np.intp]:
    """An elimination order of the staggered unknowns with little fill-in.

    George (1973): a line of unknowns that cuts the box in two is eliminated last, and the halves
    are cut in the same way. Here a cut takes the velocities across it and those along it on one
    side, so that nothing couples the halves; inside the last pieces pressures follow their
    velocities, as their own diagonal is zero.

    Flat indices into (slow velocity, fast velocity, pressure) x lines x cells, in order.
    Velocities on the walls, the first of each line and direction, are among them.
    """
    kind, line, cell = np.indices((3, lines, cells)).reshape(3, -1)
    # Twice the coordinates: even on faces, odd in the middle of a cell.
    at = np.stack([2 * line + (kind != 0), 2 * cell + (kind != 1)])
    order: list[NDArray[np.intp]] = []

    def cut(inside: NDArray[np.intp], corner: tuple[int, int], size: tuple[int, int]) -> None:
        if max(size) <= LEAF:
            order.append(inside[np.argsort(kind[inside] == 2, kind="stable")])
            return
        across = 0 if size[0] >= size[1] else 1
        half = size[across] // 2
        middle = 2 * (corner[across] + half)
        place = at[across, inside]
        on_it = (place == middle) & (kind[inside] == across)
        on_it |= (place == middle + 1) & (kind[inside] == 1 - across)
        before = place < middle
        rest = (half, size[1]) if across == 0 else (size[0], half)
        cut(inside[before], corner, rest)
        moved = (corner[0] + half, corner[1]) if across == 0 else (corner[0], corner[1] + half)
        rest = (size[0] - half, size[1]) if across == 0 else (size[0], size[1] - half)
        cut(inside[~before & ~on_it], moved, rest)
        order.append(inside[on_it])

    cut(np.arange(kind.size), (0, 0), (lines, cells))
    return np.concatenate(order)


def _shifted(field: Array, slow: int, fast: int) -> Array:
    """What lies so many lines and cells further on, of a field with a rim one cell wide."""
    lines, cells = field.shape
    return field[1 + slow : lines - 1 + slow, 1 + fast : cells - 1 + fast]
