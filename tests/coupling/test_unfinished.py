"""Runs that go on, or were killed: how far they got, what they cost, what can be drawn."""

import json
import shutil
from pathlib import Path

import pytest

from helpers.rollouts import case, summary, tellus
from helpers.run_fixtures import one_field
from tellus.coupling.directory.checkpoint import FOLDER
from tellus.coupling.directory.recorded import read_run
from tellus.coupling.runs.info import describe
from tellus.coupling.runs.run import run_directory
from tellus.coupling.trajectory.comparison.compare import compare
from tellus.coupling.trajectory.comparison.found import table
from tellus.io.json_file import plain
from tellus.io.lock import in_use, sole_user

__all__ = ["one_field"]

STEPS, CHECKPOINT = 12, 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unfinished") / "whole"
    limits = (f"time.max_steps={STEPS}", f"output.checkpoint_every={CHECKPOINT}")
    run_directory(case(*limits), out, progress=False)
    return out


def killed(whole: Path, out: Path, checkpoint: int = CHECKPOINT) -> Path:
    """As a kill leaves it: run.json of the start, one checkpoint, a row that was begun."""
    shutil.copytree(whole, out)
    ended = summary(whole)
    nothing = {"stokes": {"factor": 1e-6}, "energy": 0.0, "output": 0.1, "total": 0.3}
    start = {"status": "running", "message": "", "steps": 0, "time": 0.0, "seconds": nothing}
    (out / "run.json").write_text(json.dumps(ended | start))
    for path in (out / FOLDER).glob("step-*.npz"):
        if int(path.name.split("-")[1]) != checkpoint:
            path.unlink()
    with open(out / "timeseries.csv", "a") as file:
        file.write(f"{STEPS + 1},0.00")
    return out


def test_a_run_says_how_far_it_got_and_whether_it_goes_on(whole: Path, tmp_path: Path) -> None:
    run = killed(whole, tmp_path / "run")
    said = dict(line.split(maxsplit=1) for line in describe(run).splitlines())
    assert said["status"].startswith("killed")
    assert said["reached"].startswith(f"step {STEPS}, t = ")
    assert read_run(run).steps == STEPS
    assert not in_use(run)
    with sole_user(run):
        assert in_use(run)
        assert "killed" not in describe(run)
        assert "running" in describe(run)
        assert any("still going on" in note for note in compare([whole, run]).runs[1].notes)
    assert not in_use(run)


def test_a_killed_run_is_priced_by_its_newest_checkpoint(whole: Path, tmp_path: Path) -> None:
    run = killed(whole, tmp_path / "run")
    reference, entry = plain(compare([whole, run]))["runs"]
    assert entry["steps"] == STEPS
    assert entry["priced_steps"] == CHECKPOINT
    # Both did the same steps; run.json alone makes the killed one a thousand times cheaper.
    assert 0.2 < entry["seconds_per_step"] / reference["seconds_per_step"] < 5.0
    assert sum(entry["seconds_by_phase"].values()) == pytest.approx(entry["seconds_total"])
    assert any("was killed at model time" in note for note in entry["notes"])
    assert any(f"first {CHECKPOINT} steps" in note for note in entry["notes"])


def test_a_price_that_is_not_known_is_none(whole: Path, tmp_path: Path) -> None:
    run = killed(whole, tmp_path / "run", checkpoint=-1)
    result = compare([whole, run], tmp_path / "report.html")
    entry = plain(result)["runs"][1]
    for name in ("seconds_per_step", "seconds_total", "speedup", "speedup_end_to_end"):
        assert entry[name] is None
    assert any("not known" in note for note in entry["notes"])
    assert table(result).row_count == 2
    assert (tmp_path / "report.html").exists()


@pytest.mark.usefixtures("one_field")
def test_what_there_is_can_be_drawn(whole: Path, tmp_path: Path) -> None:
    run = killed(whole, tmp_path / "run")
    tellus("plot", run, "--frames", "1")
    assert (run / "plots" / "animation.gif").is_file()
    tellus("profile", run)
    header = (run / "timeseries.csv").read_text().splitlines()[0]
    (run / "timeseries.csv").write_text(f"{header}\n1,0.0")
    said = tellus("plot", run, "--out", tmp_path / "none", status=2).stderr.splitlines()[-1]
    assert "no step yet" in said
    assert "truncated" not in said
