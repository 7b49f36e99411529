"""A start from a profile of T, in a table that a person wrote."""

from math import isfinite
from pathlib import Path

import numpy as np

from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid


def profile_of_file(path: Path, grid: Grid) -> Array:
    """T of height from a table of two columns, y and T, linear in between.

    Commas or white space separate the columns, "#" begins a comment, and the first row may name
    the columns. Beyond the first and last y their T holds.
    """
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
    """The rows of two numbers, shape (rows, 2); InputError for the first line of another kind."""
    lines = [
        (number, line.partition("#")[0].replace(",", " ").split())
        for number, line in enumerate(text.splitlines(), start=1)
    ]
    lines = [(number, entries) for number, entries in lines if entries]
    if lines and all(_number(entry) is None for entry in lines[0][1]):
        del lines[0]  # the names of the columns
    rows = [[_number(entry) for entry in entries] for _, entries in lines]
    for (number, entries), row in zip(lines, rows, strict=True):
        if len(row) != 2 or not all(value is not None and isfinite(value) for value in row):
            raise InputError(
                f"initial.path: {path} must hold two finite numbers, y and T, in each row, and "
                f'line {number} is "{" ".join(entries)[:60]}".'
            )
    return np.array(rows, dtype=np.float64)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
