"""JSON: results as plain values; what may be damaged, or a stranger's, read within limits."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tellus.errors import InputError
from tellus.io.whole_file import write_atomically

LARGEST = 2**26
"""Bytes of a file; the largest that Tellus writes, a data set's card, has a few million."""

DEEPEST = 50
LARGEST_INTEGER = 2**63 - 1


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The object in a JSON file; `remedy`, what to do about a damaged one, ends the sentence.

    Raises
    ------
    InputError
        It is damaged, holds something else, or numbers that are not finite; is nested deeply,
        or huge.
    FileNotFoundError, NotADirectoryError
        There is none.
    """
    try:
        return parse_json(small_file(path))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({brief(error)}): {remedy}.") from None


def read_json_lines(path: Path, remedy: str) -> list[dict[str, Any]]:
    """The objects in a file with one a line; raises as `read_json` does, naming the line."""
    where = ""
    try:
        found: list[dict[str, Any]] = []
        for line in small_file(path).splitlines():
            where = f" in line {len(found) + 1}"
            found.append(parse_json(line))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read{where} ({brief(error)}): {remedy}.") from None
    return found


def parse_json(text: str | bytes) -> dict[str, Any]:
    """The object that a text holds; ValueError says why it holds none."""
    if len(text) > LARGEST:
        raise ValueError(f"it is longer than {LARGEST} bytes")
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("it holds no JSON object")
    for number in _numbers(content):
        if isinstance(number, int) and abs(number) > LARGEST_INTEGER:
            raise ValueError("it holds an integer that is too large")
        if not math.isfinite(number):
            raise ValueError(f"it holds {number}, which is no finite number")
    return content


def small_file(path: Path, largest: int = LARGEST) -> bytes:
    """A file as a whole; ValueError for one that is far larger than what Tellus writes."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"it is longer than {largest} bytes")
    return content


def write_json(path: Path, content: Any, *, end: str = "\n") -> None:
    """Indented, whole or not at all; ValueError for numbers that are not finite."""
    text = json.dumps(content, indent=1, allow_nan=False)
    write_atomically(path, f"{text}{end}".encode())


def optional() -> Any:
    """A field of a `Record` that its JSON lacks where there is nothing to say."""
    return field(default=None, metadata={"optional": True})


@dataclass(frozen=True, kw_only=True)
class Record:
    """Base of what results are made of; a field called `from_` is the key "from"."""

    def to_json(self, name: str = "") -> dict[str, Any]:
        """A key for each field; a record within this one, as its field `name`, has its own."""
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Record):
                found |= value.to_json(each.name)
            elif value is not None or "optional" not in each.metadata:
                found[each.name.rstrip("_")] = value
        return found


def plain(value: Any) -> Any:
    """Strict JSON: records to objects, paths to strings, what is not finite to null."""
    if isinstance(value, Record):
        return plain(value.to_json())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def brief(error: Exception) -> str:
    """One short line of what is wrong, with its kind where the text alone says nothing."""
    text = str(getattr(error, "strerror", None) or error)
    said = " ".join(text.split())[:200].rstrip(".")
    return said if isinstance(error, ValueError | OSError) and said else repr(error)[:200]


def _numbers(content: dict[str, Any]) -> Iterator[float]:
    """All numbers in it, level by level, as a stranger's nesting knows no bounds."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int | float):
                yield value
        level = below
    if level:
        raise ValueError("it is nested too deeply")
