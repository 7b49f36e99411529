"""The u-v-p system in slabs: the same flow as the stream function's, in any cut and order."""

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix, triu, vstack
from scipy.sparse.linalg import splu

from helpers.numerics import GRIDS, rough_field, rough_viscosity, worst_difference
from helpers.physics_cases import SLIP, SLIPS, covering, slip_walls
from tellus.solver.boundaries import FREE_SLIP, NO_SLIP
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.mumps.saddle_point import Equations, SaddlePoint, Slabs, nested_dissection
from tellus.solver.pressure import pressure
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem

CUTS = [(1, False), (1, True), (3, False)]


def matrix_of(rows: SaddlePoint, equations: Equations) -> csr_matrix:
    size, indptr, indices = rows.pattern
    return csr_matrix((equations.values, indices, indptr), (rows.rows, size))


def solved(problem: StokesProblem, parts: int, upper: bool, nested: bool) -> list[Array]:
    """u, v and p from the rows of all slabs together."""
    rows = [SaddlePoint(Slabs(problem.grid, k, parts), upper, nested) for k in range(parts)]
    buoyancy, walls = problem.rayleigh * problem.temperature, problem.boundaries
    assembled = [part.assemble(problem.viscosity(), buoyancy, walls) for part in rows]
    matrix = vstack([matrix_of(*part) for part in zip(rows, assembled, strict=True)])
    whole = triu(matrix) + triu(matrix, 1).T if upper else matrix
    assert abs(whole - whole.T).max() < 1e-12
    assert abs(whole).max() < 3.0  # scaled, whatever the contrast
    b, units = (np.concatenate([getattr(e, name) for e in assembled]) for name in FIELDS)
    return list(rows[0].fields(units * splu(csc_matrix(whole)).solve(b)))


FIELDS = ("right_hand_side", "units")


@pytest.mark.parametrize(("kinds", "grid", "contrast"), covering(SLIP, GRIDS, [1.0, 1e10]))
def test_velocity_and_pressure_are_those_of_the_stream_function(
    kinds: tuple[str, ...], grid: Grid, contrast: float
) -> None:
    viscosity = Given(rough_viscosity(grid, contrast))
    problem = StokesProblem(grid, rough_field(grid), viscosity, 5.0, slip_walls(kinds))
    reference = DirectSolver(grid).solve(problem)
    p = pressure(reference, problem, viscosity.values)
    for parts, nested in CUTS:
        u, v, found = solved(problem, parts, upper=parts > 1, nested=nested)
        assert worst_difference(u, reference.u) < 1e-8
        assert worst_difference(v, reference.v) < 1e-8
        assert worst_difference(found, p) < 1e-8


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_slabs_share_out_every_row_once(grid: Grid, parts: int) -> None:
    rows = [SaddlePoint(Slabs(grid, part, parts)) for part in range(parts)]
    assert rows[0].size == 3 * grid.nx * grid.ny - grid.nx - grid.ny - 1
    assert [part.start for part in rows[1:]] == np.cumsum([p.rows for p in rows])[:-1].tolist()
    assert sum(part.rows for part in rows) == rows[0].size


def test_the_upper_triangle_is_half_of_the_whole() -> None:
    slabs, grid = Slabs(Grid(12, 8, 2.0)), Grid(12, 8, 2.0)
    whole, half = SaddlePoint(slabs), SaddlePoint(slabs, upper=True)
    fields = (
        rough_viscosity(grid, 1e6),
        rough_field(grid),
        slip_walls((NO_SLIP, FREE_SLIP, FREE_SLIP, NO_SLIP)),
    )
    matrices = [matrix_of(rows, rows.assemble(*fields)) for rows in (whole, half)]
    assert abs(triu(matrices[0]) - matrices[1].tocoo()).max() == 0.0


@pytest.mark.parametrize(("lines", "cells"), [(4, 4), (24, 8), (17, 9), (5, 31)])
def test_nested_dissection_takes_every_unknown_once(lines: int, cells: int) -> None:
    order = nested_dissection(lines, cells)
    assert np.array_equal(np.sort(order), np.arange(3 * lines * cells))


def test_nested_dissection_leaves_fewer_entries_in_the_factors() -> None:
    grid = Grid(20, 20, 1.0)
    entries = []
    for nested in (False, True):
        rows = SaddlePoint(Slabs(grid), nested=nested)
        equations = rows.assemble(
            rough_viscosity(grid, 1e3), rough_field(grid), slip_walls(SLIPS[0])
        )
        matrix = csc_matrix(matrix_of(rows, equations))
        entries.append(splu(matrix, "NATURAL", diag_pivot_thresh=0.01).nnz)
    assert entries[1] < 0.5 * entries[0]
