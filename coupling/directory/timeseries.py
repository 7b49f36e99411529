"""timeseries.csv: one row a step, never twice."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np

from tellus.errors import InputError
from tellus.io.json_file import brief, small_file
from tellus.io.recognised import lost
from tellus.io.whole_file import not_followed, sync, write_atomically
from tellus.solver.diagnostics import Diagnostics
from tellus.solver.grid import Array

NAME = "timeseries.csv"
COLUMNS = ("step", "time", "dt", *(f.name for f in fields(Diagnostics)))
HEADER = ",".join(COLUMNS) + "\n"
NEEDED = ("step", "time", "mean_temperature", "nusselt_top", "nusselt_bottom", "vrms")
"""Columns that every version has written."""

LARGEST_TEXT = 2**30
"""Bytes; a time series of millions of steps has a few hundred million."""

REMEDY = "resume the run with `tellus run --resume`, or run it anew"


class TimeSeries:
    """Appends rows; floats are written so that reading them back gives the same bits."""

    def __init__(self, run: Path, rows: str = HEADER) -> None:
        write_atomically(run / NAME, rows.encode())
        self._digest = hashlib.sha256(rows.encode())
        self._file = open(  # noqa: SIM115
            run / NAME, "a", encoding="utf-8", newline="", opener=not_followed
        )

    def append(self, *values: float) -> None:
        """Write one row, in the order of `COLUMNS`."""
        row = ",".join(map(repr, values)) + "\n"
        self._file.write(row)
        self._digest.update(row.encode())

    @property
    def digest(self) -> str:
        """SHA-256 of the header and all rows."""
        return self._digest.hexdigest()

    def sync(self) -> None:
        """Wait until all rows are on disk."""
        self._file.flush()
        sync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def rows_until(run: Path, step: int, digest: str | None = None) -> str:
    """The header and the rows of steps 1 to `step` of a run that goes on.

    With `digest`, that of these rows.

    Raises
    ------
    InputError
        One of them is missing, damaged or another run's.
    """
    path = run / NAME
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): start the run anew.") from error
    # The piece after the last newline is a row cut short by a kill, or nothing.
    lines = text.split("\n")[:-1][: step + 1]
    for number, line in enumerate(lines):
        if not (_is_row(line, number) if number else line + "\n" == HEADER):
            raise InputError(f"{path} is damaged at line {number + 1}: start the run anew.")
    if len(lines) < step + 1:
        raise InputError(
            f"{path} has {max(len(lines) - 1, 0)} of the {step} rows before the checkpoint: "
            "start the run anew."
        )
    rows = "".join(line + "\n" for line in lines)
    if digest is not None and hashlib.sha256(rows.encode()).hexdigest() != digest:
        raise InputError(
            f"{path} is damaged or of another run: its rows before the checkpoint are not those "
            "that this run wrote; copy it again, or start the run anew."
        )
    return rows


def columns(rows: str) -> dict[str, Array]:
    """The columns of a header and its rows, by name; ValueError where they are damaged."""
    header, *lines = rows.splitlines() or [""]
    names = header.split(",")
    table = [[float(value) for value in line.split(",")] for line in lines]
    if any(len(row) != len(names) for row in table):
        raise ValueError("a row is longer or shorter than the header")
    values = np.array(table, dtype=np.float64).reshape(len(table), len(names))
    return {name: values[:, k] for k, name in enumerate(names)}


def read_series(run: Path, steps: int = 0) -> Mapping[str, Array]:
    """The columns of a run's time series, up to the last finite row, whole rows alone.

    `steps` of them were taken at least.

    Raises
    ------
    InputError
        It is missing, damaged or truncated, or holds no row yet.
    """
    file = run / NAME
    text = _whole_lines(read_text(file))
    if not text:
        raise InputError(f"{file}: truncated or damaged (it has no header); {REMEDY}.")
    check_whole(run, text.count("\n") - 1, steps)
    if text.count("\n") < 2:
        raise InputError(f"{file}: the run has taken no step yet; let it go on first.")
    missing = {*NEEDED} - {*text.partition("\n")[0].split(",")}
    if missing:
        raise InputError(f"{file}: the columns {', '.join(sorted(missing))} are missing; {REMEDY}.")
    try:
        series = columns(text)
    except ValueError as error:
        raise InputError(f"{file}: truncated or damaged ({error}); {REMEDY}.") from error
    kept = np.array([series[name] for name in ("step", "time", "mean_temperature")])
    finite = np.logical_and.accumulate(np.isfinite(kept).all(axis=0))
    if not finite.any() or np.any(np.diff(series["time"][finite]) <= 0):
        raise InputError(f"{file}: its times do not increase, or nothing is finite; {REMEDY}.")
    return {name: column[finite] for name, column in series.items()}


def check_whole(run: Path, rows: int, steps: int) -> None:
    """Raise InputError where a time series has fewer rows than so many steps wrote."""
    if rows < steps:
        raise InputError(
            f"{run / NAME}: truncated or damaged (it has {rows} rows, and {steps} steps were "
            f"taken); {REMEDY}."
        )


def last_row(run: Path) -> dict[str, str]:
    """The last whole row by column, empty where there is none; a killed run may have begun another.

    A row that was cut off may look whole: only what a line's end follows is.
    """
    file = run / NAME
    header, *lines = _whole_lines(read_text(file) if file.exists() else "").splitlines() or [""]
    names = header.split(",")
    rows = (line.split(",") for line in reversed(lines))
    return next((dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)), {})


def read_text(file: Path) -> str:
    """A small file of a run directory.

    Raises
    ------
    InputError
        Naming the file that is missing or damaged, and the remedy.
    """
    try:
        return small_file(file, LARGEST_TEXT).decode()
    except FileNotFoundError as error:
        raise lost(file) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({brief(error)}); run it anew.") from error


def _whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def _is_row(line: str, step: int) -> bool:
    try:
        first, *others = line.split(",")
        return int(first) == step and len(list(map(float, others))) == len(COLUMNS) - 1
    except ValueError:
        return False
