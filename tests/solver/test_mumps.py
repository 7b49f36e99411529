"""The MUMPS solvers: accuracy, reuse of the analysis, several processes, bad names, no PETSc."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.numerics import rough_field, rough_viscosity, worst_difference
from helpers.petsc_needed import mpirun, petsc, run_python
from helpers.physics_cases import SLIPS, run_in_pieces, slip_walls, unheated
from helpers.rollouts import SIMPLEST, summary, tellus
from tellus.coupling.ranks import ranks_of, refuse_idle_processes
from tellus.coupling.runs.run import run_directory
from tellus.coupling.solvers.names import make_solver, shares_processes
from tellus.errors import InputError, RunFailedError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.mumps.petsc import Factorisation, MumpsSettings, _petsc
from tellus.solver.mumps.solver import MumpsSolver, variant
from tellus.solver.rheology import FrankKamenetskii, Given
from tellus.solver.stokes import StokesProblem, relative_velocity_error

__all__ = ["mpirun", "petsc"]

GRID = Grid(24, 12, 2.0)


def rough_problem(
    grid: Grid, contrast: float, kinds: tuple[str, ...] = SLIPS[0], seed: int = 0
) -> StokesProblem:
    """No two cells alike in temperature, nor in viscosity, with walls of these kinds."""
    viscosity = Given(rough_viscosity(grid, contrast, seed + 1))
    return StokesProblem(grid, rough_field(grid, seed), viscosity, 5.0, slip_walls(kinds))


@pytest.mark.usefixtures("petsc")
@pytest.mark.parametrize("name", ["mumps", "mumps:lu", "mumps-psi"])
def test_a_kept_analysis_gives_what_a_fresh_one_gives(name: str) -> None:
    kept = MumpsSolver(GRID, *name.split(":"))
    for seed in range(3):
        asked = rough_problem(GRID, 1e8, seed=seed)
        flow, fresh = kept.solve(asked), MumpsSolver(GRID, *name.split(":")).solve(asked)
        np.testing.assert_array_equal(flow.psi, fresh.psi)
        assert flow.report.seconds["analyse"] == 0.0


@pytest.mark.usefixtures("petsc")
def test_a_repeated_analysis_is_reported_and_changes_rounding_only() -> None:
    kept, repeated = MumpsSolver(GRID, "mumps"), MumpsSolver(GRID, "mumps", "analyse")
    for seed in range(3):
        asked = rough_problem(GRID, 1e8, seed=seed)
        flow = repeated.solve(asked)
        assert relative_velocity_error(flow, kept.solve(asked)) < 1e-10
        assert flow.report.seconds["analyse"] > 0.0
        phases = {"assemble", "analyse", "factor", "solve", "transfer", "residual"}
        assert set(flow.report.seconds) == phases
        assert min(flow.report.seconds.values()) >= 0.0


@pytest.mark.usefixtures("petsc")
def test_an_ordering_that_mumps_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """MUMPS silently takes another one, here PORD, and says which if it is asked."""
    monkeypatch.setattr(Factorisation, "ordering", 4)
    with pytest.raises(InputError, match='no ordering "metis"'):
        MumpsSolver(GRID, "mumps", "metis")


@pytest.mark.usefixtures("petsc")
def test_too_little_workspace_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """MUMPS is given no room beyond its estimate, which delayed pivots always exceed."""

    def tight(kind: str, arguments: list[str], parts: int = 1) -> MumpsSettings:
        settings = variant(kind, arguments, parts)
        return settings._replace(icntl={**settings.icntl, 14: 1})

    monkeypatch.setattr("tellus.solver.mumps.solver.variant", tight)
    grid = Grid(128, 32, 4.0)
    solver, asked = MumpsSolver(grid, "mumps", "amf"), rough_problem(grid, 1e8)
    flow = solver.solve(asked)
    assert relative_velocity_error(flow, DirectSolver(grid).solve(asked)) < 1e-8
    assert solver._factorisation.workspace > 1


@pytest.mark.usefixtures("petsc")
@pytest.mark.parametrize("name", ["mumps", "mumps-psi", "check:skip:3:mumps", "skip:3"])
def test_a_name_shares_processes_where_its_solver_does(name: str) -> None:
    assert shares_processes(name) == make_solver(name, GRID).shares_processes == ("mumps" in name)


@pytest.mark.usefixtures("petsc")
def test_memory_is_reported_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[Factorisation] = []
    monkeypatch.setattr(Factorisation, "destroy", lambda self: given_back.append(self))
    solver = MumpsSolver(GRID)
    assert solver.megabytes >= 1
    assert solver.shares_processes
    del solver
    assert len(given_back) == 1
    monkeypatch.undo()
    given_back.pop().destroy()


@pytest.mark.usefixtures("petsc")
def test_a_run_is_that_of_the_direct_solver_and_resumes_bitwise(tmp_path: Path) -> None:
    few = (*SIMPLEST, "time.max_steps=6", "stokes.solver=mumps")
    summary = run_directory(unheated(*few), tmp_path / "whole", progress=False)
    assert summary["solver"] == "mumps"
    assert summary["solver_report"]["solved"] == 7
    run_directory(unheated(*SIMPLEST, "time.max_steps=6"), tmp_path / "direct", progress=False)
    assert_alike(tmp_path / "whole", tmp_path / "direct")
    assert run_in_pieces(tmp_path / "pieces", *few) == 5
    pieces, whole = (tmp_path / name / "timeseries.csv" for name in ("pieces", "whole"))
    assert pieces.read_text() == whole.read_text()


def assert_alike(run: Path, other: Path) -> None:
    """The same time series but for rounding; the heat budget is nothing but rounding."""
    tables = []
    for directory in (run, other):
        rows = list(csv.DictReader((directory / "timeseries.csv").open()))
        tables.append([[float(v) for k, v in row.items() if k != "heat_budget"] for row in rows])
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-8)


@pytest.mark.slow
@pytest.mark.usefixtures("mpirun")
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    """Both of them, after a solve that failed and beside a solver that was given up.

    Slow, as both load the libraries; the test after this one holds a run of two against one.
    """
    script, names = tmp_path / "script.py", ["mumps", "mumps:lu", "mumps-psi"]
    script.write_text(
        f"""
