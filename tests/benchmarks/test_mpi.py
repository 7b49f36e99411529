"""The benchmark of several processes: its rows, and that their velocities agree."""

import json
from pathlib import Path

import pytest
from petsc_needed import SHARED_CORES, mpirun, petsc

from tellus.benchmarks.mpi import main, table
from tellus.solver.grid import Grid

__all__ = ["mpirun", "petsc"]


@pytest.mark.usefixtures("mpirun")
def test_rows_for_one_and_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in SHARED_CORES.items():
        monkeypatch.setenv(variable, value)
    result = main([Grid(24, 8)], repeats=2, out=tmp_path / "mpi.json", source=Grid(16, 4))
    assert [row["ranks"] for row in result["results"]] == [1, 2]
    assert result["results"][0]["speedup"] == 1.0
    for row in result["results"]:
        assert row["difference"] < 1e-10
        assert row["seconds_min"] <= row["seconds"] <= row["seconds_max"]
        assert {"assemble", "factor", "solve", "transfer"} <= set(row["phases"])
        assert row["memory_megabytes"] >= 1
    assert list(table(result).columns[0].cells) == ["24x8", "24x8"]
    assert json.loads((tmp_path / "mpi.json").read_text()) == result
