"""JSON that is damaged or hostile is refused in one sentence; what is written is strict."""

import json
from pathlib import Path

import numpy as np
import pytest

from tellus.errors import InputError
from tellus.io.json_file import LARGEST, plain, read_json, read_json_lines, write_json

BAD = {
    "empty": b"",
    "truncated": b'{"a": 1',
    "list": b"[1]",
    "null": b"null",
    "not a number": b'{"a": [NaN]}',
    "infinite": b'{"a": {"b": -Infinity}}',
    "overflows": b'{"a": 1e999}',
    "huge integer": b'{"a": 1' + 30 * b"0" + b"}",
    "endless integer": b'{"a": ' + 5000 * b"1" + b"}",
    "nested a little": b'{"a": ' + 60 * b"[" + 60 * b"]" + b"}",
    "nested a lot": 100_000 * b'{"a":' + b"1" + 100_000 * b"}",
    "not UTF-8": b'{"a": "\xff"}',
    "binary": b"\x00\x01\x02",
}


@pytest.mark.parametrize("kind", BAD)
def test_damaged_files_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes(BAD[kind])
    with pytest.raises(InputError, match=r"card\.json cannot be read .*: copy it again\.$"):
        read_json(tmp_path / "card.json", "copy it again")


def test_what_is_missing_is_not_damaged_what_is_huge_not_parsed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "card.json", "copy it again")
    with (tmp_path / "card.json").open("wb") as stream:
        stream.truncate(LARGEST + 1)
    with pytest.raises(InputError, match="longer than"):
        read_json(tmp_path / "card.json", "copy it again")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="it is no file"):
        read_json(tmp_path / "folder", "copy it again")


def test_lines_are_counted(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"loss": 1}\n{"loss": 2}\n')
    assert read_json_lines(tmp_path / "metrics.jsonl", "remove it") == [{"loss": 1}, {"loss": 2}]
    (tmp_path / "metrics.jsonl").write_text('{"loss": 1}\n{"loss": NaN}\n')
    with pytest.raises(InputError, match="in line 2"):
        read_json_lines(tmp_path / "metrics.jsonl", "remove it")


def test_what_is_written_is_indented_and_finite(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    write_json(file, {"a": [1.5]})
    assert file.read_text() == '{\n "a": [\n  1.5\n ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(file, {"a": float("nan")})
    assert read_json(file, "mend it") == {"a": [1.5]}


def test_plain_is_strict_json() -> None:
    value = {"a": np.float64("nan"), "b": np.arange(2), "c": Path("x"), 1: (np.int64(3), None)}
    assert plain(value) == {"a": None, "b": [0, 1], "c": "x", "1": [3, None]}
    assert json.dumps(plain(value), allow_nan=False)
