"""timeseries.csv: one row a step, never twice."""

import hashlib
from dataclasses import astuple, fields
from pathlib import Path

from tellus.coupling.simulation.loop import StepRecord
from tellus.errors import InputError
from tellus.io.whole_file import not_followed, sync, write_atomically
from tellus.solver.diagnostics import Diagnostics

NAME = "timeseries.csv"
COLUMNS = ("step", "time", "dt", *(f.name for f in fields(Diagnostics)))
HEADER = ",".join(COLUMNS) + "\n"


class TimeSeries:
    """Appends rows; floats are written so that reading them back gives the same bits."""

    def __init__(self, run: Path, rows: str = HEADER) -> None:
        write_atomically(run / NAME, rows.encode())
        self._digest = hashlib.sha256(rows.encode())
        self._file = open(  # noqa: SIM115
            run / NAME, "a", encoding="utf-8", newline="", opener=not_followed
        )

    def append(self, record: StepRecord) -> None:
        """Write one row."""
        values = (record.step, record.time, record.dt, *astuple(record.diagnostics))
        row = ",".join(map(repr, values)) + "\n"
        self._file.write(row)
        self._digest.update(row.encode())

    @property
    def digest(self) -> str:
        """SHA-256 of the header and all rows."""
        return self._digest.hexdigest()

    def sync(self) -> None:
        """See that all rows are on disk."""
        self._file.flush()
        sync(self._file.fileno())

    def close(self) -> None:
        """Flush and close."""
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


def _is_row(line: str, step: int) -> bool:
    try:
        first, *others = line.split(",")
        return int(first) == step and len(list(map(float, others))) == len(COLUMNS) - 1
    except ValueError:
        return False
