"""PARDISO: the sparse matrix, the velocity of the direct solve, and what is said without MKL."""

import sys
from dataclasses import replace

import pytest
from numerics import rough_field
from petsc_needed import has_mkl
from physics_cases import slip_walls
from sequences import SMALL, rising

from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.solver.boundaries import FREE_SLIP, NO_SLIP
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.cached import CachedFactor
from tellus.solver.factor.pardiso import ANALYSE, FACTOR, SOLVE, PardisoCholesky
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, relative_velocity_error

needs_mkl = pytest.mark.skipif(not has_mkl(), reason="needs pip install 'tellus-mantle[mkl]'")


def pardiso(grid: Grid, factor: PardisoCholesky | None = None) -> DirectSolver:
    return DirectSolver(grid, CachedFactor(grid, (factor or PardisoCholesky(grid)).between))


HALF_FAST = slip_walls((NO_SLIP, FREE_SLIP, FREE_SLIP, NO_SLIP))


@needs_mkl
def test_one_analysis_serves_all_steps_and_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    factor, direct, phases = PardisoCholesky(SMALL), DirectSolver(SMALL), []
    solver, set_phase = pardiso(SMALL, factor), factor._pardiso.set_phase
    monkeypatch.setattr(
        factor._pardiso, "set_phase", lambda phase: phases.append(phase) or set_phase(phase)
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
    one, two = pardiso(SMALL), pardiso(grid)
    one.solve(problem)
    two.solve(other)
    assert relative_velocity_error(one.solve(problem), expected) < 1e-8
    del two
    assert relative_velocity_error(one.solve(problem), expected) < 1e-8


def test_without_mkl_the_name_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypardiso", None)
    with pytest.raises(InputError, match=r"pip install 'tellus-mantle\[mkl\]'"):
        make_solver("pardiso", SMALL)
