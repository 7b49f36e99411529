"""What a full disk or a failure leaves behind: the old file, no beginning of a new one, no lock."""

import errno
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from helpers.rollouts import files, short_run
from tellus.coupling.output import export as exporting
from tellus.coupling.output.export import export_netcdf, export_vtk, write_pvd
from tellus.coupling.output.profile import profile
from tellus.coupling.output.style import save_picture
from tellus.errors import InputError, RunFailedError
from tellus.io.lock import NAME, sole_user
from tellus.io.whole_file import write_atomically


def full(*arguments: Any, **options: Any) -> Any:
    """As the system says it of an open file: without its name."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is written reaches the disk."""
    monkeypatch.setattr(os, "fsync", full)


WRITERS: dict[str, Callable[[Path], None]] = {
    "a.json": lambda file: write_atomically(file, b"new"),
    "a.pvd": lambda file: write_pvd(file, [0.0], ["a.vtu"]),
    "a.png": lambda file: save_picture(Figure(), file),
    "a.svg": lambda file: save_picture(Figure(), file),
}


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("name", WRITERS)
def test_the_old_file_stays_and_is_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("old")
    with pytest.raises(OSError, match="No space left on device") as failure:
        WRITERS[name](file)
    assert failure.value.filename == str(file)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_exports_of_a_run_leave_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = short_run(tmp_path / "run")
    written = export_vtk(run, tmp_path / "vtk")
    (netcdf := tmp_path / "run.nc").write_text("old")
    (table := tmp_path / "run.csv").write_text("old")
    before = files(written.parent)
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr("tellus.coupling.output.export.os.replace", full)
    for export in (
        lambda: export_vtk(run, tmp_path / "vtk"),
        lambda: export_netcdf(run, netcdf),
        lambda: profile(run, None, None, table),
    ):
        with pytest.raises(OSError, match="No space left on device"):
            export()
    assert files(written.parent) == before
    assert netcdf.read_text() == table.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"run", "run.nc", "run.csv", "vtk"}


@pytest.mark.parametrize("room", [0, 3000, 10_000])
def test_a_netcdf_file_without_room_does_not_crash(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 does not survive a write that fails, so it must not hear of it."""
    run, left = short_run(tmp_path / "run"), [room]
    asked: list[FileIO] = []

    def put(file: FileIO, content: Any) -> int:
        asked.append(file)
        left[0] -= memoryview(content).nbytes
        return FileIO.write(file, content) if left[0] >= 0 else full()

    monkeypatch.setattr(exporting._Patient, "put", put)
    with pytest.raises(OSError, match="No space left on device"):
        export_netcdf(run)
    assert not list(run.glob("*.nc*")) + list(run.glob(".*.partial"))
    # Nor does whoever has the descriptor next.
    with (tmp_path / "next").open("wb") as other:
        taken = os.dup2(other.fileno(), asked[0].fileno())
        assert (asked[0].seek(8), asked[0].write(b"late"), asked[0].truncate(9)) == (8, 4, 9)
        if taken != other.fileno():
            os.close(taken)
    assert (tmp_path / "next").stat().st_size == 0


def test_a_failure_leaves_no_empty_directory(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with pytest.raises(RunFailedError, match="No space left"), sole_user(out):
        full()
    assert not out.exists()

    def begun() -> None:
        (out / "kept").touch()
        raise InputError("bad.")

    with pytest.raises(InputError, match="bad"), sole_user(out):
        begun()
    assert {path.name for path in out.iterdir()} == {NAME, "kept"}
    (out / "kept").unlink()
    with pytest.raises(InputError, match="bad"), sole_user(out):
        raise InputError("bad.")
    assert out.exists(), "made by another"


def test_a_lock_that_was_removed_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened before the process that made the directory failed, taken after."""
    from tellus.io import lock

    original = lock.fcntl.flock

    def late(file: int, how: int) -> None:
        (tmp_path / NAME).unlink()
        original(file, how)

    monkeypatch.setattr(lock.fcntl, "flock", late)
    with pytest.raises(InputError, match="in use by another process"), sole_user(tmp_path):
        pass
