"""Runs that go wrong: one sentence, the right status, nothing harmed, and a way on."""

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr.storage._local as zarr_files

import tellus.coupling.directory.files as run_files
import tellus.coupling.directory.timeseries as series
from helpers.rollouts import (
    SIMPLEST,
    GivenFlow,
    Rolls,
    assert_same,
    case,
    files,
    ran,
    steps_of,
    summary,
    tellus,
    write_case,
)
from tellus import open_run
from tellus.coupling.directory.checkpoint import read_checkpoint
from tellus.coupling.directory.files import CONTENTS
from tellus.coupling.simulation.stepping import TemperatureBounds
from tellus.errors import InputError, RunFailedError, SolverError
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesReport

GRID = Grid(16, 8, 2.0)
OPTIONS = (*SIMPLEST, "time.max_steps=9", "output.checkpoint_every=3")
# Calls of a solver: warm-up, then the states of steps 0, 1, 2, ...
AT_STEP_5 = 6


def run(out: Path, *overrides: str, **options: Any) -> dict[str, Any]:
    return ran(out, *OPTIONS, *overrides, **options)


class GoingWrong(Rolls):
    """Rolls that go wrong at one call and after."""

    def __init__(self, how: Callable[[StokesProblem], Flow], call: int) -> None:
        super().__init__(GRID)
        self.how, self.call = how, call

    def solve(self, problem: StokesProblem) -> Flow:
        self.call -= 1
        return super().solve(problem) if self.call > 0 else self.how(problem)


def spike(height: float) -> Callable[[StokesProblem], Flow]:
    """All at rest, but for what psi is at one node."""
    psi = np.zeros(GRID.nodes)
    psi[2, 4] = height
    return GivenFlow(psi).solve


not_a_number, far_too_fast, infinitely_fast = spike(np.nan), spike(1e14), spike(np.inf)


def everything_flows_into_one_cell(problem: StokesProblem) -> Flow:
    u, v = np.zeros(GRID.u_faces), np.zeros(GRID.v_faces)
    u[1, 5], u[1, 6] = 1e4, -1e4
    return Flow(np.zeros(GRID.nodes), u, v, StokesReport("sink"))


def gives_up(problem: StokesProblem) -> Flow:
    raise SolverError(f"the multigrid stalled at t = {problem.time:.6g}; try --stokes direct.")


def is_wrong(problem: StokesProblem) -> Flow:
    raise IndexError("a slip of one's own")


# how, what is said, and where: cell (1, 5) and node (2, 4) of 16x8 cells on a box 2 wide
FAILURES = {
    "not a number": (
        not_a_number,
        r"T is not finite at x = \d\.\d+, y = 0\.\d+, still so after 8 halvings .*; try",
    ),
    "everything flows into one cell": (
        everything_flows_into_one_cell,
        r"exceeds its physical bound .* at x = 0.6875, y = 0.1875, still so after 0 .*; try",
    ),
    "far too fast": (
        far_too_fast,
        r"collapsed to .*velocities reach 1\..*e\+15 at x = 0.\d+, y = 0.\d+: bound",
    ),
    "infinitely fast": (
        infinitely_fast,
        r"collapsed to 0, .*velocities reach inf at x = 0.\d+, y = 0.\d+: bound",
    ),
}


