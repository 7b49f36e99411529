"""The benchmarks on toy grids: what they report, never how fast anything was."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from threadpoolctl import threadpool_info
from typer.testing import CliRunner

from tellus.benchmarks import energy, fields, step, stokes
from tellus.benchmarks.fields import Case, cache_directory, make_states, problems
from tellus.benchmarks.record import save
from tellus.benchmarks.step import steps_per_block
from tellus.benchmarks.timing import Spread, fixed_threads, thread_pools
from tellus.cli import app
from tellus.coupling.skip import SkipSolver
from tellus.coupling.solvers import SOLVERS, SolverEntry
from tellus.solver.direct import DirectSolver
from tellus.solver.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi

# Neither size nor aspect fits any shipped weights.
GRID = Grid(24, 12, 2.0)
TOY = Case(gamma_T=1e7, coarse_ny=8, end=1e-2, steps=2)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield cache_directory()


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellus.benchmarks.timing.REST_SECONDS", 0.0)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by one each time it is read."""
    clock = count()
    timed = ("benchmarks.stokes", "benchmarks.bare", "benchmarks.step", "coupling.simulation")
    for module in (*timed, "solver.direct"):
        monkeypatch.setattr(f"tellus.{module}.perf_counter", lambda: float(next(clock)))


class Half(StokesSolver):
    """Half the direct velocity."""

    name = "half"

    def __init__(self, grid: Grid) -> None:
        self.direct = DirectSolver(grid)

    def solve(self, problem: StokesProblem) -> Flow:
        psi = 0.5 * self.direct.solve(problem).psi
        return flow_from_psi(psi, problem.grid, StokesReport(self.name, iterations=7))

    def check(self, problem: StokesProblem) -> list[str]:
        return ["only half of it"]


def strict(result: dict[str, Any]) -> dict[str, Any]:
    """The result after a trip through strict JSON, which must not change it."""
    text = json.dumps(result, allow_nan=False)
    assert json.loads(text) == result
    return result


def printed(table: object) -> str:
    console = Console(width=250, file=StringIO(), record=True)
    console.print(table)
    return console.export_text()


# The fields


def test_fields_are_states_of_a_run_at_the_wanted_size() -> None:
    states = problems(GRID, TOY)
    times = [state.time for state in states]
    assert len(states) == TOY.states
    assert times == sorted(times)
    assert TOY.end < times[-1] < 2 * TOY.end
    for before, after in pairwise(states):
        assert after.temperature.shape == GRID.cells
        assert 0.0 <= after.temperature.min() <= after.temperature.max() < 1.2
        assert not np.array_equal(before.temperature, after.temperature)


def test_fields_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = problems(GRID, TOY)
    with monkeypatch.context() as patch:
        patch.setattr(fields, "make_states", None)
        second = problems(GRID, TOY)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.temperature, b.temperature)
    assert [state.time for state in first] == [state.time for state in second]


