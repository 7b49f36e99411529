"""The commands on a case that takes a moment: what they print, write and return."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.rollouts import tellus
from tellus import __version__

TINY = ["--set", "grid.nx=16", "--set", "grid.ny=8", "--set", "rheology.gamma_T=1e3"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short runs of the quickstart at toy size, a/ and b/."""
    directory = tmp_path_factory.mktemp("runs")
    case = Path(__file__).parents[2] / "examples" / "quickstart.toml"
    steps = ["--set", "time.max_steps=6"]
    tellus("run", case, "--out", directory / "a", *TINY, *steps)
    tellus("run", case, "--out", directory / "b", "--stokes", "skip:2", *TINY, *steps)
    return directory


def test_version_and_help_name_every_command() -> None:
    assert tellus("--version").stdout == f"tellus {__version__}\n"
    listed = tellus("--help").stdout
    for command in ("run", "dataset", "train", "evaluate", "compare", "bench", "solvers", "demo"):
        assert f"\n  {command} " in listed


def test_run_says_where_it_got_and_info_what_it_is(runs: Path) -> None:
    said = tellus("info", runs / "b").stdout
    for part in ("done", "step 6", "skip:2", "16x8"):
        assert part in said


def test_a_run_is_extended(runs: Path) -> None:
    said = tellus("run", runs / "a", "--resume", "--set", "time.max_steps=8").stdout
    assert said.startswith(f"{runs / 'a'}: 8 steps to t = ")
    assert "step 8" in tellus("info", runs / "a").stdout


def strict_json(text: str) -> Any:
    """The one JSON object in a text; NaN and Infinity, which are no JSON, fail the test."""
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=pytest.fail)


def test_json_is_the_only_thing_on_stdout(runs: Path) -> None:
    report = runs / "report.html"
    result = tellus("compare", runs / "a", runs / "b", "--json", "--out", report)
    compared = strict_json(result.stdout)
    assert [Path(run["run"]).name for run in compared["runs"]] == ["a", "b"]
    assert report.exists()
    assert str(report) in result.stderr


def test_what_cannot_be_had_is_null_in_json(runs: Path) -> None:
    alone = strict_json(tellus("compare", runs / "a", "--json").stdout)
    assert alone["runs"][0]["velocity_error"] is None
    averaged = strict_json(tellus("profile", runs / "a", "--to", "0", "--json").stdout)
    assert averaged["outputs"] == 1
    assert averaged["temperature_std"] == [0.0] * 8


def test_solvers_are_listed() -> None:
    listed = tellus("solvers").stdout
    for name in ("direct", "skip:N", "surrogate[:PATH]"):
        assert name in listed
