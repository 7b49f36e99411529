"""What is begun is nobody else's, whoever made the directory."""

import os
import threading
from pathlib import Path

import pytest

from tellus.errors import InputError
from tellus.io.whole_file import (
    clear_partials,
    entries,
    folder_aside,
    not_followed,
    own_folder,
    written_aside,
)

TOKEN = 16 * "0"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A file that nothing may touch."""
    file = tmp_path / "elsewhere" / "precious"
    file.parent.mkdir()
    file.write_text("precious")
    return file


def write(path: Path, content: bytes = b"new") -> None:
    with written_aside(path) as stream:
        stream.write(content)


def begun(folder: Path) -> list[Path]:
    return list(folder.rglob("*.partial"))


def test_links_are_replaced_not_followed(tmp_path: Path, elsewhere: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a.json", "a.json.partial", ".a.json.partial"):
        (out / name).symlink_to(elsewhere)
    write(out / "a.json")
    assert elsewhere.read_text() == "precious"
    assert not (out / "a.json").is_symlink()
    assert (out / "a.json").read_bytes() == b"new"


def test_names_are_new_ones(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one who guesses the name gains nothing."""
    monkeypatch.setattr("secrets.token_hex", lambda size: TOKEN)
    for planted in (tmp_path / f"a.json.{TOKEN}.partial", tmp_path / f"a.zarr.{TOKEN}.partial"):
        planted.symlink_to(elsewhere)
    with pytest.raises(FileExistsError):
        write(tmp_path / "a.json")
    with pytest.raises(FileExistsError), folder_aside(tmp_path / "a.zarr"):
        pass
    assert elsewhere.read_text() == "precious"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with written_aside(path) as first:
        first.write(b"first")
        writer = threading.Thread(target=write, args=(path, b"second"))
        writer.start()
        writer.join()
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert not begun(tmp_path)


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path: Path, elsewhere: Path) -> None:
    left, other = tmp_path / f"a[1].json.{TOKEN}.partial", tmp_path / f"b.json.{TOKEN}.partial"
    left.write_text("{")
    other.write_text("{")
    mine = tmp_path / "a[1].json.partial"
    mine.write_text("a person's")
    link = tmp_path / f"a[1].json.{16 * '1'}.partial"
    link.symlink_to(elsewhere)
    write(tmp_path / "a[1].json")
    assert not left.exists()
    assert {*begun(tmp_path)} == {other, mine, link}
    assert entries(tmp_path) == {"a[1].json", "a[1].json.partial", "elsewhere"}


def test_clearing_takes_what_is_named_and_no_links(tmp_path: Path, elsewhere: Path) -> None:
    for name in ("a.npz.partial", f"b.npz.{TOKEN}.partial", "notes.partial"):
        (tmp_path / name).write_text("begun")
    (tmp_path / "sim_003.partial-1" / "psi").mkdir(parents=True)
    (tmp_path / "linked.npz.partial").symlink_to(elsewhere)
    (tmp_path / "sim_004.partial-1").symlink_to(elsewhere.parent)
    clear_partials(tmp_path, "*.npz", "sim_*")
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"elsewhere", "notes.partial", "linked.npz.partial", "sim_004.partial-1"}
    assert elsewhere.read_text() == "precious"


def test_a_folder_aside_leaves_nothing(tmp_path: Path) -> None:
    with folder_aside(tmp_path / "a.zarr") as folder:
        (folder / "zarr.json").write_text("{}")
        folder.rename(tmp_path / "a.zarr")
    with folder_aside(tmp_path / "b.zarr") as folder:
        (folder / "zarr.json").write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_linked_folders_are_refused_and_linked_files_not_appended_to(
    tmp_path: Path, elsewhere: Path
) -> None:
    for target in (elsewhere.parent, tmp_path / "nothing"):
        (link := tmp_path / "checkpoints").symlink_to(target)
        with pytest.raises(InputError, match="checkpoints is a link"):
            own_folder(link)
        link.unlink()
    for target in (elsewhere, tmp_path / "nothing"):
        (link := tmp_path / "metrics.jsonl").symlink_to(target)
        with pytest.raises(OSError, match="symbolic links"):
            not_followed(str(link), os.O_WRONLY | os.O_CREAT)
        link.unlink()
    assert not (tmp_path / "nothing").exists()


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "a.json")
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640
