"""Simulations from Python: a solver of one's own, steps by hand and observed, what is refused."""

from pathlib import Path

import numpy as np
import pytest

import tellus as front_door
from helpers.rollouts import TINY, Damped, Drifting, Rolls, case, summary
from tellus import Simulation, open_run
from tellus.coupling.simulation.loop import StepRecord
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii

GRID = Grid(16, 8, 2.0)


def test_ten_lines_of_ones_own_plug_in(tmp_path: Path) -> None:
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


def test_a_run_is_its_steps_and_observers_see_each() -> None:
    by_hand, run = Simulation.from_config(case()), Simulation.from_config(case())
    end, seen = 3.3e-4, []
    run.run(end, [lambda simulation, record: seen.append((simulation.time, record))])
    records = []
    while by_hand.time < end:
        records.append(by_hand.step(until=end))
    np.testing.assert_array_equal(run.temperature, by_hand.temperature)
    assert run.time == end
    assert [record for _, record in seen] == records
    assert [time for time, _ in seen] == [record.time for record in records]


def test_a_number_of_steps_ends_it_and_so_does_an_observer() -> None:
    simulation = Simulation.from_config(case())
    simulation.run(steps=3)
    assert simulation.steps == 3

    def enough(simulation: Simulation, record: StepRecord) -> None:
        if record.step == 5:
            raise StopIteration

    simulation.run(until=1.0, observers=[enough])
    assert simulation.steps == 5
    simulation.run(until=1.0, steps=2)
    assert simulation.steps == 7
    simulation.run(until=1.0, steps=0)
    assert simulation.steps == 7


def test_a_run_without_an_end_is_refused() -> None:
    simulation = Simulation.from_config(case())
    for steps in (None, -1, 0.5):
        with pytest.raises(InputError, match=r"Simulation\.run: steps"):
            simulation.run(steps=steps)
    simulation.run(steps=2)
    for until in (float("nan"), 0.5 * simulation.time):
        with pytest.raises(InputError, match=r"Simulation\.run: until"):
            simulation.run(until)