import numpy as np
from tellus.errors import SolverError
from tellus.solver.grid import Grid
from tellus.solver.mumps.petsc import world
from tellus.solver.mumps.solver import MumpsSolver
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

grid = Grid(24, 12, 2.0)
temperature = np.random.default_rng(3).random(grid.cells)
problem = StokesProblem(grid, temperature, FrankKamenetskii(1e6))
found = []
for name in {names}:
    solver = MumpsSolver(grid, *name.split(":"))
    solver.solve(problem)
    try:
        solver.solve(StokesProblem(grid, temperature * np.nan, FrankKamenetskii(1e6)))
    except SolverError:
        print("failed")
    other = MumpsSolver(Grid(9, 17, 0.5), *name.split(":"))
    del other
    found.append(solver.solve(problem).psi)
np.save(f"{tmp_path}/{{world().rank}}.npy", found)
""",
        encoding="utf-8",
    )
    done = run_python(script, ranks=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("failed") == 6
    first, second = (np.load(tmp_path / f"{rank}.npy") for rank in range(2))
    np.testing.assert_array_equal(first, second)
    temperature = np.random.default_rng(3).random(GRID.cells)
    asked = StokesProblem(GRID, temperature, FrankKamenetskii(1e6))
    for name, psi in zip(names, first, strict=True):
        assert worst_difference(psi, MumpsSolver(GRID, *name.split(":")).solve(asked).psi) < 1e-9


def written(path: Path, *settings: str) -> Path:
    from tellus.config import dump

    config = path / "case.toml"
    config.write_text(dump(unheated(*settings)), encoding="utf-8")
    return config


@pytest.mark.usefixtures("mpirun")
def test_a_run_of_two_processes_stops_goes_on_and_ends_as_one_of_one(tmp_path: Path) -> None:
    """Both processes see the same ends, also of a command that fails; the first alone writes."""
    out, script = tmp_path / "shared", tmp_path / "script.py"
    config = written(tmp_path, *SIMPLEST, "time.max_steps=6", "stokes.solver=mumps")
    script.write_text(
        f"""
