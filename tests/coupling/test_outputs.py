"""Output times, files that others read, first states from other runs, and what is said."""

import json
import logging
import math
import shutil
import warnings
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st

from helpers.rollouts import SIMPLEST, case, ran, summary, tellus, write_case
from tellus import Simulation, open_run
from tellus.config import load_config
from tellus.coupling import estimate
from tellus.coupling.directory.fields import VARIABLES, FieldWriter
from tellus.coupling.directory.timeseries import COLUMNS
from tellus.coupling.runs.run import run_directory
from tellus.coupling.simulation.stepping import Schedule
from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.rheology import Constant, FrankKamenetskii
from tellus.solver.stokes import StokesProblem, StokesReport, flow_from_psi, velocity
from tellus.solver.transport.regridding import regridded


@given(every=st.floats(1e-7, 10.0), outputs=st.floats(1e-3, 300.0))
@example(every=0.1, outputs=3.0)
@example(every=0.1, outputs=0.5)
@example(every=1e6, outputs=1e-10)
def test_output_times_are_exact_multiples_and_the_end(every: float, outputs: float) -> None:
    schedule = Schedule(every, every * outputs)
    assert schedule.goal == pytest.approx(every * outputs, rel=1e-11)
    times, time = [0.0], 0.0
    assert schedule.is_due(0.0)
    while time < schedule.goal:
        halfway = 0.5 * (time + schedule.following(time))
        assert not schedule.is_due(halfway)
        assert schedule.following(halfway) == schedule.following(time)
        time = schedule.following(time)
        assert schedule.is_due(time)
        times.append(time)
    assert times[:-1] == [k * every for k in range(len(times) - 1)]
    assert times[-1] == schedule.goal
    assert len(times) == math.ceil(outputs * (1 - 1e-11)) + 1
    # No slivers: the last step is a real one too.
    assert times[-1] - times[-2] > 1e-11 * times[-1]


@given(every=st.sampled_from([0.1, 0.3, 1e-3, 7e-4]), short=st.integers(1, 50))
def test_an_end_on_an_output_time_is_that_time(every: float, short: int) -> None:
    """So a run that is extended has met the times of a longer one, to the bit."""
    end = float(f"{every * short:.12g}")
    longer = Schedule(every, every * (short + 3))
    assert Schedule(every, end).goal == short * every
    assert longer.is_due(short * every)
    assert longer.following(short * every) == (short + 1) * every


