"""Memory for a result of `bench stokes` that was timed with --no-memory.

    python -m tellus.benchmarks.add_memory benchmarks/results/stokes-PROCESSOR-1-thread.json

Unlike seconds it can be measured on a machine that is busy. Each solver is asked on the finest
grid that it did, which the tables show; the result says at which commit.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellus.coupling.runs.provenance import git_hash
from tellus.errors import InputError

from .fields import Case, sequences
from .grids import grids_of
from .memory import memory_of
from .record import read_result, save
from .stokes_views import by_solver


def fill(result: dict[str, Any], path: Path) -> None:
    """Write `memory_mib` into the rows that lack it, and where it was measured.

    Raises InputError, which names the file, for another benchmark's result.
    """
    if result.get("benchmark") != "stokes":
        raise InputError(f"{path}: memory is measured for results of bench stokes alone.")
    case = Case(**result["case"])
    finest = [rows[-1] for rows in by_solver(result["results"]).values()]
    lacking = [row for row in finest if row["memory_mib"] is None]
    for name in dict.fromkeys(row["grid"] for row in lacking):
        rows = {row["solver"]: row for row in lacking if row["grid"] == name}
        (grid,) = grids_of(name)
        problem = sequences(grid, case)[0][-1]
        for solver, found in memory_of(rows, problem, case, result["threads"]).items():
            rows[solver]["memory_mib"] = found if isinstance(found, float) else None
    if lacking:
        result["memory_git"] = git_hash()


def command(paths: Sequence[str]) -> int:
    """The command line; the exit status."""
    try:
        for path in map(Path, paths):
            result = read_result(path)
            fill(result, path)
            save(result, path)
    except InputError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tellus.benchmarks.add_memory", description=__doc__)
    parser.add_argument("paths", nargs="+", help="results of `tellus bench stokes --no-memory`")
    sys.exit(command(parser.parse_args().paths))