import sys
import tellus
from tellus.__main__ import main
from tellus.errors import InputError, InterruptedRunError

limited, whole = (
    tellus.load_config("{config}", ["time.wall_limit=" + limit]) for limit in ("1e-9", "none")
)
try:
    tellus.run(limited, "{out}")
except InterruptedRunError:
    print("stopped")
done = tellus.run(whole, "{out}", resume=True)
print(f'{{done["status"]}} {{done["steps"]}}')  # one write: the processes share a terminal
try:
    tellus.run(whole, "{out}")
except InputError:
    print("refused")
collapsing = ("--set", "model.rayleigh=1e8", "--set", "time.dt_min=1e-5")
sys.argv = ["tellus", "run", "{config}", "--out", "{tmp_path / "failed"}", *collapsing]
main()
""",
        encoding="utf-8",
    )
    done = run_python(script, ranks=2)
    assert done.returncode == 1, done.stderr
    for said in ("stopped", "done 6", "refused"):
        assert done.stdout.count(said) == 2
    assert done.stderr.count("the time step collapsed") == 1
    assert summary(tmp_path / "failed")["status"] == "failed"
    assert summary(out)["status"] == "done"
    run_directory(unheated(*SIMPLEST, "time.max_steps=6"), tmp_path / "direct", progress=False)
    assert_alike(out, tmp_path / "direct")


@pytest.mark.usefixtures("mpirun")
@pytest.mark.parametrize("failing", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_no_process_waits_for_one_that_failed_alone(failing: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"""
from tellus.solver.mumps import petsc

petsc.PATIENCE, world = 0.5, petsc.world()
world.meet()
if world.rank == {failing}:
    raise OSError(28, "No space left on device")
while True:
    world.of_all(petsc.np.zeros(1))
""",
        encoding="utf-8",
    )
    done = run_python(script, ranks=2)
    assert done.returncode != 0
    assert "No space left on device" in done.stderr


def test_processes_that_disagree_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class World:
        rank, times = 0, (0.5, 0.5)

        def of_all(self, numbers: Array) -> Array:
            return np.array([[numbers[0], self.times[0]], [0.0, self.times[1]]])

    monkeypatch.setattr("tellus.solver.mumps.petsc.world", World)
    ranks = ranks_of("skip:3:mumps")
    assert ranks.agreed(True, 0.5)
    assert not ranks.agreed(False, 0.5)
    monkeypatch.setattr(World, "times", (0.5, 0.5000001))
    with pytest.raises(RunFailedError, match="disagree"):
        ranks.agreed(False, 0.5)


def test_processes_are_counted_where_the_launcher_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"):
        monkeypatch.delenv(variable, raising=False)
        refuse_idle_processes("direct")
        monkeypatch.setenv(variable, "3")
        with pytest.raises(InputError, match="mpirun started 3"):
            refuse_idle_processes("skip:10")
        refuse_idle_processes("skip:10:mumps:lu")
        monkeypatch.setenv(variable, "1")
        refuse_idle_processes("direct")


def test_without_petsc_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "petsc4py", None)
    monkeypatch.setattr("tellus.solver.mumps.petsc._petsc", _petsc.__wrapped__)
    config, out = written(tmp_path), tmp_path / "run"
    said = tellus("run", config, "--out", out, "--stokes", "mumps:lu", status=2).stderr
    assert "MUMPS solvers need PETSc" in said
    assert "`make petsc`" in said
    assert not out.exists()


def test_what_stands_in_a_name_may_come_in_any_order() -> None:
    assert variant("mumps", ["analyse", "amf", "lu"]) == variant("mumps", ["lu", "amf", "analyse"])
    assert variant("mumps", []) == variant("mumps", ["pord", "ldlt"])
    assert variant("mumps", ["lu"]).ordering == "dissection"
    assert variant("mumps", ["lu"], parts=2).ordering == "pord"
    with pytest.raises(InputError, match="one process"):
        variant("mumps", ["lu", "dissection"], parts=2)
    with pytest.raises(InputError, match='one of mumps, mumps-psi, not "mumps:lu"'):
        variant("mumps:lu", [])
