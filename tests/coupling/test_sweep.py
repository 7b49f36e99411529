"""Sweeps: which runs they consist of, their tables and laws, going on, and bad input."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from helpers import one_by_one
from helpers.rollouts import complaint, record, tellus, write_case
from tellus.config.vary import varied
from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.directory.sweep import Sweep
from tellus.coupling.output.style import styled
from tellus.coupling.runs.run import run_directory
from tellus.coupling.sweep import sweep as sweeps
from tellus.coupling.sweep.figure import Picture, plot_sweep
from tellus.coupling.sweep.plan import points, sample_size
from tellus.coupling.sweep.scaling import NoLawError, fit
from tellus.coupling.sweep.table import measured, rows
from tellus.coupling.tables import settings_text
from tellus.errors import InputError, RunFailedError
from tellus.solver.energy import EnergyEquation

SHORT = ("time.max_steps=4", "output.every=1")
VARY = ("--vary", "model.rayleigh=log:1e3:1e4:2", "--vary", "model.heating=0,5")


@pytest.fixture(scope="module", autouse=True)
def here() -> Iterator[None]:
    """Runs in this process, one after the other: nothing of them depends on where."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeps, "run_all", one_by_one.run_all)
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("case") / "case.toml", *SHORT)


@pytest.fixture(scope="module")
def made(config: Path) -> Path:
    """A sweep, not to be changed."""
    out = config.with_name("sweep")
    (out.with_suffix(".json")).write_text(
        tellus("sweep", config, *VARY, "--out", out, "--json").stdout
    )
    return out


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "sweep"))


def values(said: str, drawn: bool = False) -> tuple[str, ...]:
    return varied([said], drawn)[0].values


