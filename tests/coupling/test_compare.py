"""Comparing runs: numbers with known answers, the report, and bad input."""

import io
import json
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from helpers.mutations import missing
from helpers.numerics import divergence
from helpers.rollouts import case, files, write_case
from tellus.coupling.directory.fields import FieldWriter
from tellus.coupling.directory.recorded import read_run
from tellus.coupling.runs.run import run_directory
from tellus.coupling.trajectory.comparison import report
from tellus.coupling.trajectory.comparison.compare import compare
from tellus.coupling.trajectory.comparison.found import headline, rows, table
from tellus.coupling.trajectory.comparison.pair import RunPair, regrid_stream_function
from tellus.errors import InputError
from tellus.io.json_file import plain
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, StokesReport, flow_from_psi, velocity

GRID = Grid(32, 8, 4.0)
END, OUTPUTS, ROWS = 0.01, 5, 201
SECTIONS = ("temperature", "difference", "history", "profiles", "drift", "cost")
"""Of a report, each with a figure."""


def write_run(
    path: Path,
    solver: str = "direct",
    *,
    grid: Grid = GRID,
    warmer: float = 0.0,
    faster: float = 1.0,
    stokes: float = 2.0,
    end: float = END,
    **info: Any,
) -> Path:
    """A run directory with analytic contents: `warmer` adds to T, `faster` scales the flow."""
    path.mkdir(parents=True)
    steps = round((ROWS - 1) * end / END)
    times = np.linspace(0.0, end, steps + 1)
    ramp = warmer * (times > 0)
    columns = {
        "step": np.arange(steps + 1),
        "time": times,
        "dt": np.full(steps + 1, END / (ROWS - 1)),
        "mean_temperature": 0.5 + times + ramp,
        "nusselt_top": 4.0 + ramp,
        "nusselt_bottom": 3.0 + 3 * ramp,
        "vrms": np.full(steps + 1, 100.0 * faster),
    }
    pd.DataFrame(columns).to_csv(path / "timeseries.csv", index=False)
    sizes = [f"grid.{name}={getattr(grid, name)}" for name in ("nx", "ny", "aspect")]
    physics = ["model.heating=3", "rheology.gamma_T=1e7", "rheology.gamma_p=10"]
    write_case(path / "config.toml", *sizes, *physics, base=())
    summary = {
        "tellus": "0.1.0",
        "git": None,
        "machine": {"processor": "test"},
        "threads": 1,
        "versions": {"numpy": "2"},
        "solver": solver,
        "weights_sha256": None,
        "status": "done",
        "message": "",
        "steps": steps,
        "time": end,
        "seconds": {
            "stokes": {"assemble": 0.1 * stokes, "factor": 0.9 * stokes},
            "energy": 0.2,
            "output": 0.1,
            "total": stokes + 0.5,
        },
        "solver_report": {"solves": steps, "held": 0},
        "warnings": [],
    }
    (path / "run.json").write_text(json.dumps(summary | info))
    writer, report = FieldWriter.create(path, grid), StokesReport(solver)
    outputs = round((OUTPUTS - 1) * end / END) + 1
    for t in np.linspace(0.0, end, outputs).tolist():
        flow = flow_from_psi(stream_function(grid) * (faster if t > 0 else 1.0), grid, report)
        warmth = layer(grid) + (warmer if t > 0 else 0.0)
        problem = StokesProblem(grid, warmth, FrankKamenetskii(), time=t)
        writer.append(problem, round(t / END * ROWS), np.ones(grid.cells), flow)
    return path


def layer(grid: Grid) -> Array:
    x, y = grid.x_cells / grid.aspect, grid.y_cells[:, None]
    return 1 - y + 0.1 * np.sin(np.pi * y) * np.cos(np.pi * x)


def stream_function(grid: Grid) -> Array:
    x, y = grid.x_nodes / grid.aspect, grid.y_nodes[:, None]
    return 50.0 * np.sin(np.pi * x) * np.sin(np.pi * y)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "a")