def test_a_damaged_cache_is_made_again(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = problems(GRID, TOY)
    for path in cache.glob("*.npz"):
        path.write_bytes(path.read_bytes()[:300])
    with caplog.at_level(logging.WARNING):
        second = problems(GRID, TOY)
    assert "damaged" in caplog.text
    assert np.array_equal(first[-1].temperature, second[-1].temperature)


def test_no_cache_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(problems(GRID, TOY)) == TOY.states


def test_refinement_goes_through_grids_twice_as_fine() -> None:
    assert [str(g) for g in fields.ladder(Grid(512, 128), Case())] == [
        "128x32",
        "256x64",
        "512x128",
    ]
    assert [str(g) for g in fields.ladder(Grid(500, 125), Case())][1:] == ["256x64", "500x125"]
    assert [str(g) for g in fields.ladder(Grid(32, 8), Case())] == ["128x32", "32x8"]


def test_cases_do_not_share_a_cache() -> None:
    times, _ = make_states(GRID, Case(gamma_T=1e5, coarse_ny=8, end=5e-3, steps=1))
    assert problems(GRID, TOY)[-1].time > times[-1]


# Threads


def test_threads_are_set_everywhere_and_given_back() -> None:
    before = (torch.get_num_threads(), thread_pools())
    with fixed_threads(1) as chosen:
        assert chosen == 1
        assert set(thread_pools().values()) == {1}
        assert "torch" in thread_pools()
    assert (torch.get_num_threads(), thread_pools()) == before
    assert len(thread_pools()) == len(threadpool_info()) + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threads": 0}, "--threads must be at least 1"),
        ({"repeats": 4}, "--repeats must be at least 5"),
        ({"solvers": ["direct", "skip:10"]}, "tellus bench step"),
        ({"solvers": ["dircet"]}, 'did you mean "direct"'),
        ({"solvers": ["surrogate:nowhere"]}, "nowhere"),
    ],
)
def test_bad_input_is_explained(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        stokes.main([GRID], case=TOY, **arguments)


def test_spread() -> None:
    spread = Spread.of([5.0, 1.0, 3.0])
    assert spread.to_json("s") == {"s": 3.0, "s_min": 1.0, "s_max": 5.0}


# The benchmarks


def test_stokes(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SolverEntry("half", "", "-", lambda arguments, grid, picard: Half(grid))
    monkeypatch.setitem(SOLVERS, "half", entry)
    grids = [GRID, Grid(16, 8, 2.0)]
    result = strict(stokes.main(grids, ["direct", "half"], threads=1, repeats=6, case=TOY))
    assert result["grid"] == "24x12,16x8"
    assert result["threads"] == 1
    assert result["repeats"] == 6
    assert result["machine"]["cores"] >= 1
    assert result["case"]["gamma_T"] == TOY.gamma_T
    rows = result["results"]
    assert [(row["grid"], row["solver"]) for row in rows] == [
        (grid, solver) for grid in ("24x12", "16x8") for solver in ("direct", "half")
    ]
    for row in rows:
        assert 0 < row["seconds_min"] <= row["seconds"] <= row["seconds_max"]
    direct, half = rows[:2]
    assert set(direct["phases"]) == {"assemble", "factor", "solve", "residual", "other"}
    assert direct["velocity_error"] == 0.0
    assert direct["iterations"] == 1
    assert direct["residual"] < 1e-9
    assert half["velocity_error"] == pytest.approx(0.5)
    assert half["iterations"] == 7
    assert half["residual"] is None
    assert half["warnings"] == ["only half of it"]
    assert [aim["grid"] for aim in result["aims"]] == ["24x12", "16x8"]
    for aim in result["aims"]:
        assert [set(bare) for bare in aim["bare"]] == [{"threads", "bands", "factor", "solve"}]
    text = printed(stokes.table(result))
    for part in ("24x12", "half: only half of it", "50 %", "dpbtrf + dpbtrs", "1 of"):
        assert part in text


@pytest.mark.usefixtures("ticks")
def test_phases_of_a_solve_sum_to_its_seconds() -> None:
    result = stokes.main([GRID], ["direct"], threads=2, repeats=5, case=TOY)
    (row,), (aim,) = result["results"], result["aims"]
    assert row["phases"]["factor"] == 1.0
    assert sum(row["phases"].values()) == row["seconds"] > 4.0
    # Two ticks of LAPACK against those of a whole solve, on one thread and on two.
    assert [bare["threads"] for bare in aim["bare"]] == [1, 2]
    assert aim["direct_over_bare"] == row["seconds"] / 2
    assert aim["bands_over_factor"] == 1.0


def test_without_names_what_does_not_fit_is_left_out_with_its_reason() -> None:
    result = strict(stokes.main([GRID], repeats=5, case=TOY))
    assert [row["solver"] for row in result["results"]] == ["direct"]
    assert set(result["left_out"]["24x12"]) == {"surrogate"}
    assert "surrogate is left out" in printed(stokes.table(result))


def test_only_the_direct_solver_is_held_against_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SolverEntry("half", "", "-", lambda arguments, grid, picard: Half(grid))
    monkeypatch.setitem(SOLVERS, "half", entry)
    result = stokes.main([GRID], ["half"], repeats=5, case=TOY)
    assert result["aims"] == []
    assert result["results"][0]["velocity_error"] == pytest.approx(0.5)


def test_a_state_at_rest_has_no_relative_error() -> None:
    still = Case(gamma_T=1e2, coarse_ny=8, end=1e-2, steps=2)
    (row,) = strict(stokes.main([GRID], ["direct"], repeats=5, case=still))["results"]
    assert row["velocity_error"] is None
    assert row["quiet_states_left_out"] == still.states


def test_energy() -> None:
    result = strict(energy.main([GRID], threads=1, repeats=5, case=TOY))
    assert [row["scheme"] for row in result["results"]] == ["explicit", "implicit"]
    for row in result["results"]:
        assert row["grid"] == "24x12"
        for name in ("seconds", "stable_dt_seconds", "direct_seconds", "direct_over_energy"):
            assert 0 < row[f"{name}_min"] <= row[name] <= row[f"{name}_max"]
    assert "24x12" in printed(energy.table(result))


@pytest.mark.usefixtures("ticks")
def test_step() -> None:
    result = strict(step.main([GRID], ["direct", "skip:4"], repeats=5, case=TOY))
    direct, skip = result["results"]
    assert (direct["solver"], skip["solver"]) == ("direct", "skip:4")
    for row in (direct, skip):
        assert row["steps"] == 12
        assert row["steps_per_second"] == pytest.approx(1 / row["seconds"])
        assert set(row["phases"]) == {"stokes", "energy", "other"}
        assert sum(row["phases"].values()) == pytest.approx(row["seconds"])
        assert sum(row["stokes_phases"].values()) == pytest.approx(row["phases"]["stokes"])
    # Every fourth step is solved, and counts at a quarter in each.
    assert direct["stokes_phases"]["factor"] == 1.0
    assert skip["stokes_phases"]["factor"] == 0.25
    assert "skip:4" in printed(step.table(result))


def test_blocks_hold_whole_cycles() -> None:
    direct = DirectSolver(GRID)
    skips = [SkipSolver(direct, every, GRID) for every in (4, 6)]
    assert steps_per_block([direct]) == 10
    assert steps_per_block([direct, *skips]) == 12
    assert steps_per_block([SkipSolver(direct, 100, GRID)]) == 100


# Saving, and the command line


def test_results_are_saved_under_the_name_of_the_machine(tmp_path: Path) -> None:
    result = stokes.main([GRID], ["direct"], threads=1, repeats=5, case=TOY, out=tmp_path / "new")
    (written,) = (tmp_path / "new").iterdir()
    assert written.name.startswith("stokes-")
    assert written.name.endswith("-1-thread.json")
    assert json.loads(written.read_text()) == result
    assert save(result, tmp_path / "mine.json") == tmp_path / "mine.json"
    assert json.loads((tmp_path / "mine.json").read_text()) == result


def test_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (stokes, energy, step):
        monkeypatch.setattr(module, "problems", lambda grid, case: problems(grid, TOY))
    for name, solvers in (("stokes", "direct"), ("energy", None), ("step", "direct,skip:2")):
        words = ["bench", name, "--grid", "16x8,24x8", "--threads", "1", "--repeats", "5", "--json"]
        words += ["--out", str(tmp_path / f"{name}.json")]
        result = CliRunner().invoke(app, words + (["--solvers", solvers] if solvers else []))
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert document["grid"] == "16x8,24x8"
        assert len(document["results"]) == (2 if name == "stokes" else 4)
        assert json.loads((tmp_path / f"{name}.json").read_text()) == document
    refused = CliRunner().invoke(app, ["bench", "stokes", "--solvers", "skip:10"])
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
