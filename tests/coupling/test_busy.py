"""Runs and comparisons say how busy other work kept the machine."""

import json
from collections import namedtuple
from pathlib import Path

import pytest

from helpers.rollouts import short_run, summary
from tellus.coupling.trajectory.comparison.compare import compare
from tellus.coupling.trajectory.comparison.found import headline, table
from tellus.io import busy
from tellus.io.busy import Watch

Times = namedtuple("Times", "user system idle iowait steal guest")


def test_others_are_watched_and_own_work_is_not_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of 20 s of two processors 11 were idle or waiting, 4 guests' and within user's, 3 our own.
    before, after = Times(50, 5, 100, 1, 0, 20), Times(56, 6, 109, 3, 2, 24)
    times, own = iter([before, before, after, after]), iter([7.0, 7.0, 10.0, 10.0])
    monkeypatch.setattr(busy.psutil, "cpu_times", lambda: next(times))
    monkeypatch.setattr(busy, "process_time", lambda: next(own))
    with Watch() as watch:
        assert watch.others_percent == pytest.approx(100 * (20 - 11 - 3) / 20)
    assert watch.others_percent == pytest.approx(100 * (20 - 11 - 3) / 20)


def test_the_processes_of_a_team_are_not_others(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([Times(0, 0, 0, 0, 0, 0), Times(10, 0, 10, 0, 0, 0)])
    own = iter([0.0, 4.0])
    monkeypatch.setattr(busy.psutil, "cpu_times", lambda: next(times))
    monkeypatch.setattr(busy, "process_time", lambda: next(own))
    assert Watch(processes=2).others_percent == pytest.approx(10.0)


def test_a_run_on_a_busy_machine_is_called_that(tmp_path: Path) -> None:
    quiet, disturbed = short_run(tmp_path / "quiet"), short_run(tmp_path / "disturbed")
    for run, share in ((quiet, 3.0), (disturbed, 47.0)):
        noted = summary(run)
        assert 0.0 <= noted["others_percent"] <= 100.0
        (run / "run.json").write_text(json.dumps(noted | {"others_percent": share}))
    result = compare([quiet, disturbed])
    assert [run.cost.others_percent for run in result.runs] == [3.0, 47.0]
    (*_, said) = headline(result)
    assert "busy" in said
    assert "47 %" in said
    assert "3 %" not in said
    assert "busy" in str(table(result).caption)
    assert not any("busy" in line for line in headline(compare([quiet, quiet])))


def test_runs_of_earlier_versions_did_not_watch(tmp_path: Path) -> None:
    run = short_run(tmp_path / "run")
    noted = summary(run)
    del noted["others_percent"]
    (run / "run.json").write_text(json.dumps(noted))
    result = compare([run])
    assert result.runs[0].cost.others_percent is None
    assert len(headline(result)) == 1