def test_a_run_compared_with_itself_differs_in_nothing(good: Path) -> None:
    result = compare([good, good])
    assert result.reference == str(good)
    for entry in result.runs:
        for key in ("mean_temperature_mae", "profile_mae", "final_profile_mae", "nusselt_mae"):
            assert getattr(entry.drift, key) == 0.0
        assert entry.drift.temperature_field_mae == entry.drift.velocity_error == 0.0
        assert entry.cost.speedup == entry.cost.speedup_end_to_end == 1.0


@pytest.fixture(scope="module")
def warmer(good: Path) -> Path:
    path = good.with_name("b")
    return write_run(path, "skip:10", warmer=0.02, faster=1.1, stokes=0.3)


def test_known_differences_are_measured(good: Path, warmer: Path) -> None:
    result = compare([good, warmer])
    assert table(result).row_count == 2
    entry = plain(result)["runs"][1]
    assert entry["mean_temperature_mae"] == pytest.approx(0.02, rel=0.01)
    assert entry["nusselt_mae"] == pytest.approx(0.04, rel=0.01)
    assert entry["profile_mae"] == pytest.approx(0.02)
    assert entry["final_profile_mae"] == pytest.approx(0.02)
    assert entry["temperature_field_mae"] == pytest.approx(0.02)
    assert entry["velocity_error"] == pytest.approx(0.1)
    assert entry["speedup"] == pytest.approx(2.2 / 0.5)
    assert entry["speedup_stokes"] == pytest.approx(2.0 / 0.3)
    assert entry["speedup_end_to_end"] == pytest.approx(2.5 / 0.8)
    assert sum(entry["seconds_by_phase"].values()) == pytest.approx(0.8)
    assert json.loads(json.dumps(plain(result), allow_nan=False)) == plain(result)
    assert len(headline(result)) == 3


def test_no_number_is_cut_where_the_terminal_is_narrow(good: Path, warmer: Path) -> None:
    """Nor is a word of a label lost; every part repeats the runs' names."""
    label = "anchored:tol=1e-3:reduced:4 (a-directory-with-a-long-name)"
    result = compare([good, warmer])
    one, other = result.runs
    dear = replace(other.cost, seconds_total=1234.5, seconds_per_step=6.1725)
    result = replace(result, runs=[one, replace(other, label=label, cost=dear)])
    for width in (40, 80, 100, 250):
        said = io.StringIO()
        Console(file=said, width=width, markup=False).print(table(result))
        lines = said.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert "…" not in said.getvalue()
        words = said.getvalue().replace("│", " ").split()
        for row in rows(result):
            assert set(row[1:]) <= set(words)
        assert "".join(label.split()) in "".join(
            line.strip("│ ").split("│")[0].replace(" ", "") for line in lines
        )


def test_the_shared_start_does_not_flatter_the_velocity_difference(
    good: Path, tmp_path: Path
) -> None:
    runs = [good, write_run(tmp_path / "b", faster=2.0, end=END / 4)]
    equal = plain(compare(runs))["runs"][1]
    assert equal["equal_times"]["velocity_error"] == pytest.approx([0.0, 1.0])
    assert equal["velocity_error"] == pytest.approx(1.0)