@pytest.fixture(scope="module")
def rolling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which nothing goes wrong."""
    out = tmp_path_factory.mktemp("runs") / "rolling"
    run(out, solver=Rolls(GRID))
    return out


@pytest.mark.parametrize("what", FAILURES)
def test_what_when_where_and_what_to_try(what: str, rolling: Path, tmp_path: Path) -> None:
    how, said = FAILURES[what]
    # Heat piles up slowly where steps may be short: there the first one is as short as may be.
    shortest = 4e-6 if how is everything_flows_into_one_cell else 1e-12
    out, settings = tmp_path / "run", f"time.dt_min={shortest}"
    with pytest.raises(RunFailedError, match=said) as failure:
        run(out, settings, solver=GoingWrong(how, AT_STEP_5 + 1))
    sentence = str(failure.value)
    assert failure.value.exit_status == 1
    assert re.match(r"step 6, t = \d\.\d+(e-\d+)?: ", sentence)
    assert "--resume" in sentence
    assert "\n" not in sentence

    failed = summary(out)
    assert (failed["status"], failed["message"]) == ("failed", sentence)
    assert failed["steps"] == 5
    assert steps_of(out) == [0, 3]
    assert int(read_checkpoint(out, pytest.fail)["steps"]) == 3
    rows = (out / "timeseries.csv").read_text().splitlines()
    assert len(rows) == 6, "the steps that went well are there to look at"
    assert np.all(np.isfinite(open_run(out)["temperature"].values))

    run(out, settings, resume=True, solver=Rolls(GRID))
    assert_same(out, rolling)
    assert summary(out)["status"] == "done"
    assert summary(out)["message"] == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.02, r"T = -0.02 falls below its physical bound -0.01 at x = 0.6875, y = 0.4375"),
        (1.22, r"T = 1.22 exceeds its physical bound 1.21 at x = 0.6875, y = 0.4375"),
        (np.nan, r"T is not finite at x = 0.6875, y = 0.4375"),
        (np.inf, r"T is not finite at x = 0.6875, y = 0.4375"),
        (-np.inf, r"T is not finite at x = 0.6875, y = 0.4375"),
        (-0.0099, None),
        (1.2099, None),
    ],
)
def test_bounds_of_the_temperature(value: float, said: str | None) -> None:
    """Heated with H = 2 for t = 0.1, T may reach 1 + 0.2."""
    temperature = np.full(GRID.cells, 0.5)
    temperature[3, 5] = value
    bounds = TemperatureBounds(lowest=0.0, highest=1.0, tolerance=0.01, growth=np.inf)
    before = np.full(GRID.cells, 0.5)
    assert bounds.violation(temperature, before, heated=0.2, grid=GRID) == said


def test_the_state_is_as_it_was_before_the_step_that_failed() -> None:
    from tellus.coupling.simulation.loop import Simulation

    # The first step asks for the velocity at its end, too.
    simulation = Simulation.from_config(case(), GoingWrong(not_a_number, 3))
    simulation.step()
    before = simulation.temperature.copy()
    for _ in range(2):
        with pytest.raises(RunFailedError, match="step 2,"):
            simulation.step()
    assert simulation.steps == 1
    assert np.array_equal(simulation.temperature, before)


def test_heat_that_piles_up_fails_once_no_step_is_small_enough(tmp_path: Path) -> None:
    where = r"at x = 0.6875, y = 0.1875, still so after \d halvings of the time step"
    solver = GoingWrong(everything_flows_into_one_cell, AT_STEP_5)
    with pytest.raises(RunFailedError, match=f"exceeds its physical bound .* {where}"):
        run(tmp_path / "run", "time.max_steps=2000", solver=solver)
    assert summary(tmp_path / "run")["solver_report"]["rejected"] >= 9


@pytest.mark.parametrize(
    "overflowing",
    [
        ("rheology.yield_stress=1e-15", "rheology.eta_star=0", "stokes.picard_limit=12"),
        ("rheology.ceiling=1e-30", "model.rayleigh=1e12", "initial.amplitude=1"),
    ],
    ids=["double", "single"],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_numbers_that_overflow_are_one_sentence_without_warnings(
    overflowing: tuple[str, ...], tmp_path: Path
) -> None:
    config = write_case(tmp_path / "case.toml", *OPTIONS, *overflowing)
    said = tellus("run", config, "--out", tmp_path / "run", status=1).stderr.splitlines()
    assert "time step collapsed" in said[-1]


def test_a_solver_that_gives_up(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match="the multigrid stalled at t = "):
        run(tmp_path / "run", solver=GoingWrong(gives_up, AT_STEP_5))
    assert summary(tmp_path / "run")["status"] == "failed"
    tellus("run", tmp_path / "run", "--resume", "--stokes", "direct")


@pytest.mark.parametrize(
    ("how", "said"), [(gives_up, "stalled"), (not_a_number, "its psi holds NaN")]
)
def test_a_solver_that_is_wrong_before_the_start_leaves_nothing(
    how: Callable[[StokesProblem], Flow], said: str, tmp_path: Path
) -> None:
    with pytest.raises(SolverError, match=said):
        run(tmp_path / "run", solver=GoingWrong(how, 0))
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_a_solver_is_shown_as_it_is_and_recorded(tmp_path: Path) -> None:
    with pytest.raises(IndexError, match="a slip"):
        run(tmp_path / "run", solver=GoingWrong(is_wrong, AT_STEP_5))
    assert summary(tmp_path / "run")["status"] == "failed"
    assert "a slip" in summary(tmp_path / "run")["message"]
    run(tmp_path / "run", resume=True, solver=Rolls(GRID))


def test_a_failing_run_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solver = GoingWrong(far_too_fast, AT_STEP_5)
    with monkeypatch.context() as patch:
        patch.setattr("tellus.coupling.simulation.arguments.make_solver", lambda *_: solver)
        config = write_case(tmp_path / "case.toml", *OPTIONS)
        said = tellus("run", config, "--out", tmp_path / "run", status=1).stderr.splitlines()
    assert said[-1].startswith("tellus: step 5, t = ")
    tellus("run", tmp_path / "run", "--resume", "--stokes", "direct")


def full(*arguments: Any, **options: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def runs_out_of_room(owner: Any, name: str, calls: int, tmp_path: Path) -> tuple[Path, Path, str]:
    """A run whose disk is full from the given call of something that writes: what is said of it."""
    original, left = getattr(owner, name), [calls]

    def counted(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        return original(*arguments, **options) if left[0] > 0 else full()

    out, config = tmp_path / "run", write_case(tmp_path / "case.toml", *OPTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, counted)
        said = tellus("run", config, "--out", out, status=1).stderr.splitlines()[-1]
    assert "No space left on device" in said
    return out, config, said


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the others are to be in the end."""
    out = tmp_path_factory.mktemp("runs") / "alone"
    run(out)
    return out


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [
        pytest.param(run_files, "write_checkpoint", 3, id="checkpoint"),
        pytest.param(zarr_files, "_put", 70, id="fields"),
        pytest.param(series.TimeSeries, "append", 5, id="series"),
        pytest.param(series.TimeSeries, "sync", 3, id="series-sync", marks=pytest.mark.slow),
        pytest.param(os, "fsync", 10, id="sync"),
    ],
)
def test_a_full_disk_fails_the_run_which_goes_on_when_there_is_room(
    owner: Any, name: str, calls: int, alone: Path, tmp_path: Path
) -> None:
    out, _, said = runs_out_of_room(owner, name, calls, tmp_path)
    assert "--resume" in said
    # run.json may not have found room either.
    assert summary(out)["status"] in ("failed", "running")
    tellus("run", out, "--resume")
    assert_same(out, alone)


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [
        pytest.param(run_files, "write_checkpoint", 1, id="checkpoint"),
        pytest.param(zarr_files, "_put", 10, id="fields"),
        pytest.param(run_files, "write_atomically", 1, id="configuration"),
        pytest.param(Path, "mkdir", 1, id="directory"),
    ],
)
def test_a_disk_full_from_the_start_leaves_no_half_of_a_run(
    owner: Any, name: str, calls: int, tmp_path: Path
) -> None:
    out, config, _ = runs_out_of_room(owner, name, calls, tmp_path)
    assert not any((out / name).exists() for name in CONTENTS)
    tellus("run", config, "--out", out)


