"""Several runs at once: what the benchmark measures and says."""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.rollouts import complaint, tellus
from tellus.benchmarks import at_once, tables
from tellus.errors import InputError, RunFailedError
from tellus.io.signals import prompt
from tellus.solver.grid import Grid


def test_every_solver_number_and_setting_is_timed_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, int, str | None]] = []

    def seconds(name: str, count: int, setting: dict[str, str], grid: Grid, steps: int) -> float:
        calls.append((name, count, setting.get("OMP_NUM_THREADS")))
        return float(len(calls))

    monkeypatch.setattr(at_once, "_seconds", seconds)
    out = tmp_path / "result.json"
    result = at_once.main(["direct", "refined"], (1, 2), repeats=3, out=out)
    assert calls[:3] == [("direct", 1, None), ("direct", 1, "1"), ("direct", 2, None)]
    assert len(calls) == 3 * 2 * 2 * 2
    assert calls[8:10] == [("direct", 1, "1"), ("direct", 1, None)]  # now the other way round
    first = result["results"][0]
    assert (first["seconds"], first["seconds_min"], first["seconds_max"]) == (10.0, 1.0, 17.0)
    assert json.loads(out.read_text())["results"] == result["results"]
    view = tables.table(result)
    assert [str(cell) for cell in view.columns[0].cells] == ["direct"] * 2 + ["refined"] * 2
    assert next(iter(view.columns[2].cells)) == "10.0"
    # One thread came second, first and second: 2, 9 and 18.
    assert next(iter(view.columns[4].cells)) == f"{10 / 9:.2f}"


Script = Callable[[str], None]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Has a shell script run in the place of `tellus run`."""

    def runs(script: str) -> None:
        (python := tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o700)
        monkeypatch.setattr(at_once, "sys", SimpleNamespace(executable=str(python)))

    return runs


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo some progress >&2; echo tellus: no room. >&2; exit 1", "exit status 1: no room."),
        ("exit 2", "exit status 2: it said nothing."),
        ("kill -9 $$", "exit status -9: it said nothing."),
    ],
)
def test_a_run_that_fails_is_no_time_and_says_why(running: Script, script: str, said: str) -> None:
    running(script)
    with pytest.raises(RunFailedError) as failed:
        at_once.main(["direct"], (1,), Grid(16, 8), 1, 1)
    assert str(failed.value) == f"a run with direct ended with {said}"


def test_solvers_are_refused_before_any_is_timed(running: Script, tmp_path: Path) -> None:
    running(f"touch {tmp_path}/ran")
    for name in ("nonsense", "direct:3", "coarse:5"):  # 5 does not divide the grid
        with pytest.raises(InputError, match=name.partition(":")[0]):
            at_once.main(["direct", name], (1,), Grid(16, 8), 1, 1)
    assert not (tmp_path / "ran").exists()


def test_a_signal_ends_the_runs_and_their_directory(
    running: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pids := tmp_path / "pids").mkdir()
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    running(f"trap '' TERM; touch {pids}/$$; exec sleep 60")

    def stop() -> None:
        begun = time.monotonic()
        while time.monotonic() - begun < 20.0:
            if len(list(pids.iterdir())) == 2:
                return os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)

    (stopping := threading.Thread(target=stop)).start()
    with pytest.raises(KeyboardInterrupt), prompt():
        at_once.main(["direct"], (2,), Grid(16, 8), 1, 1)
    stopping.join()
    started = [int(path.name) for path in pids.iterdir()]
    assert len(started) == 2
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not list(scratch.iterdir())


def test_what_bench_at_once_and_mpi_refuse() -> None:
    assert "--grid takes one grid" in complaint("bench", "at-once", "--grid", "64x16,128x32")
    assert "--at-once takes N[,N...]" in complaint("bench", "at-once", "--at-once", "two")
    assert "--ranks takes N[,N...]" in complaint("bench", "mpi", "--ranks", "1,x")
    for count in ("0", "1,1025", "99999"):
        assert "--at-once takes numbers from 1" in complaint("bench", "at-once", "--at-once", count)
        assert "--ranks takes numbers from 1" in complaint("bench", "mpi", "--ranks", count)
    assert "--steps" in tellus("bench", "at-once", "--steps", 10**13, status=2).stderr