def test_quiet_flows_are_left_out_and_counted(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", faster=1e-3), write_run(tmp_path / "b", faster=2e-3)]
    entry = plain(compare(runs))["runs"][1]
    assert entry["velocity_error"] is None
    assert entry["quiet_outputs"] == OUTPUTS - 1


def test_a_run_that_failed_is_compared_up_to_where_it_got(good: Path, tmp_path: Path) -> None:
    failed = write_run(
        tmp_path / "b", "surrogate", end=END / 2, stokes=1.0, status="failed", message="T blew up"
    )
    csv = failed / "timeseries.csv"
    csv.write_text(csv.read_text() + "101,0.00505,5e-5,nan,nan,nan,nan\n")
    entry = plain(compare([good, failed]))["runs"][1]
    assert entry["common_time"] == pytest.approx([0.0, END / 2])
    pair = RunPair(read_run(good), read_run(failed))
    assert pair.last_third == pytest.approx((END / 3, END / 2))
    assert entry["mean_temperature_mae"] == pytest.approx(0.0, abs=1e-15)
    assert any("failed at model time 0.005" in note for note in entry["notes"])
    # The reference took 2.5 s for twice the model time.
    assert entry["speedup_end_to_end"] == pytest.approx(1.25 / 1.5, rel=0.02)


def test_another_grid_of_the_same_box_is_regridded(good: Path, tmp_path: Path) -> None:
    fine = write_run(tmp_path / "fine", grid=Grid(64, 16, 4.0))
    entry = plain(compare([fine, good]))["runs"][1]
    assert entry["temperature_field_mae"] < 2e-3
    assert entry["velocity_error"] < 2e-3
    assert any("regridded from 32x8 to 64x16" in note for note in entry["notes"])


def test_another_scheme_and_other_walls_are_noted(tmp_path: Path) -> None:
    runs = [tmp_path / scheme for scheme in ("explicit", "implicit")]
    for run, value in zip(runs, (1.0, 2.0), strict=True):
        changes = (f"time.scheme={run.name}", f"boundaries.bottom_value={value}")
        run_directory(case("time.max_steps=2", *changes), run, progress=False)
    assert set(compare(runs).runs[1].notes) == {
        "time.scheme = implicit, not explicit",
        "boundaries.bottom_value = 2.0, not 1.0",
    }


def test_regridding_keeps_the_flow_divergence_free() -> None:
    target = Grid(96, 24, 4.0)
    for n in (8, 16, 32):
        source = Grid(4 * n, n, 4.0)
        psi = regrid_stream_function(stream_function(source), source, target)
        u, v = velocity(psi, target)
        outflow = divergence(u, v, target)
        assert np.abs(outflow).max() < 1e-9 * np.abs(u).max() / target.hx


def test_the_report_is_one_file_without_outside_references(
    good: Path, warmer: Path, tmp_path: Path
) -> None:
    failed = {"status": "failed", "message": "<T> blew up", "weights_sha256": "ab" * 32}
    runs = [good, warmer, write_run(tmp_path / "c", "surrogate", end=END / 4, **failed)]
    out = tmp_path / "new" / "report.html"
    compare(runs, out)
    page = out.read_text(encoding="utf-8")
    assert not any(word in page for word in ("http", "<script", "file:"))
    assert page.count("data:image/png;base64,") == page.count("<figcaption>") == len(SECTIONS)
    assert page.count("gamma_T 1e+07") == 1  # of the case; what the law does not read is left out
    assert "activation_energy" not in page
    assert "ab" * 32 in page
    assert "&lt;T&gt; blew up" in page
    assert "surrogate: failed at model time 0.0025" in page
    assert {p.name for p in out.parent.iterdir()} == {"report.html", "report-figures"}
    drawn = {p.name for p in (out.parent / "report-figures").iterdir()}
    assert drawn == {f"{name}.{kind}" for name in SECTIONS for kind in ("png", "pdf")}


def test_a_report_replaces_nothing_but_a_report(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "figures", lambda *_: {section: [] for section in SECTIONS})
    run = tmp_path / "a"
    shutil.copytree(good, run)
    (tmp_path / "notes.html").write_text("mine")
    before = files(tmp_path)
    for place, said in (
        *[(name, "is HTML; name") for name in ("report.png", "report.json", "report", "t.csv")],
        ("notes.html", "is no HTML file"),
        ("a/run.json", r"run\.json: exists and is no HTML file"),
        ("a", "is a directory"),
    ):
        with pytest.raises(InputError, match=said):
            compare([run], tmp_path / place)
    assert files(tmp_path) == before
    (tmp_path / "empty.html").touch()
    for _ in range(2):  # over an earlier report too
        result = compare([run], tmp_path / "empty.html")
    assert "nothing to compare with" in headline(result)[0]
    assert "</html>" in (tmp_path / "empty.html").read_text(encoding="utf-8")


def cut(pattern: str, left: int) -> Callable[[Path], None]:
    """All files called so lose their end, but for `left` bytes."""

    def damage(run: Path) -> None:
        for file in run.glob(pattern):
            if file.is_file():
                file.write_bytes(file.read_bytes()[:left])

    return damage


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (shutil.rmtree, "run"),
        (missing("run.json"), "run.json"),
        (missing("timeseries.csv"), "timeseries.csv"),
        (missing("config.toml"), "config.toml"),
        (cut("timeseries.csv", -7), "timeseries.csv"),
        (cut("run.json", 200), "run.json"),
        (missing("fields.zarr"), "fields.zarr"),
        (missing("fields.zarr/temperature/c"), "fields.zarr"),
        (cut("fields.zarr/psi/c/**/*", 50), "fields.zarr"),
        (cut("fields.zarr/**/zarr.json", 20), "fields.zarr"),
    ],
)
def test_damage_is_named_with_a_remedy(
    good: Path, tmp_path: Path, damage: Callable[[Path], None], named: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(good, run)
    damage(run)
    with pytest.raises(InputError, match=named) as error:
        compare([good, run])
    assert "\n" not in str(error.value)
    assert any(word in str(error.value) for word in ("give", "name", "anew", "resume", "let"))


def test_no_runs_and_boxes_of_different_shape_do_not_compare(good: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "b", grid=Grid(16, 8, 2.0))
    for runs, said in (([], "no run given"), ([good, other], "aspect ratio 2")):
        with pytest.raises(InputError, match=said):
            compare(runs)


def test_ten_thousand_outputs_are_matched_in_little_memory() -> None:
    times = np.arange(10_000) * 1e-3
    rng = np.random.default_rng(0)
    other = np.sort(np.concatenate([times[::2] + 1e-6 * rng.random(5000), rng.random(3000) * 10]))
    runs = [
        SimpleNamespace(grid=Grid(4, 4, 1.0), output_times=t, series={"time": t}, path="run")
        for t in (times, other)
    ]
    tracemalloc.start()
    try:
        found = RunPair(*runs).equal_outputs  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30e6  # every time beside every other takes 800 MB
    nearest = [int(np.abs(other - t).argmin()) for t in times]
    expected = [(i, k) for i, k in enumerate(nearest) if abs(other[k] - times[i]) <= 1e-5]
    assert len(expected) > 5000
    assert found == [
        pair for pair in expected if times[pair[0]] <= min(times[-1], other[-1]) + 1e-5
    ]


@pytest.mark.parametrize("kind", ["insulating", "temperature"])
def test_a_uniform_temperature_is_the_same_on_any_grid(kind: str, tmp_path: Path) -> None:
    """It used to be padded with T = 1 below and 0 above, whatever the walls."""
    profile = tmp_path / "profile.txt"
    profile.write_text("0 300\n1 300\n")
    walls = [f"boundaries.{wall}_thermal={kind}" for wall in ("bottom", "top")]
    if kind == "temperature":
        walls += ["boundaries.bottom_value=300", "boundaries.top_value=300"]
    runs = [tmp_path / "16", tmp_path / "8"]
    for run in runs:
        config = case(
            *walls,
            *[f"grid.nx={run.name}", f"grid.ny={run.name}", "grid.aspect=1.0"],
            *["rheology.kind=constant", "model.heating=0", "initial.amplitude=0"],
            *["initial.kind=profile", f"initial.path={profile}"],
            *["time.end=1e-3", "time.dt_initial=1e-4", "output.every=5e-4"],
            base=(),
        )
        run_directory(config, run, progress=False)
    entry = plain(compare(runs))["runs"][1]
    for name in ("temperature_field_mae", "profile_mae", "final_profile_mae"):
        assert entry[name] == pytest.approx(0.0, abs=1e-11)
