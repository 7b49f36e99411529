"""timeseries.csv: one row a step, never twice."""

import os
from dataclasses import astuple, fields
from pathlib import Path

from tellus.solver.diagnostics import Diagnostics
from tellus.solver.errors import InputError

from .checkpoint import write_atomically
from .simulation import StepRecord

NAME = "timeseries.csv"
COLUMNS = ("step", "time", "dt", *(f.name for f in fields(Diagnostics)))


class TimeSeries:
    """Appends rows; floats are written so that reading them back gives the same bits."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", newline="")

    @classmethod
    def create(cls, run: Path) -> "TimeSeries":
        """A new file with its header."""
        write_atomically(run / NAME, (",".join(COLUMNS) + "\n").encode())
        return cls(run / NAME)

    @classmethod
    def resume(cls, run: Path, step: int) -> "TimeSeries":
        """The file of a run that goes on, without the rows after `step`."""
        path = run / NAME
        try:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read ({error}): start the run anew.") from error
        rows = [line for line in lines[1:] if line.endswith("\n")]
        kept = [row for row in rows if _step(row, path) <= step]
        if not lines or len(kept) < step:
            raise InputError(
                f"{path} has {len(kept)} of the {step} rows before the checkpoint: start the run "
                "anew."
            )
        write_atomically(path, "".join([lines[0], *kept]).encode())
        return cls(path)

    def append(self, record: StepRecord) -> None:
        """Write one row."""
        values = (record.step, record.time, record.dt, *astuple(record.diagnostics))
        self._file.write(",".join(map(repr, values)) + "\n")

    def sync(self) -> None:
        """See that all rows are on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def _step(row: str, path: Path) -> int:
    try:
        return int(row.partition(",")[0])
    except ValueError:
        raise InputError(f"{path} is damaged at {row!r}: start the run anew.") from None
