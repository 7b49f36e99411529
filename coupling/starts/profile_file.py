"""A start from a profile of T, in a table that a person wrote."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid

NAMES = {"y": "y", "height": "y", "t": "T", "temperature": "T"}
"""What a table may call its columns, in any case."""

Line = tuple[int, list[str]]


def profile_of_file(path: Path, grid: Grid) -> Array:
    """T of height from a table of two columns, y and T, linear in between.

    Commas or white space separate the columns, "#" begins a comment. The first row may name the
    columns, y (or height) and T (or temperature): then they may come in any order, and among
    others. Beyond the first and last y their T holds. Raises InputError for anything else.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # would be waited for, or endless
        raise InputError(f"initial.path: {path} is no file: name a text file of y and T.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"initial.path: {path} cannot be read ({error}); name a text file of y and T."
        ) from error
    table = _table(text, path)
    if len(table) < 2:
        raise InputError(
            f"initial.path: {path} must hold two or more rows of two numbers, y and T."
        )
    if np.min(table[:, 0]) < 0.0 or np.max(table[:, 0]) > 1.0:
        raise InputError(
            f"initial.path: {path} must hold y and T with y, in box heights, from 0 at the bottom "
            "to 1 at the top."
        )
    table = table[np.argsort(table[:, 0], kind="stable")]
    profile = np.interp(grid.y_cells, table[:, 0], table[:, 1])
    return np.repeat(profile[:, None], grid.nx, axis=1)


def _table(text: str, path: Path) -> Array:
    """y and T of every row, shape (rows, 2); InputError for the first line of another kind."""
    names, lines = _named(text.splitlines(), path)
    columns = len(names) or 2
    chosen = [names.index("y"), names.index("T")] if names else [0, 1]
    rows = []
    for number, entries in lines:
        row = [_number(entry) for entry in entries]
        wanted = [row[c] for c in chosen] if len(row) == columns else [None]
        values = [value for value in wanted if value is not None and isfinite(value)]
        if len(values) != 2:
            raise InputError(
                f"initial.path: {path} must hold {_wanted(columns)} in each row, and "
                f'line {number} is "{" ".join(entries)[:60]}".'
            )
        rows.append(values)
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _wanted(columns: int) -> str:
    if columns == 2:
        return "two finite numbers, y and T,"
    return f"a number for each of its {columns} names, finite y and T,"


def _named(texts: Sequence[str], path: Path) -> tuple[list[str], list[Line]]:
    """The names of the columns, none where no row names them, and the rows below."""
    lines: list[Line] = []
    names: list[str] = []
    for number, line in enumerate(texts, start=1):
        content, _, comment = line.partition("#")
        entries, said = _entries(content), _entries(comment)
        if entries and not lines and not names and not any(map(_is_number, entries)):
            names = _known(entries, path)
        elif entries:
            lines.append((number, entries))
        elif not lines and not names and len(said) > 1 and all(w.lower() in NAMES for w in said):
            names = _known(said, path)  # as numpy.savetxt writes them
    return names, lines


def _known(entries: Sequence[str], path: Path) -> list[str]:
    """The names of all columns, with y and T among them; InputError where they are not."""
    names = [NAMES.get(entry.lower(), entry) for entry in entries]
    if names.count("y") != 1 or names.count("T") != 1:
        raise InputError(
            f'initial.path: {path} names its columns "{" ".join(entries)[:60]}", not y and T: '
            "name one y, of height, and one T."
        )
    return names


def _entries(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return _number(text) is not None