def test_a_run_meets_its_output_times(tmp_path: Path) -> None:
    ran(tmp_path / "run", "time.end=7e-4")
    data = open_run(tmp_path / "run")
    assert data["time"].values.tolist() == [0.0, 2e-4, 2 * 2e-4, 3 * 2e-4, 7e-4]
    rows = np.loadtxt(tmp_path / "run" / "timeseries.csv", delimiter=",", skiprows=1)
    # An output at step k shows the state that row k led to.
    steps = data["step"].values[1:]
    np.testing.assert_array_equal(rows[steps - 1, 1], data["time"].values[1:])
    means = data["temperature"].mean(("y", "x")).values[1:]
    np.testing.assert_allclose(rows[steps - 1, 3], means, rtol=1e-14)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three outputs."""
    out = tmp_path_factory.mktemp("outputs") / "run"
    ran(out, "time.end=4e-4", "model.heating=1")
    return out


@pytest.mark.parametrize("changed", ["output.every=1.5e-4", "output.every=1", "time.dt_max=2e-5"])
def test_settings_that_change_on_resume(changed: str, run: Path, tmp_path: Path) -> None:
    out = shutil.copytree(run, tmp_path / "run")
    tellus("run", out, "--resume", "--set", "time.end=8e-4", "--set", changed)
    times = open_run(out)["time"].values
    assert times[-1] == pytest.approx(8e-4, rel=1e-15)
    assert np.all(np.diff(times) > 1e-5)


def test_fields_say_what_they_are(run: Path) -> None:
    data = open_run(run)
    assert {*VARIABLES, "x", "y", "x_face", "y_face", "x_node", "y_node"} == {*data.variables}
    for name in data.variables:
        assert {"units", "long_name"} <= data[name].attrs.keys()
    last = data.isel(time=-1)
    grid = Grid(data.sizes["x"], data.sizes["y"], 2.0)
    assert last["psi"].shape == grid.nodes
    u, v = velocity(last["psi"].values, grid)
    np.testing.assert_array_equal(last["u"], u.astype(np.float32))
    np.testing.assert_array_equal(last["v"], v.astype(np.float32))
    law = FrankKamenetskii(100.0, 1.0)
    np.testing.assert_array_equal(
        last["viscosity"], law.viscosity(last["temperature"].values, grid).astype(np.float32)
    )
    np.testing.assert_array_equal(last["temperature_profile"], last["temperature"].mean("x"))
    np.testing.assert_array_equal(data["x_face"], data["x_node"])


def test_others_read_them_without_a_warning(run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = open_run(run).load()
        theirs = xr.open_zarr(run / "fields.zarr").load()
        again = xr.open_dataset(run / "fields.zarr", engine="zarr").load()
    assert ours.sizes["time"] == 3
    assert ours.equals(theirs)
    assert ours.equals(again)


def test_the_time_series_has_the_columns_of_the_contract(run: Path) -> None:
    header = (run / "timeseries.csv").read_text().splitlines()[0]
    assert tuple(header.split(",")) == COLUMNS
    assert header == (
        "step,time,dt,mean_temperature,nusselt_top,nusselt_bottom,vrms,surface_velocity,"
        "temperature_min,temperature_max,heat_budget,bottom_temperature"
    )


def test_a_reader_never_sees_half_an_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Grid(8, 4, 2.0)
    writer = FieldWriter.create(tmp_path, grid)
    cells = np.ones(grid.cells)
    flow = flow_from_psi(np.zeros(grid.nodes), grid, StokesReport("none"))
    writer.append(StokesProblem(grid, cells, Constant()), 0, cells, flow)
    monkeypatch.setattr(FieldWriter, "_publish", lambda self: None)
    writer.append(StokesProblem(grid, cells, Constant(), time=0.1), 5, cells, flow)
    assert open_run(tmp_path).load().sizes["time"] == 1


def test_run_json_says_where_the_numbers_come_from(run: Path) -> None:
    said = summary(run)
    assert said["tellus"]
    assert said["git"] is None or len(said["git"]) == 40
    assert {"processor", "cores", "memory_gib", "system"} <= said["machine"].keys()
    assert said["threads"] >= 1
    assert {"python", "numpy", "scipy", "numba", "zarr"} <= said["versions"].keys()
    assert (said["solver"], said["weights_sha256"], said["status"]) == (
        "richardson:4",
        None,
        "done",
    )
    assert {"assemble", "factor", "solve"} <= said["seconds"]["stokes"].keys()
    assert {"energy", "output", "total"} <= said["seconds"].keys()
    parts = sum(said["seconds"]["stokes"].values()) + said["seconds"]["energy"]
    assert 0 < parts + said["seconds"]["output"] <= said["seconds"]["total"]


def from_run(path: Path, *overrides: str) -> Any:
    return case('initial.kind="file"', f"initial.path={json.dumps(str(path))}", *overrides)


def test_the_same_grid_starts_exactly_where_the_other_run_ended(run: Path) -> None:
    last = open_run(run)["temperature"].values[-1]
    np.testing.assert_array_equal(Simulation.from_config(from_run(run)).temperature, last)
    middle = Simulation.from_config(from_run(run, "initial.time=2.1e-4")).temperature
    np.testing.assert_array_equal(middle, open_run(run)["temperature"].values[1])


@pytest.mark.parametrize(
    ("aspect", "nx"), [(0.1, 7), (0.3, 49), (1.1, 5), (2.0 / 3.0, 7), (3.3, 49)]
)
def test_exactly_whatever_rounding_makes_of_the_width(
    aspect: float, nx: int, tmp_path: Path
) -> None:
    grid = Grid(nx, 4, aspect)
    temperature = np.random.default_rng(nx).random(grid.cells)
    writer = FieldWriter.create(tmp_path, grid)
    flow = flow_from_psi(np.zeros(grid.nodes), grid, StokesReport("none"))
    writer.append(StokesProblem(grid, temperature, Constant()), 0, temperature, flow)
    size = (f"grid.nx={nx}", "grid.ny=4", f"grid.aspect={aspect!r}")
    start = Simulation.from_config(from_run(tmp_path, *size))
    np.testing.assert_array_equal(start.temperature, temperature)


def test_another_grid_is_regridded(run: Path) -> None:
    finer = Simulation.from_config(from_run(run, "grid.nx=40", "grid.ny=24")).temperature
    last = open_run(run)["temperature"].values[-1]
    expected = regridded(last, Grid(16, 8, 2.0), Grid(40, 24, 2.0), BoundaryConditions())
    np.testing.assert_array_equal(finer, expected)
    assert finer.shape == (24, 40)
    assert 0.0 <= finer.min() < finer.max() <= 1.0
    assert np.mean(finer) == pytest.approx(np.mean(last), abs=1e-14)


def broken(run: Path, tmp_path: Path, name: str, content: bytes | None) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    return copy


EMPTY = (
    b'{"zarr_format": 3, "node_type": "group", "attributes": {}, "consolidated_metadata":'
    b' {"kind": "inline", "must_understand": false, "metadata": {}}}'
)
CHUNK = "fields.zarr/temperature/c/2/0/0"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param(CHUNK, b"torn", "cannot be read", id="torn"),
        pytest.param(CHUNK, None, "not finite, or a file of it is lost", id="lost"),
        pytest.param("fields.zarr/zarr.json", EMPTY, "is damaged", id="empty-group"),
    ],
)
def test_a_run_that_is_damaged_is_no_start(
    name: str, content: bytes | None, said: str, run: Path, tmp_path: Path
) -> None:
    copy = broken(run, tmp_path, name, content)
    config = write_case(tmp_path / "case.toml")
    start = ["--set", "initial.kind=file", "--set", f"initial.path={copy}"]
    result = tellus("run", config, "--out", tmp_path / "run", *start, status=2)
    assert said in result.stderr
    assert str(copy) in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["grid.aspect=4.0"], "has aspect 2, this run 4"),
        (["initial.time=1.0"], "has outputs from t = 0 to 0.0004, not at 1"),
        (["initial.path=nowhere"], "initial.path: .*nowhere does not exist: name a run"),
    ],
)
def test_runs_that_do_not_fit(overrides: list[str], said: str, run: Path, tmp_path: Path) -> None:
    config = from_run(run, *overrides)
    with pytest.raises(InputError, match=said):
        run_directory(config, tmp_path / "run", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_outputs_yet(tmp_path: Path) -> None:
    FieldWriter.create(tmp_path, Grid(16, 8, 2.0))
    with pytest.raises(InputError, match="holds no output yet"):
        Simulation.from_config(from_run(tmp_path))


@pytest.mark.parametrize(
    ("what", "said"),
    [("nothing", "run does not exist: name a"), ("a file", "is no run"), ("empty", "is no run")],
)
def test_opening_what_is_no_run(what: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    if what == "a file":
        path.write_text("mine")
    elif what == "empty":
        path.mkdir()
    with pytest.raises(InputError, match=said):
        open_run(path)


def test_a_grid_too_coarse_is_said_and_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tellus")
    ran(tmp_path / "coarse", "time.end=2e-3", *SIMPLEST)
    warnings = summary(tmp_path / "coarse")["warnings"]
    assert [
        record.message for record in caplog.records if record.levelname == "WARNING"
    ] == warnings
    by_scaling, measured = warnings
    # (1000 / Ra)^(1/3) with Ra = 1e4 x 100 at T = 1, on 8 cells.
    assert "by scaling, spans about 0.8 cells, fewer than 2" in by_scaling
    assert "the thinnest boundary layer or plume spans about" in measured
    assert "refine the grid" in measured
    need, expected = (r.message for r in caplog.records if r.levelname == "INFO")
    assert need.startswith("16x8 cells, --stokes direct: about")
    assert "16x8 cells, --stokes direct: one solve took" in expected
    assert "at least 20 steps" in expected


def test_a_grid_that_resolves_the_flow_is_not_complained_about(tmp_path: Path) -> None:
    calm = ["model.rayleigh=1", "time.end=1e-4", "initial.amplitude=0.01", "grid.ny=16"]
    assert ran(tmp_path / "fine", *calm)["warnings"] == []


def test_what_a_run_will_need_is_said_on_the_command_line(tmp_path: Path) -> None:
    config = write_case(tmp_path / "case.toml", "time.max_steps=3", "stokes.solver=skip:2")
    said = tellus("run", config, "--out", tmp_path / "run").stderr.splitlines()
    assert said[0].startswith("tellus: 16x8 cells, --stokes skip:2: about ")
    assert said[0].endswith("GiB of memory")
    assert "at least 3 steps" in said[1]
    assert said[2].startswith("tellus: warning: a hot boundary layer")


@pytest.mark.parametrize(
    ("changes", "steps", "why"),
    [
        ([], 1000, ""),
        (["time.max_steps=30"], 30, "(time.max_steps)"),
        (["time.dt_max=1e-3"], 500, "(diffusion allows steps of 0.0002)"),
        (["time.dt_max=1e-3", "time.max_steps=501"], 500, "(diffusion allows steps of 0.0002)"),
        (["time.steady_tolerance=1e-4"], 1000, ", fewer if it is steady before"),
    ],
)
def test_the_fewest_steps_and_what_they_depend_on(changes: list[str], steps: int, why: str) -> None:
    clock = case("time.end=0.1", "time.dt_max=1e-4", *changes).time
    found, said = estimate.fewest_steps(clock, 0.0, 2e-4)
    assert (found, said.strip()) == (steps, why)


@pytest.mark.parametrize(
    ("changes", "told"),
    [([], True), (["time.scheme=implicit"], False), (["time.dt_max=2e-4"], False)],
)
def test_a_run_slowed_by_diffusion_is_told_of_the_implicit_scheme(
    changes: list[str], told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tellus")
    calm = ["model.rayleigh=1", "time.dt_max=0.1", "time.end=0.01", "output.every=1e-3"]
    ran(tmp_path / "run", *calm, "grid.ny=16", *changes)
    said = [record.message for record in caplog.records if "times shorter" in record.message]
    assert len(said) == told


def test_progress_goes_to_the_last_step_in_units_of_the_planet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tellus.coupling.planet import units_of
    from tellus.coupling.runs import progress

    monkeypatch.setattr(progress, "perf_counter", count(20.0, 20.0).__next__)
    scales = {"depth_km": 1000.0, "temperature_contrast_K": 2000.0, "diffusivity_m2_s": 1e-6}
    planet = [f"planet.{key}={value}" for key, value in scales.items()]
    simulation = Simulation.from_config(case(), warn=lambda sentence: None)
    record = simulation.step()
    shown = progress.RunProgress(0.0, 1.0, True, (0, 4), True, units_of(load_config(None, planet)))
    shown.update(record)
    line = capsys.readouterr().err
    # A quarter of the steps took a quarter of the way, though next to none of the time.
    assert line.endswith("at most 60 s to go\n")
    assert line.startswith("t = 0.0006338 Gyr  step 1  dt 6.34e-04  <T> 1000")


def test_estimates() -> None:
    grid = Grid(256, 64)
    bands = 255 * 63 * 127 * 8
    assert bands < estimate.memory_gib(grid, "direct") * 2**30 < 1.5 * bands
    assert estimate.memory_gib(grid, "skip:7") == estimate.memory_gib(grid, "direct")
    assert "at least 100 steps and 50 s" in estimate.cost_sentence(grid, "direct", 0.5, 100)
    # Between two solves nothing is solved.
    assert "at least 100 steps and 7.5 s" in estimate.cost_sentence(grid, "skip:7", 0.5, 100)
    assert "at least 8 steps and 1 s" in estimate.cost_sentence(grid, "richardson:4", 0.5, 8)
    for name in ("skip:10", "fine:2:skip:10", "skip:5:richardson:2", "anchored:10:skip:5"):
        assert "and 5 s" in estimate.cost_sentence(grid, name, 0.5, 100), name
    assert "and 50 s" in estimate.cost_sentence(grid, "check:skip:10", 0.5, 100)
    assert "and 50 s" in estimate.cost_sentence(grid, "skip:tol=1e-2", 0.5, 100)
    assert estimate.resolution_warning(4.0, "it", 4.0) is None
    assert estimate.resolution_warning(3.9, "it", 4.0) is not None
    # erf(y / (2 sqrt(t))), a start with a jump conducted, has a slope of 1 / sqrt(pi t).
    assert estimate.is_conducted(64 * math.sqrt(math.pi * 1e-3), Grid(256, 64), 1e-3)
    # In the first steps from a jump the layer is within the cell at the wall.
    assert estimate.is_conducted(0.5, Grid(256, 64), 1e-7)
    assert estimate.is_conducted(0.73, Grid(256, 64), 0.25 / (math.pi * 64**2))
    assert not estimate.is_conducted(0.5, Grid(256, 64), 1e-3)
    assert not estimate.is_conducted(3.0, Grid(256, 64), 0.1)
    assert not estimate.is_conducted(3.0, Grid(256, 64), 1e-5)
