"""PARDISO: the sparse matrix, the velocity of the direct solve, and what is said without MKL."""

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from numerics import GRIDS, rough_field, rough_viscosity, worst_difference
from physics_cases import SLIP, covering, slip_walls
from scipy.sparse import csr_matrix
from sequences import SMALL, rising

from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError, SolverError
from tellus.solver.boundaries import FREE_SLIP, NO_SLIP
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.pardiso import ANALYSE, FACTOR, SOLVE, PardisoSolver
from tellus.solver.grid import Grid
from tellus.solver.psi.matrix import PsiMatrix
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import FrankKamenetskii, Given, Viscoplastic
from tellus.solver.stokes import StokesProblem, relative_velocity_error

needs_mkl = pytest.mark.skipif(
    find_spec("pypardiso") is None, reason="needs pip install 'tellus-mantle[mkl]'"
)
HALF_FAST = slip_walls((NO_SLIP, FREE_SLIP, FREE_SLIP, NO_SLIP))


@pytest.mark.parametrize(("kinds", "grid"), covering(SLIP, [*GRIDS, Grid(24, 12, 4.0)]))
def test_the_sparse_matrix_is_that_of_the_bands(kinds: tuple[str, ...], grid: Grid) -> None:
    operator, eta = PsiOperator(grid, slip_walls(kinds)), rough_viscosity(grid, 1e6)
    pattern = PsiMatrix(PsiOperator(grid))
    values = pattern.values(operator, eta)
    upper = csr_matrix((values, pattern.indices, pattern.indptr))
    assert upper.has_sorted_indices
    dense = upper.toarray()
    for offset, band in enumerate(operator.bands(eta).T):
        found = np.diag(dense, offset)
        assert worst_difference(found, band[: len(found)]) < 1e-14 if np.any(band) else True
        assert not np.any(found[band[: len(found)] == 0.0])
    assert not np.any(np.tril(dense, -1))
    assert not np.any(np.triu(dense, operator.half_bandwidth + 1))


@needs_mkl
@pytest.mark.parametrize("contrast", [1.0, 1e6, 1e10])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_velocity_equals_that_of_the_direct_solver(grid: Grid, contrast: float) -> None:
    eta = Given(rough_viscosity(grid, contrast))
    problem = StokesProblem(grid, rough_field(grid), eta, rayleigh=5.0, boundaries=HALF_FAST)
    flow, direct = PardisoSolver(grid).solve(problem), DirectSolver(grid).solve(problem)
    assert relative_velocity_error(flow, direct) < 1e-8
    assert flow.report.residual < 1e-8


@needs_mkl
def test_one_analysis_serves_all_steps_and_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    solver, direct, phases = PardisoSolver(SMALL), DirectSolver(SMALL), []
    set_phase = solver._pardiso.set_phase
    monkeypatch.setattr(
        solver._pardiso, "set_phase", lambda phase: phases.append(phase) or set_phase(phase)
    )
    for problem, expected in rising(6):
        flow = solver.solve(problem)
        assert relative_velocity_error(flow, expected) < 1e-8
        other = replace(problem, boundaries=HALF_FAST)
        assert relative_velocity_error(solver.solve(other), direct.solve(other)) < 1e-8
    assert phases == [ANALYSE] + 12 * [FACTOR, SOLVE]
    assert list(flow.report.seconds) == ["assemble", "analyse", "factor", "solve", "residual"]


@needs_mkl
def test_two_solvers_in_one_process_do_not_meet() -> None:
    (problem, expected), *_ = rising(6)
    grid = Grid(16, 12, 1.0)
    other = StokesProblem(grid, rough_field(grid), FrankKamenetskii(1e4))
    one, two = PardisoSolver(SMALL), PardisoSolver(grid)
    one.solve(problem)
    two.solve(other)
    assert relative_velocity_error(one.solve(problem), expected) < 1e-8
    del two
    assert relative_velocity_error(one.solve(problem), expected) < 1e-8


@needs_mkl
def test_a_yielding_law_through_picard() -> None:
    law = Viscoplastic(FrankKamenetskii(1e4, 1.0), yield_stress=1.0)
    problem = replace(rising(6)[0][0], rheology=law, rayleigh=30.0)
    flow, direct = (make_solver(name, SMALL).solve(problem) for name in ("pardiso", "direct"))
    assert flow.report.iterations == direct.report.iterations > 1
    assert relative_velocity_error(flow, direct) < 1e-8


@needs_mkl
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_an_impossible_viscosity_is_a_clear_error(value: float) -> None:
    problem = StokesProblem(SMALL, rough_field(SMALL), Given(np.full(SMALL.cells, value)))
    with pytest.raises(SolverError, match=rf"viscosity ranges from {value:.3g} to {value:.3g}"):
        PardisoSolver(SMALL).solve(problem)


def test_without_mkl_the_name_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypardiso", None)
    with pytest.raises(InputError, match=r"pip install 'tellus-mantle\[mkl\]'"):
        make_solver("pardiso", SMALL)


def test_no_arguments() -> None:
    with pytest.raises(InputError, match='"pardiso" takes no argument, not "2"'):
        make_solver("pardiso:2", SMALL)