def test_lists_and_ranges_are_told_apart_by_what_the_setting_is() -> None:
    assert values("rheology.gamma_T=1e5, 1e6") == ("1e5", "1e6")
    assert [float(v) for v in values("model.heating=0:10:5")] == [0, 2.5, 5, 7.5, 10]
    assert [float(v) for v in values("rheology.gamma_T=log:1e5:1e9:5")] == [1e5, 1e6, 1e7, 1e8, 1e9]
    assert values("grid.nx=log:64:256:3") == ("64", "128", "256")
    assert values("stokes.solver=richardson:4,skip:5:2:3") == ("richardson:4", "skip:5:2:3")
    assert values("model.heating_fractions=[0.5,0.5],[1,0]") == ("[0.5,0.5]", "[1,0]")


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ([], "a setting to vary"),
        (["model.heating"], "section.key=VALUES"),
        (["model.heating="], "section.key=VALUES"),
        (["model.heating=1,,2"], "between the commas"),
        (["model.heating=0:10:1"], "of 2 to 10000 values"),
        (["model.heating=0:10"], "LOW:HIGH:COUNT"),
        (["model.heating=nan:1:3"], "LOW:HIGH:COUNT"),
        (["model.heating=0:10:2.5"], "LOW:HIGH:COUNT"),
        (["model.heating=3:3:2"], "both ends are the same"),
        (["model.rayleigh=log:-1:10:3"], "above zero"),
        (["initial.seed=0:2:8"], "not 8 whole numbers"),
        (["model.heating=1,1.0"], "heating 1 is there twice"),
        (["model.heating=1", "model.heating=2"], "model.heating is there twice"),
        (["model.heatin=1,2"], "--vary: unknown key model.heatin (the nearest is model.heating)"),
        (["modle.heating=1,2"], "--vary: unknown section modle (the nearest is model)"),
        (["model.heating=1,hot"], "--vary: model.heating must be a finite number"),
        (["model.heating=[]"], "--vary: model.heating must be a finite number"),
        (["model.heating=0:1:2000", "model.rayleigh=1:2:2000"], "4000000 runs"),
        (["stokes.solver=direct,richardsn"], "richardsn"),
        (["grid.aspect=1", "time.end=0.1", "time.max_steps=4"], "set and varied"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_written(
    vary: list[str], said: str, config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    options = [word for each in vary for word in ("--vary", each)]
    result = tellus("sweep", config, *options, "--set", "time.end=1", "--out", out, status=2)
    assert said in " ".join(result.stderr.split())
    assert not out.exists()


@pytest.mark.parametrize("sample", ["sobol", "sobol:0", "sobol:x", "lhs:4", "sobol:99999999"])
def test_a_sample_that_is_none_is_refused(sample: str) -> None:
    with pytest.raises(InputError, match="sobol:64"):
        sample_size(sample)


def test_samples_lie_between_the_ends_and_grow(config: Path) -> None:
    said = ["rheology.gamma_T=log:10:1e5", "model.heating=10:0", "stokes.solver=direct,coarse:2"]
    axes = varied(said, drawn=True)
    drawn = [values for values, _ in points(config, [], axes, 16)]
    assert drawn == [values for values, _ in points(config, [], axes, 64)][:16]
    gamma, heating = (np.array([v[key] for v in drawn]) for key in list(drawn[0])[:2])
    # A net in base 2: as many points in either half, of logarithms where it says so.
    assert np.sum((gamma >= 10) & (gamma < 1e3)) == np.sum(gamma >= 1e3) == 8
    assert np.sum((heating >= 0) & (heating < 5)) == np.sum((heating >= 5) & (heating <= 10)) == 8
    assert [v["stokes.solver"] for v in drawn].count("direct") == 8
    assert [axis.reaches_zero for axis in axes] == [False, True, False]


def test_every_combination_is_run_and_told(made: Path) -> None:
    told_ = json.loads(made.with_suffix(".json").read_text())
    assert told_["vary"] == ["model.rayleigh", "model.heating"]
    table = pd.read_csv(made / "sweep.csv", index_col="run")
    pairs = list(zip(table["model.rayleigh"], table["model.heating"], strict=True))
    assert pairs == [(1e3, 0), (1e3, 5), (1e4, 0), (1e4, 5)]
    assert [row["run"] for row in told_["runs"]] == list(table.index)
    assert not (made / "failures.csv").exists()
    for name, (rayleigh, heating) in zip(table.index, pairs, strict=True):
        run = RecordedRun(made / "runs" / name)
        assert (run.settings.model.rayleigh, run.settings.model.heating) == (rayleigh, heating)
        assert table.loc[name, "vrms"] == measured(run)["vrms"]
    cube = xr.open_dataset(made / "sweep.nc").set_index(run=["model.heating", "model.rayleigh"])
    found = cube.unstack("run")["nusselt_top"].sel({"model.heating": 5, "model.rayleigh": 1e3})
    assert float(found) == table.loc["run_001", "nusselt_top"]
    shown = tellus("info", made).stdout
    assert "4 done" in shown
    assert "1000, 10000" in shown
    assert "is a sweep, not a run: name its runs" in tellus("compare", made, status=2).stderr


def test_a_run_is_the_one_that_the_command_makes(made: Path, config: Path, tmp_path: Path) -> None:
    settings = ("--set", "model.heating=5", "--set", "model.rayleigh=1e3")
    tellus("run", config, *settings, "--out", tmp_path / "run")
    assert record(made / "runs/run_001") == record(tmp_path / "run")


def test_averages_are_over_the_last_third_and_weigh_steps_by_their_length(tmp_path: Path) -> None:
    run = tmp_path / "run"
    file = write_case(tmp_path / "case.toml", "time.end=1e-3", "output.every=1", "time.dt_max=1e-4")
    tellus("run", file, "--out", run)
    found, series = measured(RecordedRun(run)), RecordedRun(run).series
    late = series["time"] > 2e-3 / 3
    length = series["dt"][late].sum()
    assert found["averaged_from"] == pytest.approx(2e-3 / 3)
    assert 1 < late.sum() < late.size
    mean = (series["vrms"] * series["dt"])[late].sum() / length
    assert found["vrms"] == pytest.approx(mean, rel=1e-12)
    # What the box gains is what its walls let in and its sources make.
    gained = found["nusselt_bottom"] - found["nusselt_top"] + 3.0
    flux = max(found["nusselt_bottom"], found["nusselt_top"])
    assert found["imbalance"] == pytest.approx(gained / flux, rel=0.1)


@pytest.fixture
def diverging(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Runs that are heated fail in their third step."""
    step = EnergyEquation.step

    def failing(self: EnergyEquation, *arguments: Any) -> Any:
        if self.heating.mean(0.0, 1.0) == 5.0 and arguments[3] > 3e-5:
            raise RunFailedError("it boils")
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(EnergyEquation, "step", failing)
        yield patch


def test_failures_are_kept_apart_and_tried_again(
    made: Path, config: Path, tmp_path: Path, diverging: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sweep"
    words = ("sweep", config, "--vary", "model.rayleigh=1e3", "--vary", "model.heating=0,5")
    said = " ".join(tellus(*words, "--out", out, status=1).stderr.split())
    assert "1 of 2 runs failed, run_001 (rayleigh 1000, heating 5) like this: it boils" in said
    assert [path.name for path in (out / "failed").iterdir()] == ["run_001"]
    assert list(pd.read_csv(out / "sweep.csv")["run"]) == ["run_000"]
    assert list(pd.read_csv(out / "failures.csv")["message"]) == ["it boils"]
    assert "1 done, 1 failed" in tellus("info", out).stdout
    diverging.undo()
    assert "1 runs there, 1 to run" in tellus(*words, "--out", out).stdout
    assert list(pd.read_csv(out / "sweep.csv")["run"]) == ["run_000", "run_001"]
    assert not (out / "failures.csv").exists()
    assert not [*(out / "failed").iterdir()]
    assert record(out / "runs/run_001") == record(made / "runs/run_001")


SLIPS = """
import sys

class Bare(BaseException):
    def __str__(self):
        raise RuntimeError("no text")

def fail(how):
    if how == 1:
        return [][3]
    if how == 2:
        raise ValueError("\\udc80 \\x1b[31m\\n" + 1000 * "x")
    if how == 3:
        sys.exit(0)
    raise Bare

class Fading:
    def __init__(self, how):
        self.how, self.calls = how, 0

    def mean(self, start, end):
        self.calls += 1
        return fail(self.how) if self.how and self.calls > 4 else 3.0
"""


def test_a_slip_in_a_part_of_ones_own_ends_its_run_alone(config: Path, tmp_path: Path) -> None:
    law, out = tmp_path / "law.py", tmp_path / "sweep"
    law.write_text(SLIPS)
    laws = ",".join(f"{law}:Fading:how={how}" for how in (1, 2, 3, 4, 0))
    words = ("sweep", config, "--vary", f"model.heating_law={laws}", "--out", out)
    assert "4 of 5 runs failed, run_000" in " ".join(tellus(*words, status=1).stderr.split())
    assert list(pd.read_csv(out / "sweep.csv")["run"]) == ["run_004"]
    index, value, left, bare = pd.read_csv(out / "failures.csv")["message"]
    assert index == f"IndexError: list index out of range (line 10 of {law})"
    assert value.startswith("ValueError: \\udc80 \\x1b[31m xxx")
    assert len(value) < 400 + len(str(law))
    assert left == f"SystemExit: 0 (line 14 of {law})"
    assert bare == f"Bare (line 15 of {law})"
    assert len([*(out / "failed").iterdir()]) == 4
    alone = ("run", config, "--set", f"model.heating_law={law}:Fading:how=3")
    assert "called exit(0)" in tellus(*alone, "--out", tmp_path / "run", status=1).stderr


def test_a_run_that_was_killed_goes_on(made: Path, copy: Path, config: Path) -> None:
    run = RecordedRun(copy / "runs/run_001")
    time = run.settings.time.model_copy(update={"max_steps": 2})
    shutil.rmtree(run.path)
    run_directory(run.settings.model_copy(update={"time": time}), run.path, progress=False)
    text = (run.path / "run.json").read_text()
    (run.path / "run.json").write_text(text.replace('"done"', '"running"'))
    assert "3 done, 1 killed" in tellus("info", copy).stdout
    assert "3 runs there, 1 to run" in tellus("sweep", config, *VARY, "--out", copy).stdout
    assert record(run.path) == record(made / "runs/run_001")


def test_a_wall_limit_leaves_runs_to_go_on_with(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    limited = write_case(tmp_path / "short.toml", *SHORT, "time.wall_limit=1e-9")
    said = tellus("sweep", limited, "--vary", "model.heating=0", "--out", out, status=3).stderr
    assert "1 runs stopped before their end; the same command goes on" in said
    assert "1 stopped" in tellus("info", out).stdout


def test_more_values_join_and_other_settings_do_not(copy: Path, config: Path) -> None:
    heating = ("--vary", "model.heating=1,5")
    words = ("sweep", config, *heating, "--out", copy, "--vary")
    assert "1 runs there, 1 to run" in tellus(*words, "model.rayleigh=1e3").stdout
    assert list(pd.read_csv(copy / "sweep.csv")["model.heating"]) == [0, 5, 0, 5, 1]
    before = (copy / "sweep.json").read_bytes()
    for other, sentence in (
        (
            ["grid.aspect=1,2"],
            "varies model.rayleigh, model.heating, not model.heating, grid.aspect",
        ),
        (["model.rayleigh=1e3", "--set", "grid.nx=32"], "grid.nx = 16, not 32"),
    ):
        assert sentence in " ".join(tellus(*words, *other, status=2).stderr.split())
    assert (copy / "sweep.json").read_bytes() == before


def test_places_of_something_else_are_left_alone(config: Path, tmp_path: Path) -> None:
    """Nor is a place begun where a scheduler does not answer."""
    other, words = tmp_path / "other", ("sweep", config, "--vary", "model.heating=0", "--out")
    other.mkdir()
    (other / "thesis.tex").write_text("")
    assert "holds no sweep" in complaint(*words, other)
    assert "which is read" in complaint(*words, config)
    said = complaint(*words, tmp_path / "sweep", "--scheduler", "nonsense://x")
    assert "--scheduler nonsense://x cannot be reached" in said
    assert [path.name for path in tmp_path.rglob("*")] == ["other", "thesis.tex"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"vary": [], "runs": 3, "config": {}, "signed": []}',
     '{"vary": ["a.b"], "runs": {"../..": {"a.b": 1}}, "config": {}, "signed": []}',
     '{"vary": ["a.b"], "runs": {"x": {"c.d": 1}}, "config": {}, "signed": []}',
     '{"vary": ["a.b"], "runs": {"x": {"a.b": 1}}, "config": {"grid": 3}, "signed": []}'],
)  # fmt: skip
def test_a_damaged_plan_is_said(content: str, config: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/sweep.json").write_text(content)
    for words in (
        ["info", tmp_path / "sweep"],
        ["plot", tmp_path / "sweep"],
        ["sweep", config, "--vary", "model.heating=0", "--out", tmp_path / "sweep"],
    ):
        assert "sweep.json" in tellus(*words, status=2).stderr
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["sweep.json"]


def _rows(**columns: Any) -> list[dict[str, Any]]:
    names, lists = columns.keys(), zip(*columns.values(), strict=True)
    plain = {"vrms": 10.0, "imbalance": 0.0}
    return [plain | dict(zip(names, each, strict=True)) for each in lists]


RAYLEIGH, HEATING = "model.rayleigh", "model.heating"


def _two_parameters(noise: float) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    rayleigh, heating = (a.ravel() for a in np.meshgrid(np.logspace(4, 7, 8), np.linspace(0, 9, 7)))
    law = 0.2 * rayleigh**0.3 * np.exp(-0.05 * heating)
    seen = law * np.exp(noise * random.standard_normal(law.size))
    return _rows(**{RAYLEIGH: rayleigh.tolist(), HEATING: heating.tolist(), "q": seen.tolist()})


def test_a_law_is_found_with_errors_that_hold() -> None:
    law = fit(_two_parameters(0.03), [RAYLEIGH, HEATING, "grid.nx"], "q")
    for key, true in ((RAYLEIGH, 0.3), (HEATING, -0.05)):
        exponent, error = law.exponents[key]
        assert 0 < error < 0.01
        assert abs(exponent - true) < 3 * error
    assert law.scatter == pytest.approx(0.03, rel=0.2)
    assert law.exponential == {HEATING}
    values = {RAYLEIGH: 1e5, HEATING: 2.0}
    assert law.at(values) == pytest.approx(0.2 * 1e5**0.3 * np.exp(-0.1), rel=0.02)
    assert "rayleigh^(0.3" in str(law)


@pytest.mark.parametrize(
    ("found", "keys", "why"),
    [
        (_two_parameters(0.5), [RAYLEIGH, HEATING], "off any product"),
        (_two_parameters(0.0)[:4], [RAYLEIGH, HEATING], "4 of 4 runs convect in balance"),
        ([r | {"imbalance": 0.2} for r in _two_parameters(0.0)], [RAYLEIGH], "0 of 56 runs"),
        ([r | {"vrms": 0.1} for r in _two_parameters(0.0)], [RAYLEIGH], "0 of 56 runs"),
        ([r | {"q": 1.5} for r in _two_parameters(0.0)], [RAYLEIGH], "it is 1.5 throughout"),
        ([r | {"q": -1.0} for r in _two_parameters(0.0)], [RAYLEIGH], "not above zero"),
        ([r | {HEATING: r[RAYLEIGH]} for r in _two_parameters(0.0)], [RAYLEIGH, HEATING], "toget"),
        (_two_parameters(0.0), ["grid.nx"], "nothing that varies is physics"),
        ([r | {"rheology.kind": "a"} for r in _two_parameters(0.0)], ["rheology.kind"], "no num"),
    ],
)  # fmt: skip
def test_where_there_is_no_law_it_is_said_why(found: Any, keys: list[str], why: str) -> None:
    with pytest.raises(NoLawError, match=why):
        fit(found, keys, "q")


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(
    "vary",
    [
        {"stokes.solver": ["direct", "skip:2"] * 2},
        {"initial.seed": range(4), "boundaries.top_velocity": ["free-slip", "no-slip"] * 2},
        {"model.rayleigh": [0.0, 1.0, 2.0, 2.0], "rheology.yield_stress": [None, 1.0] * 2},
        {"model.heating": range(9), "model.rayleigh": [10.0**k for k in range(9)]},
    ],
)
def test_sweeps_of_any_kind_are_drawn(vary: dict[str, Any], copy: Path) -> None:
    # As if these had varied.
    each = [dict(zip(vary, own, strict=True)) for own in zip(*vary.values(), strict=True)]
    plan = Sweep(copy, Sweep.read(copy).config, {}).with_runs(each)
    plan.write()
    for name in plan.runs:
        if not plan.directory(name).exists():
            plan.directory(name).symlink_to(copy / "runs/run_000")
    picture, lines = plot_sweep(copy)
    assert picture == copy / "sweep.png"
    assert picture.stat().st_size > 10_000
    assert len(lines) == 4
    assert all("no scaling law" in line for line in lines)
    said = tellus("plot", copy, "--out", copy / "sweep.json", status=2).stderr
    assert "would be written over" in said


@pytest.mark.usefixtures("laid_out")
def test_all_that_the_picture_says_is_inside(made: Path) -> None:
    plan = Sweep.read(made)
    with styled():
        figure = Picture(rows(plan), plan, {}).drawn(4 * ["no law, as " * 15])
        figure.draw_without_rendering()
    inside = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(inside.x0, inside.y0) > 0
    assert inside.x1 < width
    assert inside.y1 < height


def test_a_sweep_with_nothing_done_has_no_picture(config: Path, tmp_path: Path) -> None:
    axes = varied(["model.heating=0,5"])
    wanted = points(config, [], axes, None)
    (tmp_path / "sweep").mkdir()
    plan = Sweep(tmp_path / "sweep", wanted[0][1], {}).with_runs([values for values, _ in wanted])
    plan.write()
    assert rows(plan) == []
    assert "none of its 2 runs is done" in tellus("plot", plan.path, status=2).stderr
    assert "2 not run" in tellus("info", plan.path).stdout
    # Nothing has begun: it may be planned anew.
    assert Sweep.of(plan.path, wanted[0][1], ["grid.nx"]).runs == {}


def test_compared_runs_are_called_by_what_varies(made: Path) -> None:
    runs = sorted((made / "runs").iterdir())
    result = json.loads(tellus("compare", *runs, "--json").stdout)
    labels = [run["label"] for run in result["runs"]]
    assert labels == [settings_text(own) for own in Sweep.read(made).runs.values()]
    assert labels[0] == "rayleigh 1000, heating 0"
    for run in result["runs"][1:]:
        assert run["speedup"] is run["speedup_stokes"] is run["speedup_end_to_end"] is None
        assert run["seconds_per_step"] > 0
    assert "Between runs of different physics there is no speed-up." in result["warnings"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_sweep_goes_on_bitwise(tmp_path: Path) -> None:
    """On a cluster of dask's own, killed while its runs are under way."""
    config = write_case(tmp_path / "case.toml", "time.max_steps=120", "output.checkpoint_every=10")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = [sys.executable, "-m", "tellus", "sweep", str(config), "--jobs", "2"]
    words += ["--vary", "model.heating=0,5", "--out"]
    subprocess.run([*words, str(whole)], check=True, timeout=250)
    process = subprocess.Popen([*words, str(killed)])
    begin = time.monotonic()
    while not [*killed.glob("runs/*/checkpoints/step-*[2-9]0*")] and time.monotonic() < begin + 200:
        time.sleep(0.05)
    process.kill()
    process.wait()
    time.sleep(5)  # workers see that their parent is gone
    subprocess.run([*words, str(killed)], check=True, timeout=250)
    for name in ("run_000", "run_001"):
        assert record(whole / "runs" / name) == record(killed / "runs" / name)
