"""The benchmarks on toy grids: what they report, never how fast anything was."""

import json
import pickle
from collections.abc import Callable
from functools import partial
from itertools import count, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from helpers.rollouts import complaint, printed, tellus
from tellus.benchmarks import apply, energy, memory, step, stokes
from tellus.benchmarks.fields import Case, problems
from tellus.benchmarks.harness import Measurement, fixed_threads, thread_pools
from tellus.benchmarks.memory import KilledError, memory_of
from tellus.benchmarks.record import save
from tellus.benchmarks.selection import SINGLE_SOLVES
from tellus.benchmarks.step import steps_per_block
from tellus.benchmarks.stokes_views import exponents
from tellus.benchmarks.tables import table
from tellus.coupling.simulation import loop as simulation
from tellus.coupling.solvers.kinds import SOLVERS, SolverEntry
from tellus.coupling.solvers.skip import SkipSolver
from tellus.errors import InputError, SolverError
from tellus.solver.closure import Homogenised
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import (
    Flow,
    SolverState,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
)

# Neither size nor aspect fits any shipped weights.
GRID = Grid(24, 12, 2.0)
TOY = Case(gamma_T=1e7, coarse_ny=8, end=1e-2, steps=4, recorded=3)
toy = partial(Measurement, grids=[GRID], repeats=5, case=TOY)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by one each time it is read."""
    clock = count()
    for module in ("benchmarks.harness", "coupling.simulation.loop", "solver.phase_timer"):
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


class Remembering(Half):
    """Exact, and slow to start: seven iterations at first, one from then on."""

    name = "remembering"

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self.calls = 0

    def solve(self, problem: StokesProblem) -> Flow:
        self.calls += 1
        iterations, products = (7, 15) if self.calls == 1 else (1, 3)
        report = StokesReport(self.name, {"factor": 0.0}, iterations, products=products)
        return flow_from_psi(self.direct.solve(problem).psi, problem.grid, report)

    def state(self) -> SolverState:
        return {"calls": np.array(self.calls)} if self.calls else {}

    def restore(self, state: SolverState) -> None:
        self.calls = int(state.get("calls", 0))


class GivingUp(Half):
    """No velocity at all."""

    name = "failing"

    def solve(self, problem: StokesProblem) -> Flow:
        raise SolverError("it gave up.")


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds solvers of these tests to those that have names."""

    def add(*kinds: type[Half]) -> None:
        for kind in kinds:
            entry = SolverEntry(kind.name, "", "-", lambda spec, grid, picard, k=kind: k(grid))
            monkeypatch.setitem(SOLVERS, kind.name, entry)

    return add


def strict(result: dict[str, Any]) -> dict[str, Any]:
    """The result after a trip through strict JSON, which must not change it."""
    text = json.dumps(result, allow_nan=False)
    assert json.loads(text) == result
    return result


# Threads


def test_threads_are_set_everywhere_and_given_back() -> None:
    before = (torch.get_num_threads(), thread_pools())
    with fixed_threads(1) as chosen:
        assert chosen == 1
        assert set(thread_pools().values()) == {1}
        assert {"torch", "numba"} <= set(thread_pools())
    assert (torch.get_num_threads(), thread_pools()) == before
    assert len(thread_pools()) == len(threadpool_info()) + 3  # tellus, numba, torch


