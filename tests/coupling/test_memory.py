"""What a run will need in memory: asked of the solver, said before it is taken, refused in time."""

import logging
import tracemalloc
from pathlib import Path

import pytest

from helpers.numerics import plume
from helpers.physics_cases import unheated
from helpers.rollouts import ran, tellus, write_case
from tellus import Simulation, make_solver
from tellus.coupling import estimate
from tellus.coupling.solvers.kinds import SOLVERS
from tellus.coupling.solvers.names import memory_of
from tellus.errors import InputError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem

GRID = Grid(256, 64)


@pytest.mark.parametrize(
    "name",
    [
        "direct",
        "lagged",
        "refined",
        "refined:4",
        "reduced:4",
        "coarse:4",
        "skip:10:refined",
        "skip:10:linear:reduced:2",
        "anchored:5:reduced:4",
        "anchored:tol=1e-3:reduced:4",
        "check:coarse:4",
    ],
)
def test_what_a_solver_says_is_what_it_takes(name: str) -> None:
    make_solver(name, GRID).solve(plume(GRID))  # caches and libraries
    tracemalloc.start()
    try:
        make_solver(name, GRID).solve(plume(GRID))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.7 * peak < memory_of(name, GRID) < 1.5 * peak


def test_every_solver_says_something_and_grows_with_the_grid() -> None:
    arguments = {"skip": ":3", "anchored": ":3:reduced:4", "check": ":reduced:4", "fine": ":2"}
    arguments["guarded"] = ":reduced:4"
    small, large = Grid(64, 16), Grid(1024, 256)
    for kind in SOLVERS:
        name = kind + arguments.get(kind, "")
        assert 0.0 < memory_of(name, small) < memory_of(name, large), name
    assert memory_of("nonsense", small) == 0.0


def test_bands_count_where_they_are_made_alone() -> None:
    bands = memory_of("direct", GRID)
    assert memory_of("skip:10", GRID) == bands
    assert memory_of("skip:10:refined", GRID) == memory_of("refined", GRID) < 0.7 * bands
    assert memory_of("iterative:cold:from:direct", GRID) > bands


def test_a_grid_beyond_the_machine_is_refused_before_anything_is_allocated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    huge = ("grid.nx=16384", "grid.ny=16384", "stokes.solver=direct")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"16384x16384 .*direct needs .* GiB .* machine has"):
            Simulation.from_config(unheated(*huge))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    config = write_case(tmp_path / "case.toml", *huge)
    said = tellus("run", config, "--out", tmp_path / "run", status=2).stderr
    assert "such as refined" in said
    assert not (tmp_path / "run").exists()
    # What fits with one solver need not with another.
    monkeypatch.setattr(estimate, "_machine_gib", lambda: (2.0, 2.0))
    grid = Grid(2048, 256)
    assert estimate.check_memory(grid, "refined") == []
    with pytest.raises(InputError):
        estimate.check_memory(grid, "direct")


def test_little_that_is_free_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_machine_gib", lambda: (64.0, 0.1))
    said: list[str] = []
    Simulation.from_config(unheated(), warn=said.append)
    assert any("0.1 GiB are free" in sentence for sentence in said)


def test_memory_is_said_before_the_first_solve(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def solve(self: DirectSolver, problem: StokesProblem) -> None:
        raise MemoryError

    monkeypatch.setattr(DirectSolver, "solve", solve)
    with caplog.at_level(logging.INFO), pytest.raises(MemoryError):
        ran(tmp_path / "run", "stokes.solver=direct")
    assert any("GiB of memory" in record.message for record in caplog.records)


def test_workers_of_a_data_set_need_it_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels are direct solutions, so that is what each of them must have room for."""
    grid = Grid(512, 128)
    one = estimate.memory_gib(grid, "direct") + estimate.PROGRAM
    monkeypatch.setattr(estimate, "_machine_gib", lambda: (3.5 * one, 3.5 * one))
    assert estimate.check_memory(grid, "direct", jobs=3) == []
    with pytest.raises(InputError, match=r"4 runs at once, .* choose fewer --jobs"):
        estimate.check_memory(grid, "direct", jobs=4)
