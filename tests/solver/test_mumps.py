"""The MUMPS solvers: accuracy, reuse of the analysis, several processes, bad names, no PETSc."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from allpairspy import AllPairs
from numerics import GRIDS, GivenViscosity, rough_field, rough_viscosity, worst_difference
from petsc_needed import mpirun, petsc, run_python
from physics_cases import SLIPS, case, initials, run_in_pieces, slip_walls

from tellus.coupling.runs.run import run_directory
from tellus.coupling.simulation.ranks import refuse_idle_processes
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError, SolverError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.mumps.petsc import Factorisation
from tellus.solver.mumps.solver import MumpsSolver
from tellus.solver.mumps.variants import variant
from tellus.solver.pressure import pressure
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, relative_velocity_error

__all__ = ["mpirun", "petsc"]

NAMES = [
    "mumps",
    "mumps:analyse",
    *(f"mumps:ldlt:{ordering}" for ordering in ("amd", "amf", "qamd")),
    *(f"mumps:lu:{ordering}" for ordering in ("dissection", "pord", "amf")),
    "mumps-psi",
    "mumps-psi:amf",
]
GRID = Grid(24, 12, 2.0)


def problem(
    grid: Grid, contrast: float, kinds: tuple[str, ...] = SLIPS[0], seed: int = 0
) -> StokesProblem:
    """No two cells alike in temperature, nor in viscosity, with walls of these kinds."""
    viscosity = GivenViscosity(rough_viscosity(grid, contrast, seed + 1))
    return StokesProblem(grid, rough_field(grid, seed), viscosity, 5.0, slip_walls(kinds))


@pytest.mark.usefixtures("petsc")
@pytest.mark.parametrize(
    ("name", "grid", "contrast"),
    list(AllPairs([NAMES, [*GRIDS, Grid(40, 16, 4.0)], [1.0, 1e6, 1e10]])),
)
def test_the_velocity_is_the_direct_solvers(name: str, grid: Grid, contrast: float) -> None:
    solver, direct = make_solver(name, grid), DirectSolver(grid)
    assert solver.name == name
    for kinds in (SLIPS[0], SLIPS[5], SLIPS[-1]):
        asked = problem(grid, contrast, kinds)
        flow, reference = solver.solve(asked), direct.solve(asked)
        assert relative_velocity_error(flow, reference) < 1e-8
        if not name.startswith("mumps-psi"):
            assert flow.p is not None
            expected = pressure(reference, asked, asked.viscosity())
            assert worst_difference(flow.p, expected) < 1e-8
            assert abs(np.mean(flow.p)) < 1e-12 * np.max(np.abs(flow.p))


@pytest.mark.usefixtures("petsc")
@pytest.mark.parametrize("kinds", SLIPS, ids=initials)
def test_every_mixture_of_walls(kinds: tuple[str, ...]) -> None:
    for name in ("mumps", "mumps:lu", "mumps-psi"):
        asked = problem(GRID, 1e6, kinds)
        reference = DirectSolver(GRID).solve(asked)
        assert relative_velocity_error(MumpsSolver(GRID, name).solve(asked), reference) < 1e-8


@pytest.mark.usefixtures("petsc")
def test_every_cell_is_free_of_divergence_and_no_wall_leaks() -> None:
    flow = MumpsSolver(GRID).solve(problem(GRID, 1e10))
    divergence = np.diff(flow.u, axis=1) / GRID.hx + np.diff(flow.v, axis=0) / GRID.hy
    assert np.max(np.abs(divergence)) < 1e-12 * np.max(np.abs(flow.u)) / GRID.hx
    assert not np.any(flow.u[:, [0, -1]])
    assert not np.any(flow.v[[0, -1]])


@pytest.mark.usefixtures("petsc")
@pytest.mark.parametrize("name", ["mumps", "mumps:lu", "mumps-psi"])
def test_a_kept_analysis_gives_what_a_fresh_one_gives(name: str) -> None:
    kept = MumpsSolver(GRID, name)
    for seed in range(3):
        asked = problem(GRID, 1e8, seed=seed)
        flow, fresh = kept.solve(asked), MumpsSolver(GRID, name).solve(asked)
        np.testing.assert_array_equal(flow.psi, fresh.psi)
        assert flow.report.seconds["analyse"] == 0.0


@pytest.mark.usefixtures("petsc")
def test_a_repeated_analysis_is_reported_and_changes_rounding_only() -> None:
    kept, repeated = MumpsSolver(GRID, "mumps"), MumpsSolver(GRID, "mumps:analyse")
    for seed in range(3):
        asked = problem(GRID, 1e8, seed=seed)
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
        MumpsSolver(GRID, "mumps:metis")


@pytest.mark.usefixtures("petsc")
@pytest.mark.parametrize("name", ["mumps", "mumps:lu", "mumps-psi"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_an_impossible_viscosity_is_a_clear_error_and_spoils_nothing(
    name: str, value: float
) -> None:
    solver, good = MumpsSolver(GRID, name), problem(GRID, 1e6)
    before = solver.solve(good).psi
    eta = np.ones(GRID.cells)
    eta[2, 3] = value
    with pytest.raises(SolverError, match="viscosity ranges from"):
        solver.solve(StokesProblem(GRID, rough_field(GRID), GivenViscosity(eta)))
    np.testing.assert_array_equal(solver.solve(good).psi, before)


@pytest.mark.usefixtures("petsc")
def test_a_temperature_that_is_not_finite_is_a_clear_error() -> None:
    temperature = rough_field(GRID)
    temperature[3, 5] = np.nan
    ones = GivenViscosity(np.ones(GRID.cells))
    with pytest.raises(SolverError, match=r"no finite solution at t = 0\.25"):
        MumpsSolver(GRID).solve(StokesProblem(GRID, temperature, ones, time=0.25))


@pytest.mark.usefixtures("petsc")
def test_too_little_workspace_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """MUMPS is given no room beyond its estimate, which delayed pivots always exceed."""
    from tellus.solver.mumps import workers

    made = workers.Variant.settings

    def tight(self: workers.Variant, parts: int) -> object:
        settings = made(self, parts)
        return settings._replace(icntl={**settings.icntl, 14: 1})

    monkeypatch.setattr(workers.Variant, "settings", tight)
    grid = Grid(128, 32, 4.0)
    solver, asked = MumpsSolver(grid, "mumps:amf"), problem(grid, 1e8)
    flow = solver.solve(asked)
    assert relative_velocity_error(flow, DirectSolver(grid).solve(asked)) < 1e-8
    factorisation = solver._workers.system(solver._number).factorisation
    assert factorisation.workspace > 1


@pytest.mark.usefixtures("petsc")
def test_memory_is_reported_and_given_back() -> None:
    solver = MumpsSolver(GRID)
    workers, number = solver._workers, solver._number
    assert solver.megabytes >= 1
    del solver
    with pytest.raises(KeyError):
        workers.system(number)


@pytest.mark.usefixtures("petsc")
def test_a_run_is_that_of_the_direct_solver_and_resumes_bitwise(tmp_path: Path) -> None:
    few = ("time.max_steps=6", "stokes.solver=mumps")
    summary = run_directory(case(*few), tmp_path / "whole", progress=False)
    assert summary["solver"] == "mumps"
    assert summary["solver_report"]["solved"] == 7
    run_directory(case("time.max_steps=6"), tmp_path / "direct", progress=False)
    assert_alike(tmp_path / "whole", tmp_path / "direct")
    assert run_in_pieces(tmp_path / "pieces", *few) == 5
    pieces, whole = (tmp_path / name / "timeseries.csv" for name in ("pieces", "whole"))
    assert pieces.read_text() == whole.read_text()


@pytest.mark.usefixtures("petsc")
def test_a_viscosity_that_depends_on_the_flow_is_iterated() -> None:
    asked = case("rheology.yield_stress=3.0", "time.max_steps=1")
    from tellus.coupling.simulation.loop import Simulation

    flows = [
        Simulation.from_config(asked.model_copy(update={"stokes": stokes})).flow()
        for stokes in (
            asked.stokes,
            asked.stokes.model_copy(update={"solver": "mumps"}),
        )
    ]
    assert flows[1].report.iterations > 1
    assert relative_velocity_error(flows[1], flows[0]) < 1e-8


def assert_alike(run: Path, other: Path) -> None:
    """The same time series but for rounding; the heat budget is nothing but rounding."""
    tables = []
    for directory in (run, other):
        rows = list(csv.DictReader((directory / "timeseries.csv").open()))
        tables.append([[float(v) for k, v in row.items() if k != "heat_budget"] for row in rows])
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-8)


@pytest.mark.usefixtures("mpirun")
@pytest.mark.parametrize("name", ["mumps", "mumps:lu", "mumps-psi"])
def test_two_processes_find_what_one_finds(name: str, tmp_path: Path) -> None:
    """And only the first of them comes back from the solver."""
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import numpy as np
from tellus.errors import SolverError
from tellus.solver.grid import Grid
from tellus.solver.mumps.solver import MumpsSolver
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

grid = Grid(24, 12, 2.0)
temperature = np.random.default_rng(3).random(grid.cells)
solver = MumpsSolver(grid, "{name}")
print("went on")
problem = StokesProblem(grid, temperature, FrankKamenetskii(1e6))
first = solver.solve(problem)
try:
    solver.solve(StokesProblem(grid, temperature * np.nan, FrankKamenetskii(1e6)))
except SolverError:
    print("failed")
other = MumpsSolver(Grid(9, 17, 0.5), "{name}")
del other
np.save("{tmp_path / "psi.npy"}", solver.solve(problem).psi)
""",
        encoding="utf-8",
    )
    done = run_python(script, ranks=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["went on", "failed", ""]
    temperature = np.random.default_rng(3).random(GRID.cells)
    asked = StokesProblem(GRID, temperature, FrankKamenetskii(1e6))
    alone = MumpsSolver(GRID, name).solve(asked)
    psi: Array = np.load(tmp_path / "psi.npy")
    assert worst_difference(psi, alone.psi) < 1e-9


def written(path: Path, *settings: str) -> Path:
    from tellus.config import dump

    config = path / "case.toml"
    config.write_text(dump(case(*settings)), encoding="utf-8")
    return config


@pytest.mark.usefixtures("mpirun")
def test_a_run_of_two_processes_stops_goes_on_and_ends_as_one_of_one(tmp_path: Path) -> None:
    out = tmp_path / "shared"
    config = written(tmp_path, "time.max_steps=6", "time.wall_limit=1e-9", "stokes.solver=mumps")
    done = run_python("-m", "tellus", "run", config, "--out", out, ranks=2)
    assert done.returncode == 3, done.stderr
    assert json.loads((out / "run.json").read_text())["steps"] == 1
    more = ("--resume", "--set", "time.wall_limit=none")
    done = run_python("-m", "tellus", "run", config, "--out", out, *more, ranks=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("6 steps") == 1
    run_directory(case("time.max_steps=6"), tmp_path / "direct", progress=False)
    assert_alike(out, tmp_path / "direct")


@pytest.mark.usefixtures("mpirun")
def test_no_process_waits_for_a_run_that_failed(tmp_path: Path) -> None:
    config = written(tmp_path, "model.rayleigh=1e8", "time.dt_min=1e-5", "stokes.solver=mumps")
    done = run_python("-m", "tellus", "run", config, "--out", tmp_path / "run", ranks=2)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("the time step collapsed") == 1


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


def test_without_petsc_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        """
import sys
sys.modules["petsc4py"] = None  # as if it were not there
import tellus
from tellus.cli import app
app()
""",
        encoding="utf-8",
    )
    config, out = written(tmp_path), tmp_path / "run"
    done = run_python(script, "run", config, "--out", out, "--stokes", "mumps:lu")
    assert done.returncode == 2, done.stderr
    assert "MUMPS solvers need PETSc" in done.stderr
    assert "`make petsc`" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    "name",
    [
        "mumps:metas",
        "mumps:lu:ldlt",
        "mumps:amd:amf",
        "mumps:lu:lu",
        "mumps:",
        "mumps:4",
        "mumps:ldlt:dissection",
        "mumps-psi:lu",
        "mumps-psi:dissection",
    ],
)
def test_a_bad_name_is_quoted(name: str) -> None:
    with pytest.raises(InputError, match=f'stokes.solver: "{name}"'):
        make_solver(name, GRID)


def test_what_stands_in_a_name_may_come_in_any_order() -> None:
    assert variant("mumps", ["analyse", "amf", "lu"]) == variant("mumps", ["lu", "amf", "analyse"])
    assert variant("mumps", []) == variant("mumps", ["pord", "ldlt"])
    assert variant("mumps", ["lu"]).ordering == "dissection"
    assert variant("mumps", ["lu"], parts=2).ordering == "pord"
    with pytest.raises(InputError, match="one process"):
        variant("mumps", ["lu", "dissection"], parts=2)


def test_tellus_is_imported_without_petsc() -> None:
    done = run_python(
        "-c", "import sys, tellus, tellus.solver.mumps.solver; print('petsc4py' in sys.modules)"
    )
    assert done.stdout == "False\n", done.stderr
