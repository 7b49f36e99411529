"""A start from another run's file goes on as that run did: clock of the sources, core, output."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from helpers.rollouts import summary
from tellus.config import Config, load_config
from tellus.coupling.directory.recorded import read_run
from tellus.coupling.directory.timeseries import read_series
from tellus.coupling.runs.info import describe
from tellus.coupling.runs.run import run_directory
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.trajectory.comparison.compare import compare
from tellus.errors import InputError, InterruptedRunError
from tellus.solver.boundaries import TEMPERATURE, BoundaryConditions, Wall
from tellus.solver.transport.regridding import regridded

AGING = (
    "grid.nx=8",
    "grid.ny=16",
    "grid.aspect=1.0",
    "model.rayleigh=0",
    "model.heating=10",
    "model.heating_fractions=[1.0]",
    "model.heating_decay=[50.0]",
    "model.core_capacity=0.1",
    "rheology.kind=constant",
    "initial.kind=conductive",
    "initial.amplitude=0",
    "time.scheme=implicit",
    "time.dt_initial=1e-3",
    "time.dt_max=1e-3",
    "output.every=0.01",
)


def aging(*overrides: str) -> Config:
    """Conduction over decaying sources and a cooling core."""
    return load_config(None, [*AGING, *overrides])


def aged(out: Path, *overrides: str) -> Path:
    run_directory(aging(*overrides), out, progress=False)
    return out


def after(run: Path, *overrides: str) -> tuple[str, ...]:
    return ("initial.kind=file", f"initial.path={json.dumps(str(run))}", *overrides)


def last(run: Path) -> dict[str, float]:
    """The last row of the time series, but for its clock."""
    series = read_series(run).items()
    return {name: column[-1] for name, column in series if name not in ("step", "time", "dt")}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aged(tmp_path_factory.mktemp("runs") / "first", "time.end=0.03")


def test_pieces_from_files_end_where_one_run_ends(first: Path, tmp_path: Path) -> None:
    whole = aged(tmp_path / "whole", "time.end=0.08")
    second = aged(tmp_path / "second", "time.end=0.03", *after(first))
    third = aged(tmp_path / "third", "time.end=0.02", *after(second))
    assert last(third) == pytest.approx(last(whole), rel=1e-9, abs=1e-9)
    start = summary(third)["start"]
    assert start["heating_age"] == pytest.approx(0.06)
    assert start["core_temperature"] == last(second)["bottom_temperature"]


def test_an_output_before_the_last_one_has_its_own_clock_and_core(first: Path) -> None:
    early = Simulation.from_config(aging(*after(first, "initial.time=0.01")))
    assert early.state.bottom_temperature == read_series(first)["bottom_temperature"][9]
    fresh = Simulation.from_config(aging())
    assert early.energy.heating_at(0.0) == fresh.energy.heating_at(0.01)
    begin = Simulation.from_config(aging(*after(first, "initial.time=0")))
    assert begin.state.bottom_temperature == 1.0
    assert begin.energy.heating_at(0.0) == fresh.energy.heating_at(0.0)


def test_what_is_asked_for_comes_before_what_is_carried_over(first: Path) -> None:
    asked = ("initial.heating_age=0.5", "initial.core_temperature=0.25")
    simulation = Simulation.from_config(aging(*after(first, *asked)))
    assert simulation.state.bottom_temperature == 0.25
    assert simulation.energy.heating_at(0.0) == aging_heating(0.5)
    new = Simulation.from_config(aging("initial.heating_age=0.5", "initial.core_temperature=0.25"))
    assert new.state.bottom_temperature == 0.25
    assert new.energy.heating_at(0.1) == aging_heating(0.6)


def aging_heating(age: float) -> float:
    return Simulation.from_config(aging()).energy.heating_at(age)


def test_a_run_without_core_or_decay_takes_the_temperature_alone(first: Path) -> None:
    config = aging(
        *after(first),
        "model.core_capacity=none",
        "model.heating_fractions=[]",
        "model.heating_decay=[]",
    )
    simulation = Simulation.from_config(config)
    assert simulation.state.bottom_temperature is None
    assert simulation.energy.heating_at(0.0) == 10.0


def test_a_resumed_start_keeps_its_clock(first: Path, tmp_path: Path) -> None:
    whole = aged(tmp_path / "whole", "time.end=0.02", *after(first))
    stopping = aging("time.end=0.02", *after(first), "time.wall_limit=1e-9")
    with pytest.raises(InterruptedRunError):
        run_directory(stopping, tmp_path / "parts", progress=False)
    done = run_directory(
        aging("time.end=0.02", *after(first)), tmp_path / "parts", resume=True, progress=False
    )
    assert done["start"]["heating_age"] == pytest.approx(0.03)
    name = "timeseries.csv"
    assert (tmp_path / "parts" / name).read_text() == (whole / name).read_text()


def test_an_output_that_is_not_the_one_asked_for_is_said(first: Path, tmp_path: Path) -> None:
    other = aged(tmp_path / "other", "time.max_steps=1", *after(first, "initial.time=0.012"))
    (warning,) = (w for w in summary(other)["warnings"] if "initial.time" in w)
    assert "0.012" in warning
    assert "t = 0.01" in warning
    exact = aged(tmp_path / "exact", "time.max_steps=1", *after(first, "initial.time=0.02"))
    assert not any("initial.time" in w for w in summary(exact)["warnings"])


def test_info_names_the_file_and_the_output(first: Path, tmp_path: Path) -> None:
    said = describe(aged(tmp_path / "run", "time.max_steps=1", *after(first)))
    assert f"file, {first} at time 0.03, sources aged 0.03, core at 0." in said


@pytest.mark.parametrize("lost", ["config.toml", "run.json", "timeseries.csv"])
def test_a_source_that_cannot_say_is_refused_with_the_keys(
    lost: str, first: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(first, tmp_path / "copy")
    (copy / lost).unlink()
    with pytest.raises(InputError, match=r"initial\.path: .*copy.*initial\.heating_age"):
        Simulation.from_config(aging(*after(copy)))
    told = ("initial.heating_age=0.03", "initial.core_temperature=0.9")
    assert Simulation.from_config(aging(*after(copy, *told))).state.bottom_temperature == 0.9


def test_another_grid_reaches_down_to_the_core_of_that_run(first: Path) -> None:
    """Its polynomials go through what the wall had there, not through what it is said to hold."""
    coarse = Simulation.from_config(aging(*after(first)))
    fine = Simulation.from_config(aging(*after(first), "grid.ny=32"))
    core = last(first)["bottom_temperature"]
    assert core < 0.98
    for bottom, alike in ((core, True), (coarse.boundaries.bottom.value, False)):
        walls = BoundaryConditions(bottom=Wall(thermal=TEMPERATURE, value=bottom))
        expected = regridded(coarse.temperature, coarse.grid, fine.grid, walls)
        assert np.allclose(fine.temperature, expected, rtol=0, atol=1e-9) == alike


def test_walls_of_a_recorded_run_cool_with_its_core(first: Path) -> None:
    run = read_run(first)
    times, core = run.series["time"], run.series["bottom_temperature"]
    assert run.walls.bottom.value == 1.0
    assert run.walls_at(0.0).bottom.value == 1.0  # before the first row
    assert run.walls_at(times[3]).bottom.value == core[3]
    middle = 0.5 * (times[3] + times[4])
    assert run.walls_at(middle).bottom.value == pytest.approx(0.5 * (core[3] + core[4]))
    assert run.walls_at(times[:5]).bottom.value == pytest.approx(core[:5].mean())
    assert run.walls_at(times[3]).top == run.walls.top


def test_a_comparison_between_grids_takes_the_walls_of_the_core(
    first: Path, tmp_path: Path
) -> None:
    """Conduction is second order in space; with T = 1 on the floor the difference would not be."""
    runs = [first, *(aged(tmp_path / f"{n}", f"grid.ny={n}", "time.end=0.03") for n in (32, 64))]
    errors = [
        compare([fine, coarse]).runs[1].drift.temperature_field_mae or 0.0
        for coarse, fine in pairwise(runs)
    ]
    assert errors[0] / errors[1] > 3.5
