"""Threads: none that spins, the caller's own number given back, the same bits on any number."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

import tellus
from helpers.forked import ended, forked
from helpers.numerics import plume, random_psi, rough_viscosity
from tellus.coupling.solvers.names import make_solver
from tellus.solver import _core
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.splines.projection import SplineProjection
from tellus.solver.threads import allowed, at_once, limit, one_blas_thread
from tellus.solver.torch_threads import few_torch_threads

WIDE = Grid(208, 104, 2.0)
"""Wide enough for factorisations from both ends."""


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_and_torch_have_one_thread_inside_and_their_own_number_afterwards() -> None:
    with threadpool_limits(2, user_api="blas"):
        with one_blas_thread(), one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {2}
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with few_torch_threads(), few_torch_threads():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("mkl", [False, True])
def test_whoever_leaves_last_gives_the_number_back(mkl: bool) -> None:
    """Contexts that save and set by themselves leave BLAS at 1 when they overlap."""
    if mkl:  # its number is that of each thread
        pytest.importorskip("pypardiso")
    first_in, second_in, first_out = (Barrier(2, timeout=20) for _ in range(3))

    def early() -> None:
        with one_blas_thread():
            first_in.wait()
            second_in.wait()
        first_out.wait()

    def late() -> set[int]:
        first_in.wait()
        with one_blas_thread():
            second_in.wait()
            first_out.wait()
            return blas_threads()

    with threadpool_limits(2, user_api="blas"), ThreadPoolExecutor(2) as pool:
        early_one, late_one = pool.submit(early), pool.submit(late)
        early_one.result(timeout=20)
        assert late_one.result(timeout=20) == {1}
        assert blas_threads() == {2}


def test_a_library_that_is_loaded_later_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypardiso")
    with one_blas_thread():
        pass
    # As if MKL had been loaded since, by modules that were there before.
    monkeypatch.setattr(one_blas_thread, "_of_each_thread", [])
    make_solver("pardiso", WIDE).solve(plume(WIDE))
    with threadpool_limits(2, user_api="blas"), one_blas_thread():
        assert blas_threads() == {1}


def test_runs_on_threads_of_python_leave_blas_as_it_was(tmp_path: Path) -> None:
    config = tellus.load_config(None, ["grid.nx=16", "grid.ny=8", "time.max_steps=3"])

    def run(name: str) -> None:
        tellus.Simulation.from_config(config).step()
        tellus.Simulation.from_config(config).flow()

    with threadpool_limits(2, user_api="blas"), ThreadPoolExecutor(3) as pool:
        list(pool.map(run, "abc"))
        tellus.run(config, tmp_path / "run", progress=False)
        assert blas_threads() == {2}


def test_the_command_starts_no_pool_of_blas() -> None:
    program = """
import os, sys
sys.argv = ["tellus", "--version"]
from tellus.__main__ import main
try:
    main()
except SystemExit:
    print(os.environ["OPENBLAS_NUM_THREADS"])
"""
    variables = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    for asked, expected in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "4"}, "4")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=variables | asked,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split()[-1] == expected


def test_work_is_shared_only_where_two_threads_are_allowed() -> None:
    def two() -> list[int]:
        return at_once(lambda: os.getpid() and thread(), thread)

    def thread() -> int:
        import threading

        return threading.get_ident()

    with limit(1):
        assert allowed() == 1
        assert len(set(two())) == 1
    with limit(2):
        assert len(set(two())) == 2


def product(grid: Grid) -> Array:
    operator = PsiOperator(grid)
    return operator.apply(rough_viscosity(grid, 1e4), random_psi(grid, 1))


def smoothed(grid: Grid) -> Array:
    weights = PsiOperator(grid).weights(rough_viscosity(grid, 1e4))
    x, b = np.zeros(grid.nodes), random_psi(grid, 2)
    inverse = np.zeros(grid.nodes)
    inverse[1:-1, 1:-1] = 0.1
    _core.chebyshev(weights, inverse, b, 0.1, 4.0, 3, True, x, np.empty((3, *grid.nodes)))
    _core.chebyshev(weights, inverse, b, 0.1, 4.0, 3, False, x, np.empty((3, *grid.nodes)))
    return x


def projected(grid: Grid) -> Array:
    projection = SplineProjection(PsiOperator(grid), 8)
    projection.assemble(rough_viscosity(grid, 1e4))
    assert projection.factor() == 0
    return projection.solve(random_psi(grid, 3))


# Grids from which each kernel takes more than one thread.
KERNELS = [(product, Grid(1200, 900, 1.0)), (smoothed, Grid(640, 320)), (projected, Grid(480, 240))]


@pytest.mark.parametrize(("kernel", "grid"), KERNELS, ids=["product", "chebyshev", "reduced"])
def test_kernels_give_the_same_bits_on_any_number_of_threads(
    kernel: Callable[[Grid], Array], grid: Grid
) -> None:
    found = []
    for count in (1, 2, 3):
        with limit(count):
            found.append(kernel(grid))
    assert np.abs(found[0]).max() > 0.0
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize(
    "name", ["direct", "lagged", "refined", "reduced:2", "richardson:4", "surrogate"]
)
def test_solvers_give_the_same_bits_on_any_number_of_threads(name: str) -> None:
    found = []
    for count in (1, 2):
        with limit(count), threadpool_limits(count):
            found.append(make_solver(name, WIDE).solve(plume(WIDE)).psi)
    np.testing.assert_array_equal(*found)


FORKED = ["direct", "refined", "iterative", "surrogate"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", FORKED)
def test_a_child_of_a_fork_can_go_on(name: str) -> None:
    """Pools don't survive a fork: a child that asked its parent's for work waited for ever."""
    grid = Grid(208, 104, 4.0)
    solver = make_solver(name, grid)
    with limit(2), threadpool_limits(2):
        before = solver.solve(plume(grid)).psi

        def go_on() -> None:
            after = make_solver(name, grid).solve(plume(grid)).psi
            np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-9)

        child = forked(go_on)
    assert ended(child) == 0
