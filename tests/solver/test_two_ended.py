"""The factorisation from both ends against the one from one end, on one thread and on two."""

import numpy as np
import pytest
from allpairspy import AllPairs

from helpers.numerics import (
    FREE,
    GRIDS,
    HELD,
    random_psi,
    rough_field,
    rough_viscosity,
    worst_difference,
)
from tellus.errors import SolverError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.banded import Banded, TwoEnded, factor_bands, substitute
from tellus.solver.factor.cached import REACH, BandedCholesky, CachedFactor
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem
from tellus.solver.threads import limit

SHAPES = [*GRIDS, Grid(24, 16, 1.0), Grid(16, 25, 1.0), Grid(5, 5, 1.0)]


def from_both_ends(operator: PsiOperator) -> BandedCholesky:
    line = min(operator.grid.cells) - 1
    made = BandedCholesky(operator)
    made.system = TwoEnded(operator.unknowns // line, line, REACH, operator.half_bandwidth)
    return made


def solved(cholesky: BandedCholesky, viscosity: Array, b: Array) -> Array:
    cholesky.assemble(viscosity)
    assert cholesky.factor() == 0
    return cholesky.solve(b)


@pytest.mark.parametrize(
    ("grid", "boundaries", "threads"), list(AllPairs([SHAPES, [FREE, HELD], [1, 2]]))
)
def test_both_ends_meet(grid: Grid, boundaries: BoundaryConditions, threads: int) -> None:
    """And the factor is used for any load, and made anew for any viscosity."""
    operator = PsiOperator(grid, boundaries)
    ours, theirs = from_both_ends(operator), BandedCholesky(operator)
    assert isinstance(theirs.system, Banded)
    with limit(threads):
        for contrast in (1.0, 1e4):
            viscosity = rough_viscosity(grid, contrast)
            for seed in (1, 2):
                b = random_psi(grid, seed)
                found, expected = (solved(each, viscosity, b) for each in (ours, theirs))
                assert worst_difference(found, expected) < 1e-10
            residual = operator.apply(viscosity, found) - b
            assert np.linalg.norm(residual) < 1e-9 * np.linalg.norm(b)


@pytest.mark.parametrize("threads", [1, 2])
def test_width_alone_decides_which_one_is_taken(threads: int) -> None:
    with limit(threads):
        for grid, kind in ((Grid(120, 110, 1.0), TwoEnded), (Grid(40, 16, 1.0), Banded)):
            assert isinstance(BandedCholesky(PsiOperator(grid)).system, kind)


def test_memory_is_taken_once_for_the_same_walls() -> None:
    made: list[PsiOperator] = []

    def build(operator: PsiOperator) -> BandedCholesky:
        made.append(operator)
        return BandedCholesky(operator)

    kept = CachedFactor(GRIDS[0], build)
    for walls in (FREE, FREE, HELD, HELD):
        kept.operator_for(walls)
        kept.factor(np.ones(GRIDS[0].cells))
    assert [operator.no_slip for operator in made] == [FREE.no_slip, HELD.no_slip]


@pytest.mark.parametrize("end", [1, -2])
def test_an_operator_that_is_not_positive_definite_is_an_error_at_either_end(end: int) -> None:
    grid = Grid(110, 102, 1.0)
    viscosity = np.ones(grid.cells)
    viscosity[:, end] = -1.0
    problem = StokesProblem(grid, rough_field(grid), Given(viscosity))
    with limit(2), pytest.raises(SolverError, match="Cholesky"):
        DirectSolver(grid).solve(problem)


def test_lapack_gets_only_what_it_can_take() -> None:
    bands = np.ones((6, 3))
    with pytest.raises(ValueError, match="contiguous"):
        factor_bands(bands[:, :2])
    with pytest.raises(ValueError, match="contiguous"):
        factor_bands(bands.astype(np.float32))
    with pytest.raises(ValueError, match="rows"):
        substitute(bands, np.ones(5))