@pytest.mark.parametrize("name", CONTENTS)
def test_a_directory_with_any_part_of_a_run_is_left_alone(
    name: str, alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(alone, out)
    for other in CONTENTS:
        if other != name:
            (out / other).rename(tmp_path / other)
    before = files(out)
    with pytest.raises(InputError, match=re.escape(str(out))):
        run(out)
    config = write_case(tmp_path / "case.toml")
    assert str(out) in tellus("run", config, "--out", out, status=2).stderr
    assert files(out) == before


def test_what_else_is_in_the_directory_stays(tmp_path: Path) -> None:
    config = write_case(tmp_path / "case.toml", *OPTIONS)
    (tmp_path / "notes.txt").write_text("mine")
    tellus("run", config, "--out", tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert summary(tmp_path)["status"] == "done"


def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    config, file = write_case(tmp_path / "case.toml"), tmp_path / "file"
    file.write_text("mine")
    assert f"{file} is a file" in tellus("run", config, "--out", file, status=2).stderr
    assert str(file) in tellus("run", config, "--out", file / "run", status=2).stderr
    assert "file is no run" in tellus("run", config, "--out", file, "--resume", status=2).stderr
    assert file.read_text() == "mine"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_directory_that_cannot_be_written(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so the refusal is simulated."""
    out, config = tmp_path / "run", write_case(tmp_path / "case.toml")

    def refused(self: Path, *arguments: Any, **options: Any) -> None:
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    said = tellus("run", config, "--out", out, status=2).stderr.splitlines()[-1]
    assert f"{out} cannot be written ({os.strerror(code)})" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission(tmp_path: Path) -> None:
    config, locked = write_case(tmp_path / "case.toml"), tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert str(locked) in tellus("run", config, "--out", locked, status=2).stderr
    assert list(locked.iterdir()) == []
