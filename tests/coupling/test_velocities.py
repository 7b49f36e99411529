"""Ways to get a velocity: skip, names, and a solver of one's own."""

from pathlib import Path

import numpy as np
import pytest
from rollouts import TINY, Drifting, Rolls, case, summary

import tellus as front_door
from tellus import Simulation, open_run
from tellus.config.paths import with_absolute_paths
from tellus.coupling.runs.run import run_directory
from tellus.coupling.solvers.skip import SkipSolver
from tellus.errors import InputError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi

GRID = Grid(16, 8, 2.0)


def problem(k: int) -> StokesProblem:
    """A different temperature for every k."""
    temperature = np.random.default_rng(k).random(GRID.cells)
    return StokesProblem(GRID, temperature, FrankKamenetskii(10.0, 1.0))


@pytest.mark.parametrize("every", [1, 2, 5])
def test_skip_solves_every_nth_call_and_holds_between(every: int) -> None:
    direct, skip = DirectSolver(GRID), SkipSolver(DirectSolver(GRID), every, GRID)
    for call in range(2 * every + 1):
        flow = skip.solve(problem(call))
        asked = call - call % every
        expected = direct.solve(problem(asked))
        for name in ("psi", "u", "v"):
            np.testing.assert_array_equal(getattr(flow, name), getattr(expected, name))
        assert flow.report.status == ("solved" if call == asked else "held")
        assert flow.report.iterations == (1 if call == asked else 0)


def test_warming_up_does_not_count(tmp_path: Path) -> None:
    run_directory(
        case("stokes.solver=skip:4", "time.max_steps=8"), tmp_path / "run", progress=False
    )
    # States of steps 0 to 8: solved at 0, 4 and 8, the last one for its output.
    assert summary(tmp_path / "run")["solver_report"] == {
        "solved": 3,
        "held": 6,
        "iterations": 3,
        "rejected": 0,
    }


@pytest.mark.parametrize(
    ("name", "absolute"),
    [
        ("surrogate:models/mine", "surrogate:/here/models/mine"),
        ("skip:10:linear:surrogate:a:b", "skip:10:linear:surrogate:/here/a:b"),
        ("anchored:50:surrogate:/there/mine", "anchored:50:surrogate:/there/mine"),
        ("anchored:50:surrogate", "anchored:50:surrogate"),
        ("surrogate:surrogate:mine", "surrogate:/here/surrogate:mine"),
        ("surrogate:", "surrogate:"),
        ("skip:10:linear", "skip:10:linear"),
    ],
)
def test_paths_in_names_hold_anywhere(
    name: str, absolute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/here")
    assert with_absolute_paths(name) == absolute


def test_ten_lines_of_ones_own_plug_in(tmp_path: Path) -> None:
    class Damped(StokesSolver):
        """Half the velocity of the direct solution."""

        name = "damped"

        def __init__(self, grid: Grid) -> None:
            self.direct = front_door.make_solver("direct", grid)

        def solve(self, problem: StokesProblem) -> Flow:
            psi = 0.5 * self.direct.solve(problem).psi
            return flow_from_psi(psi, problem.grid, StokesReport(self.name))

    config = case("time.max_steps=4")
    by_hand = Simulation.from_config(config, solver=Damped(GRID))
    direct = Simulation.from_config(case("stokes.solver=direct"))
    np.testing.assert_array_equal(2.0 * by_hand.flow().psi, direct.flow().psi)
    records = [by_hand.step() for _ in range(4)]
    assert [record.step for record in records] == [1, 2, 3, 4]

    result = front_door.run(config, tmp_path / "run", solver=Damped(GRID), progress=False)
    assert result["solver"] == "damped"
    assert result["status"] == "done"
    assert result == summary(tmp_path / "run")
    rows = np.loadtxt(tmp_path / "run" / "timeseries.csv", delimiter=",", skiprows=1)
    vrms = [record.diagnostics.vrms for record in records]
    # Steps before an output are cut by hand here, by the run there: the first ones are not.
    np.testing.assert_array_equal(rows[:4, 6], vrms)
    np.testing.assert_array_equal(
        open_run(tmp_path / "run")["temperature"].values[-1], by_hand.temperature
    )


def test_stepping_by_hand_without_a_configuration() -> None:
    temperature = np.repeat(1.0 - GRID.y_cells[:, None], GRID.nx, axis=1)
    kept = temperature.copy()
    simulation = Simulation(GRID, FrankKamenetskii(10.0, 1.0), Rolls(GRID), temperature)
    record = simulation.step()
    assert record.time == simulation.time == record.dt == 1e-7
    assert record.step == simulation.steps == 1
    while simulation.time < 1e-3:
        record = simulation.step(until=1e-3)
    assert record.time == 1e-3
    assert record.dt <= 1e-4
    assert abs(record.diagnostics.heat_budget) < 1e-14
    # The array that was handed in is not written to.
    np.testing.assert_array_equal(temperature, kept)
    assert not np.array_equal(simulation.temperature, kept)


def test_a_velocity_is_solved_for_once_a_state() -> None:
    solver = Drifting(GRID)
    simulation = Simulation.from_config(case(), solver)
    for _ in range(3):
        simulation.flow()
        simulation.flow()
        simulation.step()
    assert solver.calls == 3
    simulation.warm_up()
    assert solver.calls == 3


@pytest.mark.parametrize(
    ("temperature", "said"),
    [
        (np.zeros((16, 8)), r"temperature has shape \(16, 8\), the grid \(8, 16\)"),
        (np.full(GRID.cells, np.nan), "NaN or infinity"),
    ],
)
def test_initial_states_that_do_not_fit(temperature: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Simulation(GRID, FrankKamenetskii(), Rolls(GRID), temperature)


def test_a_snapshot_of_another_grid_is_refused() -> None:
    small = Simulation.from_config(case())
    large = Simulation.from_config(case("grid.nx=32", base=TINY))
    with pytest.raises(ValueError, match="shape"):
        large.restore(small.snapshot())


def test_from_config_refuses_and_warns_as_the_command_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("torch")
    box = ("stokes.solver=surrogate", "grid.nx=64", "grid.ny=16")
    with pytest.raises(InputError, match=r"trained for grid\.aspect = 4, not 2"):
        Simulation.from_config(case(*box, "grid.aspect=2"))
    with pytest.raises(InputError, match="trained for a linear viscosity law"):
        Simulation.from_config(case(*box, "grid.aspect=4", "rheology.yield_stress=1"))
    said: list[str] = []
    Simulation.from_config(case(*box, "grid.aspect=4"), warn=said.append)
    assert any("was trained at 256x64, not 64x16" in warning for warning in said)
    Simulation.from_config(case(*box, "grid.aspect=4"))
    assert [record.message for record in caplog.records] == said
