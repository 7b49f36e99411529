"""The factorisation from both ends against the one from one end, on one thread and on two."""

import numpy as np
import pytest
from numerics import GRIDS, random_psi, rough_field, rough_viscosity, worst_difference

from tellus.errors import SolverError
from tellus.solver.boundaries import NO_SLIP, BoundaryConditions, Wall
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.banded import BandedCholesky
from tellus.solver.factor.choice import factor_for
from tellus.solver.factor.lapack import factor_bands, substitute
from tellus.solver.factor.two_ended import TwoEndedCholesky
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import Given
from tellus.solver.stokes import StokesProblem
from tellus.solver.threads import limit

FREE = BoundaryConditions()
HELD = BoundaryConditions(top=Wall(NO_SLIP), left=Wall(NO_SLIP))
SHAPES = [*GRIDS, Grid(24, 16, 1.0), Grid(16, 25, 1.0), Grid(5, 5, 1.0)]


def solved(cholesky: BandedCholesky | TwoEndedCholesky, viscosity: Array, b: Array) -> Array:
    cholesky.assemble(viscosity)
    assert cholesky.factor() == 0
    return cholesky.solve(b)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("boundaries", [FREE, HELD], ids=["free", "held"])
@pytest.mark.parametrize("grid", SHAPES, ids=str)
def test_both_ends_meet(grid: Grid, boundaries: BoundaryConditions, threads: int) -> None:
    operator, viscosity = PsiOperator(grid, boundaries), rough_viscosity(grid, 1e4)
    b = operator.right_hand_side(rough_field(grid), 1.0)
    with limit(threads):
        found = solved(TwoEndedCholesky(operator), viscosity, b)
    expected = solved(BandedCholesky(operator), viscosity, b)
    assert worst_difference(found, expected) < 1e-10


@pytest.mark.parametrize("boundaries", [FREE, HELD], ids=["free", "held"])
def test_the_factor_is_used_for_any_load_and_made_anew_for_any_viscosity(
    boundaries: BoundaryConditions,
) -> None:
    grid = Grid(40, 17, 2.0)
    operator = PsiOperator(grid, boundaries)
    cholesky = TwoEndedCholesky(operator)
    for contrast in (1.0, 1e8):
        viscosity = rough_viscosity(grid, contrast)
        cholesky.assemble(viscosity)
        assert cholesky.factor() == 0
        for seed in (1, 2):
            b = random_psi(grid, seed)
            residual = operator.apply(viscosity, cholesky.solve(b)) - b
            assert np.linalg.norm(residual) < 1e-8 * np.linalg.norm(b)


@pytest.mark.parametrize("threads", [1, 2])
def test_width_alone_decides_which_one_is_taken(threads: int) -> None:
    wide, narrow = PsiOperator(Grid(120, 110, 1.0)), PsiOperator(Grid(40, 16, 1.0))
    with limit(threads):
        both = factor_for(wide)
        assert isinstance(both, TwoEndedCholesky)
        assert factor_for(wide, both) is both
        assert isinstance(factor_for(narrow), BandedCholesky)
        assert factor_for(PsiOperator(Grid(120, 110, 1.0), HELD), both) is not both


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
