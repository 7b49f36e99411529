"""The directory of a training: one process at a time, refused before data are read, never mixed."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import Result

from helpers.cards import card_of
from helpers.rollouts import tellus
from tellus.io.lock import NAME, sole_user
from tellus.solver.grid import Grid
from tellus.surrogate import files
from tellus.surrogate.two_level import examples
from tellus.surrogate.two_level.model import SHIPPED

TINY = (
    '[model]\nkind = "multi-scale"\n[network]\nfilters = 4\nlevels = 2\nconvolutions = 1\n'
    "[training]\nepochs = 1\nbatch_size = 8\n"
)


def train(data: Path, out: Path, *more: str, settings: str = TINY, status: int = 2) -> Result:
    config = data.parent / "tiny.toml"
    config.write_text(settings)
    return tellus("train", config, "--data", data, "--out", out, *more, status=status)


def test_two_trainings_keep_out_of_each_others_directory(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    with sole_user(out):
        for more in ((), ("--resume",)):
            refused = train(dataset, out, *more)
            assert "in use by another process" in refused.stderr
            assert "reading" not in refused.stdout
        assert [path.name for path in out.iterdir()] == [NAME]
    train(dataset, out, status=0)


def test_a_place_that_cannot_be_is_refused_before_data_are_read(
    dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("precious")
    for out in (tmp_path / "file", tmp_path / "file" / "model", Path("/proc/model")):
        refused = train(dataset, out)
        assert refused.stderr.count("\n") == 1
        assert str(out) in refused.stderr
        assert "reading" not in refused.stdout
    assert (tmp_path / "file").read_text() == "precious"


def test_other_peoples_directories_get_no_lock(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    train(dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


@pytest.mark.parametrize("call", [1, 2])
def test_weights_and_card_are_replaced_together(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full before one of the two is down."""
    card = files.read_card(SHIPPED / files.CARD)
    files.write_model(tmp_path, {"w": torch.zeros(3)}, card | {"epoch": 1})
    synced, original = iter(range(1, 9)), os.fsync

    def sync(file: int) -> None:
        if next(synced) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(file)

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match="No space") as failure:
        files.write_model(tmp_path, {"w": torch.ones(3)}, card | {"epoch": 2})
    named = files.CARD if call == 1 else files.WEIGHTS
    assert failure.value.filename == str(tmp_path / named)
    assert files.read_model(tmp_path).card["epoch"] == 1
    assert {path.name for path in tmp_path.iterdir()} == {files.WEIGHTS, files.CARD}


def test_trainings_share_the_base_solutions_of_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes the same file, and finishes, while this one is at it."""
    file, grid, savez = tmp_path / "cache" / "sim.npz", Grid(4, 4, 1.0), np.savez
    values = {"scale": np.ones(2), **dict.fromkeys(("psi", "residual"), np.ones((2, *grid.nodes)))}

    def slow(stream: Any, **arrays: Any) -> None:
        monkeypatch.setattr(examples.np, "savez", savez)
        examples._write_cache(file, "key", values)
        savez(stream, **arrays)

    monkeypatch.setattr(examples.np, "savez", slow)
    examples._write_cache(file, "key", values)
    assert examples._read_cache(file, "key", 2, grid) is not None
    assert examples._read_cache(file, "key", 3, grid) is None
    assert [path.name for path in file.parent.iterdir()] == ["sim.npz"]


def test_a_data_set_that_cannot_be_written_is_trained_on(dataset: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(dataset, data, ignore=shutil.ignore_patterns("cache"))
    (data / "cache").touch()
    two_level = '[base]\nsolver = "coarse:2"\n[network]\nwidths = [4]\n[training]\nepochs = 1\n'
    said = train(data, tmp_path / "m", settings=two_level, status=0).stderr
    assert "could not be kept" in said
    assert card_of(tmp_path / "m")["kind"] == "two-level"
