"""File systems that cannot sync, and limits on a file's size."""

import errno
import os
import resource
import stat
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import zarr

from helpers.rollouts import case, complaint, short_run, tellus
from tellus.config import dump
from tellus.coupling.output.export import export_netcdf
from tellus.coupling.runs.run import run_directory
from tellus.io.whole_file import written_aside


@pytest.mark.parametrize(
    ("number", "what"),
    [(errno.EINVAL, "folders"), (errno.ENOTSUP, "everything"), (errno.ENOSYS, "folders")],
)
def test_a_run_does_without_sync(
    number: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network, FUSE and shared file systems."""
    asked = []

    def fsync(file: int) -> None:
        asked.append(file)
        if what == "everything" or stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    done = run_directory(case("time.max_steps=2"), tmp_path / "run", progress=False)
    assert done["status"] == "done"
    assert asked


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_sync_that_failed_is_a_failure(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(file: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(number)), written_aside(tmp_path / "a") as file:
        file.write(b"new")
    assert not list(tmp_path.iterdir())


def limited(size: int, *command: str | Path) -> str:
    """What a command says in the end that may write no file beyond a size, and so fails."""
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        # Python 3.11 would keep the beginning of a module's bytecode for the whole of it.
        with patch.object(sys, "dont_write_bytecode", True):
            return tellus(*command, status=1).stderr
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("blocks", [1, 6])
def test_a_netcdf_file_beyond_a_limit_is_a_sentence(blocks: int, tmp_path: Path) -> None:
    """Status 1 and no beginning of a file; HDF5 crashes where it cannot truncate or write."""
    run = short_run(tmp_path / "run")
    before = set(run.rglob("*"))
    said = limited(1024 * blocks, "export", run, "--to", "netcdf")
    assert "File too large; make room" in said
    assert said.count("\n") == 1
    assert set(run.rglob("*")) == before


@pytest.mark.usefixtures("drawn")
def test_runs_and_reports_beyond_a_limit_are_failures_not_bad_input(tmp_path: Path) -> None:
    """Status 1: neither the configuration nor the name of the report is at fault."""
    file, run, report = tmp_path / "case.toml", tmp_path / "run", tmp_path / "report.html"
    file.write_text(dump(case("time.max_steps=2")))
    assert "File too large" in limited(4, "run", file, "--out", run)
    assert not run.exists()
    short_run(run)
    report.write_text("<html>old</html>")
    said = limited(1024, "compare", run, "--out", report)
    # The figures beside it are written first.
    assert "report-figures/" in said
    assert said.endswith(".png: File too large; make room, or name another path.\n")
    assert report.read_text() == "<html>old</html>"
    assert not list(tmp_path.glob("*.partial"))


def test_what_a_user_told_zarr_changes_nothing(tmp_path: Path) -> None:
    short_run(tmp_path / "plain")
    with zarr.config.set({"default_zarr_format": 2, "array.order": "F"}):
        run_directory(case("time.max_steps=2"), tmp_path / "run", progress=False)
        export_netcdf(tmp_path / "run")
    for name in ("temperature", "psi", "time"):
        left, right = (
            zarr.open_array(tmp_path / run / "fields.zarr" / name, mode="r")
            for run in ("plain", "run")
        )
        assert repr(right.metadata.to_dict()) == repr(left.metadata.to_dict())
        assert np.array_equal(left[:], right[:])


@pytest.mark.parametrize("resume", [[], ["--resume"], ["--force"]])
def test_a_config_of_ones_own_is_not_replaced(resume: list[str], tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("# my notes\n" + dump(case("time.max_steps=2")))
    before = file.read_bytes()
    assert "is no run's" in complaint("run", file, "--out", tmp_path, *resume)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["config.toml"]


def test_a_run_killed_at_its_very_beginning_goes_on(tmp_path: Path) -> None:
    config = case("time.max_steps=2")
    (tmp_path / "config.toml").write_text(dump(config))
    assert run_directory(config, tmp_path, resume=True, progress=False)["status"] == "done"
