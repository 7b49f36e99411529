"""The benchmark of several processes: its rows, and that their velocities agree."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helpers.petsc_needed import SHARED_CORES, mpirun, petsc
from tellus.benchmarks import mpi
from tellus.benchmarks.grids import grids_of
from tellus.benchmarks.tables import table
from tellus.solver.grid import Grid

__all__ = ["mpirun", "petsc"]


run = subprocess.run


def here(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    """What mpirun would start, as the only process of its group: this one."""
    if command[0] != "mpirun":  # git, which says of what the seconds are
        return run(command, **options)
    sizes, (name, repeats, scratch) = command[-5:-3], command[-3:]
    mpi.one(*grids_of(",".join(sizes)), name, int(repeats), Path(scratch))
    return subprocess.CompletedProcess(command, 0)


@pytest.mark.parametrize("launched", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("mpirun")
def test_rows_for_one_and_two_processes(
    launched: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow with processes of their own; what two of them find, `test_mumps` compares."""
    for variable, value in SHARED_CORES.items():
        monkeypatch.setenv(variable, value)
    if not launched:
        monkeypatch.setattr(mpi.subprocess, "run", here)
    result = mpi.main([Grid(24, 8)], repeats=2, out=tmp_path / "mpi.json", source=Grid(16, 4))
    assert [row["ranks"] for row in result["results"]] == [1, 2]
    assert result["results"][0]["speedup"] == 1.0
    for row in result["results"]:
        assert row["difference"] < 1e-10
        assert row["seconds_min"] <= row["seconds"] <= row["seconds_max"]
        assert {"assemble", "factor", "solve", "transfer"} <= set(row["phases"])
        assert row["memory_megabytes"] >= 1
    assert list(table(result).columns[0].cells) == ["24x8", "24x8"]
    assert json.loads((tmp_path / "mpi.json").read_text()) == result
