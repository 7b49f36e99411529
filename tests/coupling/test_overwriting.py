"""A run in the place of another: only when asked for, and only where there is one."""

import errno
import os
from pathlib import Path

import pytest

from helpers.rollouts import (
    assert_same,
    case,
    complaint,
    files,
    ran,
    short_run,
    summary,
    tellus,
    write_case,
)
from tellus.coupling.runs.run import run_directory
from tellus.errors import InputError
from tellus.io.lock import sole_user


def test_a_run_replaces_another_when_asked(tmp_path: Path) -> None:
    out, config = tmp_path / "run", write_case(tmp_path / "case.toml", "time.max_steps=2")
    tellus("run", config, "--out", out)
    (out / "note.txt").write_text("mine")
    longer = [config, "--out", out, "--set", "time.max_steps=3", "--set", "model.heating=1"]
    assert "--force" in tellus("run", *longer, status=2).output
    assert summary(out)["steps"] == 2
    tellus("run", *longer, "--force")
    ran(tmp_path / "alone", "time.max_steps=3", "model.heating=1")
    assert_same(out, tmp_path / "alone")
    assert (out / "note.txt").read_text() == "mine"


def test_nothing_is_removed_by_a_run_that_cannot_begin(tmp_path: Path) -> None:
    out = short_run(tmp_path / "run")
    before = files(out)
    refused = {
        "knots 9999 cells apart": case("stokes.solver=refined:9999"),
        "which is read": case("initial.kind=file", f'initial.path="{out}"'),
    }
    for sentence, config in refused.items():
        with pytest.raises(InputError, match=sentence):
            run_directory(config, out, progress=False, overwrite=True)
    with sole_user(out), pytest.raises(InputError, match="another process"):
        ran(out, overwrite=True)
    with pytest.raises(InputError, match="take one"):
        ran(out, resume=True, overwrite=True)
    assert "take one" in tellus("run", out, "--resume", "--force", status=2).output
    assert files(out) == before


def test_nothing_is_removed_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    out = short_run(tmp_path / "run")
    before = files(out)
    monkeypatch.setattr("tellus.io.whole_file.os.replace", refused)
    with pytest.raises(InputError, match="cannot be written"):
        ran(out, overwrite=True)
    assert files(out) == before


def test_what_is_no_run_is_not_replaced(tmp_path: Path) -> None:
    out, config = tmp_path / "mine", write_case(tmp_path / "case.toml", "time.max_steps=1")
    out.mkdir()
    tellus("run", config, "--out", out, "--force")
    other = tmp_path / "other"
    other.mkdir()
    (other / "note.txt").write_text("mine")
    said = complaint("run", config, "--out", other, "--force")
    assert "other is not empty and holds no run to replace: choose another --out." in said
    assert [path.name for path in other.iterdir()] == ["note.txt"]