@pytest.mark.parametrize("benchmark", [stokes, step])
def test_a_name_is_refused_before_fields_are_made(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellus.benchmarks.fields.make_states", pytest.fail)
    with pytest.raises(InputError, match='no solver "dircet"'):
        benchmark.main(toy(), ["dircet"])


@pytest.mark.parametrize(
    ("how", "solvers", "message"),
    [
        ({"threads": 0}, None, "--threads must be at least 1"),
        ({"repeats": 4}, None, "--repeats must be at least 5"),
        ({}, ["direct", "skip:10"], "tellus bench step"),
        ({}, ["surrogate:nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_explained(
    how: dict[str, Any], solvers: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        stokes.main(toy(**how), solvers)


# The benchmarks


def test_stokes(register: Callable[..., None], tmp_path: Path) -> None:
    register(Half)
    grids, out = [GRID, Grid(16, 8, 2.0)], tmp_path / "new"
    measurement = toy(grids=grids, threads=1, repeats=6, out=out)
    result = strict(stokes.main(measurement, ["direct", "half"]))
    (written,) = out.glob("stokes-*-1-thread.json")
    assert json.loads(written.read_text()) == result
    assert written.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert save(result, tmp_path / "mine.json") == tmp_path / "mine.json"
    assert json.loads((tmp_path / "mine.json").read_text()) == result
    assert result["grid"] == "24x12,16x8"
    assert result["threads"] == 1
    assert result["repeats"] == 6
    assert result["machine"]["cores"] >= 1
    assert result["case"]["gamma_T"] == TOY.gamma_T
    assert set(result["thread_pools"].values()) == {1}
    rows = result["results"]
    assert [(row["grid"], row["solver"]) for row in rows] == [
        (grid, solver) for grid in ("24x12", "16x8") for solver in ("direct", "half")
    ]
    for row in rows:
        assert 0 < row["seconds_min"] <= row["seconds"] <= row["seconds_max"]
        assert 0 < row["speedup_min"] <= row["speedup"] <= row["speedup_max"]
        assert row["setup_seconds"] > 0
        assert row["solves_per_sample"] == 1
        assert row["memory_mib"] is None
    direct, half = rows[:2]
    assert set(direct["phases"]) == {"assemble", "factor", "solve", "residual", "other"}
    assert direct["velocity_error"] == 0.0
    assert direct["iterations"] == 1
    assert direct["residual"] < 1e-9
    assert direct["speedup"] == 1.0
    assert half["velocity_error"] == pytest.approx(0.5)
    assert half["iterations"] == 7
    assert half["residual"] is None
    assert half["warnings"] == ["only half of it"]
    assert [aim["grid"] for aim in result["aims"]] == ["24x12", "16x8"]
    for aim in result["aims"]:
        assert [set(bare) for bare in aim["bare"]] == [{"threads", "bands", "factor", "solve"}]
    assert [row["solver"] for row in result["scaling"]] == ["direct", "half"]
    text = printed(table(result))
    warned = "half at 24x12, half at 16x8: only half of it"
    for part in ("24x12", warned, "50 %", "dpbtrf + dpbtrs", "1 of"):
        assert part in text


@pytest.mark.usefixtures("ticks")
def test_phases_of_a_solve_sum_to_its_seconds() -> None:
    result = stokes.main(toy(threads=2), ["direct"])
    (row,), (aim,) = result["results"], result["aims"]
    assert row["phases"]["factor"] == 1.0
    assert sum(row["phases"].values()) == row["seconds"] > 4.0
    # Two ticks of LAPACK against those of a whole solve, on one thread and on two.
    assert [bare["threads"] for bare in aim["bare"]] == [1, 2]
    assert aim["direct_over_bare"] == row["seconds"] / 2
    assert aim["bands_over_factor"] == 1.0


def test_a_solver_that_remembers_is_timed_over_time_steps_from_a_cold_start(
    register: Callable[..., None],
) -> None:
    register(Remembering)
    (row,) = stokes.main(toy(threads=1), ["remembering"])["results"]
    assert row["solves_per_sample"] == TOY.recorded
    assert row["cold_iterations"] == 7
    assert row["warm_iterations"] == 1
    assert row["products_per_iteration"] == pytest.approx((15 + 3 + 3) / (7 + 1 + 1))
    # The dear first solve counts at its share in every sample.
    assert row["iterations"] == pytest.approx((7 + 1 + 1) / 3)
    assert row["velocity_error"] == 0.0
    assert row["statuses"] == {"solved": 15}


@pytest.mark.usefixtures("ticks")
def test_a_phase_that_only_some_solves_have_counts_at_its_share(
    monkeypatch: pytest.MonkeyPatch, register: Callable[..., None]
) -> None:
    class Lagged(Remembering):
        name = "now-and-then"

        def solve(self, problem: StokesProblem) -> Flow:
            flow = super().solve(problem)
            phases = {"factor": 0.75} if self.calls == 1 else {"solve": 0.25}
            return flow_from_psi(flow.psi, problem.grid, StokesReport(self.name, phases))

    register(Lagged)
    monkeypatch.setattr("tellus.solver.phase_timer.perf_counter", lambda: 0.0)
    (row,) = stokes.main(toy(threads=1), ["now-and-then"])["results"]
    assert row["phases"]["factor"] == pytest.approx(0.25)
    assert row["phases"]["solve"] == pytest.approx(0.5 / 3)
    assert sum(row["phases"].values()) == pytest.approx(row["seconds"])


def test_without_names_what_does_not_fit_is_left_out_with_its_reason() -> None:
    result = strict(stokes.main(toy()))
    assert [row["solver"] for row in result["results"]] == ["direct"]
    assert set(result["left_out"]["24x12"]) == {"surrogate"}
    assert "left out: surrogate at 24x12: " in printed(table(result))


def test_all_stands_for_every_kind_of_solver() -> None:
    kinds = {name.split(":")[0] for name in SINGLE_SOLVES}
    # skip is a matter of whole time steps, check and guarded measure another solver's error, and
    # what fine and richardson gain over the direct solution on the same grid would count as theirs.
    assert set(SOLVERS) - {"skip", "check", "guarded", "fine", "richardson"} <= kinds


def test_all_goes_on_without_a_solver_that_fails(
    register: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(GivingUp)
    monkeypatch.setattr(stokes, "SINGLE_SOLVES", ("direct", "failing", "not-yet-there"))
    result = stokes.main(toy(), ["all"])
    assert [row["solver"] for row in result["results"]] == ["direct"]
    assert set(result["left_out"]["24x12"]) == {"failing", "not-yet-there"}
    assert result["left_out"]["24x12"]["failing"] == "it gave up."
    with pytest.raises(SolverError, match="gave up"):
        stokes.main(toy(), ["failing"])


def test_only_the_direct_solver_is_held_against_its_parts(register: Callable[..., None]) -> None:
    register(Half)
    result = stokes.main(toy(), ["half"])
    assert result["aims"] == []
    assert result["results"][0]["velocity_error"] == pytest.approx(0.5)
    assert "speedup" not in result["results"][0]


def test_a_state_at_rest_has_no_relative_error() -> None:
    still = Case(gamma_T=1e2, coarse_ny=8, end=1e-2, steps=2, recorded=2)
    (row,) = strict(stokes.main(toy(case=still), ["direct"]))["results"]
    assert row["velocity_error"] is None
    assert row["quiet_samples"] == 5


# Memory


@pytest.mark.slow
def test_memory_is_that_of_the_solver() -> None:
    """Slow, as three processes load the libraries."""
    wide = Grid(256, 64)
    found = memory_of(["direct", "nobody"], TOY.problem(wide, np.ones(wide.cells), 0.0), 1)
    assert found["nobody"] is None
    large = found["direct"]
    # One buffer of bands.
    bands = 8 * 255 * 63 * 127 / 2**20
    assert isinstance(large, float)
    assert bands < large < 2.5 * bands


def test_memory_is_what_a_solver_adds_to_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here to this one, which says what it is told to of its peak."""

    def here(command: list[str], *, input: bytes, **_: Any) -> Any:
        solver, problem = pickle.loads(input)
        try:
            memory.solve_once(solver, problem)
        except InputError:
            return SimpleNamespace(returncode=1)
        peak = 10.0 if solver is None else 35.5
        return SimpleNamespace(returncode=0, stdout=f"a warning\n{peak}\n".encode())

    monkeypatch.setattr(memory, "subprocess", SimpleNamespace(run=here))
    found = memory_of(["direct", "nobody"], problems(GRID, TOY)[0], 1)
    assert found == {"direct": 25.5, "nobody": None}
    assert memory.peak_of_this_process() > 50.0


def test_a_process_that_is_killed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = SimpleNamespace(returncode=-9)
    monkeypatch.setattr(memory, "subprocess", SimpleNamespace(run=lambda *_, **more: killed))
    with pytest.raises(KilledError, match="signal 9"):
        memory_of([], problems(GRID, TOY)[0], 1)


def test_solvers_that_do_not_fit_together_are_timed_in_turn_with_the_direct_one() -> None:
    mib = {"direct": 10.0, "a": 60.0, "b": 60.0, "c": None, "d": 500.0}
    assert stokes.batches(["a", "b", "direct", "c", "d"], mib, 100.0) == [
        ["direct", "a"],
        ["direct", "b", "c"],
        ["direct", "d"],
    ]
    assert stokes.batches(["a", "b"], {}, 100.0) == [["a", "b"]]


def test_rows_of_several_batches_are_those_of_one(
    register: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(Half, Remembering)
    monkeypatch.setattr(
        stokes, "batches", lambda names, memory: [["direct", "remembering"], ["direct", "half"]]
    )
    names = ["half", "direct", "remembering"]
    result = strict(stokes.main(toy(threads=1), names))
    assert [row["solver"] for row in result["results"]] == names
    assert all(row["speedup"] > 0 for row in result["results"])
    assert len(result["aims"]) == 1


# Scaling


def test_exponents_are_slopes() -> None:
    rows = [
        {"solver": name, "grid": grid, "seconds": 1e-6 * size**power}
        for name, power in (("a", 1.0), ("b", 1.5))
        for grid, size in (("16x8", 128), ("32x16", 512), ("64x32", 2048))
    ]
    rows.append({"solver": "once", "grid": "16x8", "seconds": 1.0})
    assert {row["solver"]: round(row["exponent"], 6) for row in exponents(rows)} == {
        "a": 1.0,
        "b": 1.5,
    }


def test_apply() -> None:
    result = strict(apply.main(toy(threads=1)))
    assert [row["what"] for row in result["results"]] == ["apply", "copy (numpy)", "copy (torch)"]
    for row in result["results"]:
        assert row["bytes"] == 8 * (3 * 25 * 13 + 24 * 12)
        bandwidth = 1e-9 * row["bytes"] / row["seconds_min"]
        assert row["gigabytes_per_second_max"] == pytest.approx(bandwidth)
    (aim,) = result["aims"]
    assert aim["apply_over_copy"] > 0
    assert "of the bandwidth" in printed(table(result))


def test_energy() -> None:
    result = strict(energy.main(toy(threads=1)))
    assert [(row["advection"], row["scheme"]) for row in result["results"]] == [
        *product(["van-leer", "mp5"], ["explicit", "implicit"])
    ]
    for row in result["results"]:
        assert row["grid"] == "24x12"
        for name in ("seconds", "stable_dt_seconds", "direct_seconds", "direct_over_energy"):
            assert 0 < row[f"{name}_min"] <= row[name] <= row[f"{name}_max"]
    written = printed(table(result))
    assert "24x12" in written
    assert "mp5, implicit" in written


def test_a_step_without_and_with_a_closure() -> None:
    asked: list[int] = []

    class Asked(Homogenised):
        def viscosity(self, problem: StokesProblem, found: Array) -> Array:
            asked.append(1)
            return super().viscosity(problem, found)

    with patch.object(step, "closure_named", lambda name: Asked()):
        result = strict(step.main(toy(), ["refined"], closure="asked"))
    assert [row["solver"] for row in result["results"]] == ["refined, mp5", "refined, mp5, asked"]
    assert len(asked) >= 5 * result["results"][1]["steps"]


@pytest.mark.usefixtures("ticks")
def test_step() -> None:
    result = strict(step.main(toy(), ["direct", "skip:4"]))
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
    assert "skip:4" in printed(table(result))


@pytest.mark.usefixtures("ticks")
def test_blocks_with_a_dear_solve_now_and_then_are_averaged(register: Callable[..., None]) -> None:
    class Dear(Remembering):
        name = "dear"

        def solve(self, problem: StokesProblem) -> Flow:
            for _ in range(0 if self.calls else 1000):
                simulation.perf_counter()
            return super().solve(problem)

    register(Dear)
    (row,) = step.main(toy(), ["dear"])["results"]
    assert row["steps"] == 10
    # One block of five has it, and a median would not know.
    assert row["seconds"] - row["seconds_min"] == pytest.approx(1000 / 50)
    assert sum(row["phases"].values()) == pytest.approx(row["seconds"])


def test_blocks_hold_whole_cycles() -> None:
    direct = DirectSolver(GRID)
    skips = [SkipSolver(direct, every, GRID) for every in (4, 6)]
    assert steps_per_block([direct]) == 10
    assert steps_per_block([direct, *skips]) == 12
    assert steps_per_block([SkipSolver(direct, 100, GRID)]) == 100


# The command line


def test_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One for all; that each of them takes its options, `test_contract` shows."""
    monkeypatch.setattr(step, "problems", lambda grid, case: problems(grid, TOY))
    out = tmp_path / "step.json"
    words = ["--grid", "16x8,24x8", "--threads", "1", "--repeats", "5", "--json", "--out", out]
    done = tellus("bench", "step", "--solvers", "direct,skip:2", *words)
    document = json.loads(done.stdout)
    assert document["grid"] == "16x8,24x8"
    assert len(document["results"]) == 4
    assert json.loads(out.read_text()) == document
    assert "tellus bench step" in complaint("bench", "stokes", "--solvers", "skip:10")
