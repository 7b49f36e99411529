"""The benchmark of several processes: its rows, and that their velocities agree."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helpers.petsc_needed import SHARED_CORES, mpirun, petsc
from helpers.rollouts import complaint
from tellus.benchmarks import mpi
from tellus.benchmarks.grids import grids_of
from tellus.benchmarks.tables import table
from tellus.errors import RunFailedError
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


@pytest.fixture
def nothing_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that temperatures come from would take minutes."""
    monkeypatch.setattr(mpi, "problems", lambda grid: pytest.fail("made"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonsense", '--solvers takes mumps and mumps-psi here, such as mumps:lu, not "nonsense".'),
        ("direct", 'not "direct".'),
        ("skip:3:mumps", 'not "skip:3:mumps".'),
        ("mumps:foo", '--solvers: "mumps:foo" takes at most one each of'),
        ("mumps-psi:lu", '--solvers: "mumps-psi:lu" takes'),
        ("mumps:lu:dissection", '"dissection" is for LU on one process'),
    ],
)
@pytest.mark.usefixtures("nothing_made")
def test_names_that_mumps_does_not_bear_are_refused_first(name: str, said: str) -> None:
    assert said in complaint("bench", "mpi", "--solvers", f"mumps,{name}")


@pytest.mark.usefixtures("nothing_made")
def test_a_missing_mpirun_is_told_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs mpirun: on Debian or Ubuntu run `make petsc`" in complaint("bench", "mpi")


DASHES = "-" * 74
PAGES = (
    f"{DASHES}\nThere are not enough slots for the 2\nthat were asked for:\n\n  python\n{DASHES}\n"
)


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        (PAGES, "There are not enough slots for the 2\nthat were asked for."),
        (f"tellus: no such thing.\ntellus: no such thing.\n{PAGES}", "no such thing."),
        (f"{PAGES}tellus: no such thing.\n", "no such thing."),
        ("", "it said nothing."),
    ],
)
def test_what_mpirun_says_in_pages_becomes_a_sentence(
    pages: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program := tmp_path / "mpirun").write_text(f"#!/bin/sh\ncat {tmp_path}/pages >&2\nexit 1\n")
    program.chmod(0o700)
    (tmp_path / "pages").write_text(pages)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(mpi, "problems", lambda grid: [])
    with pytest.raises(RunFailedError) as failed:
        mpi.main([Grid(24, 8)], (2,))
    assert str(failed.value) == f"mpirun -n 2 failed for mumps at 24x8: {said}"
