"""Checkpoints: what is damaged is never read, and there is always one before."""

import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers.rollouts import steps_of
from tellus.coupling.directory.checkpoint import (
    FOLDER,
    has_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from tellus.coupling.runs.run import _checked
from tellus.errors import InputError

Arrays = dict[str, np.ndarray[Any, Any]]


@contextmanager
def directory() -> Iterator[Path]:
    """A fresh one for every example."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def arrays(step: int) -> Arrays:
    return {"steps": np.array(step), "temperature": np.linspace(0.0, 1.0, 12).reshape(3, 4) + step}


@given(
    st.dictionaries(
        st.text("abcxyz_/", min_size=1, max_size=8).filter(lambda name: name.strip("/") == name),
        hnp.arrays(
            st.sampled_from([np.dtype("f8"), np.dtype("i8"), np.dtype("f4"), np.dtype("?")]),
            hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
        ),
        max_size=4,
    )
)
def test_what_is_read_is_what_was_written(content: Arrays) -> None:
    with directory() as run:
        write_checkpoint(run, 7, content, keep=2)
        back = read_checkpoint(run, pytest.fail)
    assert back.keys() == content.keys()
    for name, values in content.items():
        assert (back[name].dtype, back[name].shape) == (values.dtype, values.shape)
        assert back[name].tobytes() == values.tobytes()


@st.composite
def damage(draw: st.DrawFn, size: int) -> Any:
    """A function from whole bytes to damaged ones: cut short, a bit flipped, or lengthened."""
    kind = draw(st.sampled_from(["cut", "flip", "append", "zero"]))
    position = draw(st.integers(0, size - 1))
    bit = draw(st.integers(0, 7))

    def change(content: bytes) -> bytes:
        at = position % len(content)
        if kind == "cut":
            return content[:at]
        if kind == "append":
            return content + bytes([bit])
        if kind == "zero":
            # A page that never reached the disk.
            return content[:at] + bytes(len(content) - at) if any(content[at:]) else b""
        return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]

    return change


SIZE = 2000


@given(damage(SIZE), damage(SIZE))
def test_any_damage_is_found_and_the_one_before_used_where_it_is_whole(
    change: Any, another: Any
) -> None:
    with directory() as run:
        early, late = (write_checkpoint(run, step, arrays(step), keep=2) for step in (10, 20))
        late.write_bytes(change(late.read_bytes()))
        warnings: list[str] = []
        assert int(read_checkpoint(run, warnings.append)["steps"]) == 10
        assert len(warnings) == 1
        assert str(late) in warnings[0]
        assert "damaged" in warnings[0]
        early.write_bytes(another(early.read_bytes()))
        assert has_checkpoint(run)
        with pytest.raises(InputError, match="no whole checkpoint"):
            read_checkpoint(run, warnings.append)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(2, 4))
def test_the_newest_ones_are_kept_and_a_past_that_was_left_is_not(
    steps: list[int], keep: int
) -> None:
    """A run that goes back to an earlier step, behind a damaged file, leaves no later one."""
    expected: list[int] = []
    with directory() as run:
        for step in steps:
            path = write_checkpoint(run, step, arrays(step), keep)
            expected = sorted([*(old for old in expected if old < step), step])[-keep:]
            assert path.exists()
            assert steps_of(run) == expected
            assert int(read_checkpoint(run, pytest.fail)["steps"]) == step


def test_a_billion_steps_are_newer_than_fewer_and_than_none(tmp_path: Path) -> None:
    assert not has_checkpoint(tmp_path)
    with pytest.raises(InputError, match="no whole checkpoint"):
        read_checkpoint(tmp_path, pytest.fail)
    for step in (999_999_999, 1_000_000_000):
        path = write_checkpoint(tmp_path, step, arrays(step), keep=2)
        assert path.name.startswith(f"step-{step:09}-")
    assert int(read_checkpoint(tmp_path, pytest.fail)["steps"]) == 1_000_000_000


def test_leftovers_are_ignored_and_cleared(tmp_path: Path) -> None:
    whole = write_checkpoint(tmp_path, 10, arrays(10), keep=2)
    leftover = whole.with_name(f"step-000000020-{'0' * 16}.npz.partial")
    leftover.write_bytes(whole.read_bytes()[:100])
    (tmp_path / FOLDER / "notes.txt").write_text("mine")
    assert int(read_checkpoint(tmp_path, pytest.fail)["steps"]) == 10
    write_checkpoint(tmp_path, 30, arrays(30), keep=2)
    assert not leftover.exists()
    assert (tmp_path / FOLDER / "notes.txt").exists()


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("kind", ["pickle", "object array"])
def test_a_pickle_is_not_loaded_even_under_a_right_name(kind: str, tmp_path: Path) -> None:
    trace = tmp_path / "exploded"
    whole = write_checkpoint(tmp_path, 10, arrays(10), keep=2)
    bomb = tmp_path / "bomb"
    if kind == "pickle":
        bomb.write_bytes(pickle.dumps(Bomb(trace)))
    else:
        with bomb.open("wb") as file:
            np.savez(file, temperature=np.array([Bomb(trace)], dtype=object))
    pickled = bomb.read_bytes()
    digest = sha256(pickled).hexdigest()[:16]
    (whole.parent / f"step-000000020-{digest}.npz").write_bytes(pickled)
    warnings: list[str] = []
    assert int(read_checkpoint(tmp_path, warnings.append)["steps"]) == 10
    assert len(warnings) == 1
    assert not trace.exists()


def test_objects_are_not_written_either(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        write_checkpoint(tmp_path, 1, {"mine": np.array([{}], dtype=object)}, keep=2)
    assert list((tmp_path / FOLDER).iterdir()) == []


WHOLE: dict[str, Any] = {
    "temperature": np.zeros((4, 8)),
    "clock": np.array([0.0, np.inf]),
    "steps": np.array(3),
    "ledger": np.array("{}"),
}


@pytest.mark.parametrize(
    "damage",
    [
        {"steps": np.array(-60000)},
        {"steps": np.array(1.5)},
        {"clock": np.array([np.nan, 1e-4])},
        {"clock": np.zeros(3)},
        {"temperature": np.full((4, 8), np.inf)},
        {"temperature": np.zeros(32)},
        {"ledger": np.array(1)},
    ],
)
def test_what_no_run_wrote_is_refused(damage: dict[str, Any]) -> None:
    """A checkpoint with the right digest in its name may still hold it."""
    assert _checked(WHOLE) is WHOLE
    with pytest.raises(ValueError, match=next(iter(damage))):
        _checked(WHOLE | damage)
