"""Several runs at once: what the benchmark measures and says."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.rollouts import complaint
from tellus.benchmarks import at_once, tables
from tellus.errors import RunFailedError
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


def test_a_run_that_fails_is_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (refusing := tmp_path / "python").write_text("#!/bin/sh\nexit 2\n")
    refusing.chmod(0o700)
    monkeypatch.setattr(at_once, "sys", SimpleNamespace(executable=str(refusing)))
    with pytest.raises(RunFailedError, match="exit status 2"):
        at_once.main(["no-such-solver"], (1,), Grid(16, 8), 1, 1)


def test_what_bench_at_once_and_mpi_refuse() -> None:
    assert "--grid takes one grid" in complaint("bench", "at-once", "--grid", "64x16,128x32")
    assert "--at-once takes N[,N...]" in complaint("bench", "at-once", "--at-once", "two")
    assert "--ranks takes N[,N...]" in complaint("bench", "mpi", "--ranks", "1,x")
