"""PARDISO and cuDSS, the latter with SciPy in its place: one analysis serves; what is missing."""

import gc
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers import stand_in_nvmath
from helpers.numerics import rough_field
from helpers.petsc_needed import has_mkl
from helpers.physics_cases import slip_walls
from helpers.rollouts import tellus
from helpers.sequences import SMALL, rising
from helpers.stand_in_nvmath import Calls
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError, SolverError
from tellus.solver.boundaries import FREE_SLIP, NO_SLIP
from tellus.solver.cudss import CudssSolver
from tellus.solver.direct import DirectSolver
from tellus.solver.factor.cached import CachedFactor
from tellus.solver.factor.pardiso import ANALYSE, FACTOR, SOLVE, PardisoCholesky
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, StokesSolver, relative_velocity_error

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart.toml"
HALF_FAST = slip_walls((NO_SLIP, FREE_SLIP, FREE_SLIP, NO_SLIP))


@pytest.fixture
def calls() -> Iterator[Calls]:
    with stand_in_nvmath.nvmath() as made:
        yield made


def followed(solver: StokesSolver) -> list[str]:
    """Over six steps, between two kinds of walls, it is the direct solver; returns its phases."""
    direct = DirectSolver(SMALL)
    for problem, expected in rising(6):
        flow = solver.solve(problem)
        assert relative_velocity_error(flow, expected) < 1e-8
        other = replace(problem, boundaries=HALF_FAST)
        assert relative_velocity_error(solver.solve(other), direct.solve(other)) < 1e-8
    return list(flow.report.seconds)


def test_one_plan_of_cudss_serves_all_steps_and_walls(calls: Calls) -> None:
    phases = followed(CudssSolver(SMALL, "cpu"))
    assert calls.made == ["plan"] + 12 * ["factorize", "solve"]
    (options,) = calls.options
    assert options.sparse_system_type == stand_in_nvmath.SPD
    assert options.sparse_system_view == stand_in_nvmath.UPPER
    assert phases == ["assemble", "transfer", "analyse", "factor", "solve", "residual"]


needs_mkl = pytest.mark.skipif(not has_mkl(), reason="needs pip install 'tellus-mantle[mkl]'")


def pardiso(grid: Grid, factor: PardisoCholesky | None = None) -> DirectSolver:
    return DirectSolver(grid, CachedFactor(grid, (factor or PardisoCholesky(grid)).between))


@needs_mkl
def test_one_analysis_of_pardiso_serves_all_steps_and_walls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factor, phases = PardisoCholesky(SMALL), []
    set_phase = factor._pardiso.set_phase
    monkeypatch.setattr(
        factor._pardiso, "set_phase", lambda phase: phases.append(phase) or set_phase(phase)
    )
    seconds = followed(pardiso(SMALL, factor))
    assert phases == [ANALYSE] + 12 * [FACTOR, SOLVE]
    assert seconds == ["assemble", "analyse", "factor", "solve", "residual"]


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


def test_what_cudss_holds_is_freed_with_the_solver(calls: Calls) -> None:
    solver = CudssSolver(SMALL, "cpu")
    assert calls.freed == 0
    del solver
    gc.collect()
    assert calls.freed == 1


def test_a_factor_with_replaced_pivots_is_no_solution(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = StokesProblem(SMALL, rough_field(SMALL), FrankKamenetskii(1e4))
    solver = CudssSolver(SMALL, "cpu")
    exact = solver._handle.solve
    monkeypatch.setattr(solver._handle, "solve", lambda: exact() * 1.001)
    with pytest.raises(SolverError, match=r"relative residual of 0\.001 at t = 0"):
        solver.solve(problem)


def test_without_a_gpu_that_is_said(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"needs an NVIDIA GPU .* \(no CUDA device is at hand"):
        make_solver("cudss", SMALL)


def test_without_the_libraries_behind_nvmath_that_is_said(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise RuntimeError("Failure finding libcudss.so.0")

    monkeypatch.setattr(sys.modules["nvmath.sparse.advanced"], "DirectSolver", missing)
    with pytest.raises(InputError, match=r"cuDSS: pip install .* finding libcudss"):
        CudssSolver(SMALL, "cpu")


def test_the_command_line_refuses_and_lists_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nvmath", None)
    assert "extra cudss, a GPU" in tellus("solvers").stdout
    result = tellus("run", EXAMPLE, "--out", tmp_path / "run", "--stokes", "cudss", status=2)
    assert "pip install 'tellus-mantle[cudss]'" in " ".join(result.stderr.split())
