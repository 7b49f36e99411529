"""Several runs at once on one machine: what each of them takes, by default and on one thread.

    tellus bench at-once --solvers direct,refined,surrogate --at-once 1,2,4

Every run is a command of its own, `tellus run`, timed from its start to its end.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from tellus.coupling.solvers.names import make_solver
from tellus.errors import RunFailedError
from tellus.io.busy import background_load
from tellus.io.signals import held
from tellus.solver.grid import Grid

from .harness import THREAD_VARIABLES, origin, timed
from .record import saved
from .spread import Record, Row, Spread

GRID = Grid(512, 128)

SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
"""What is set in the environment."""


def main(
    solvers: Sequence[str],
    at_once: Sequence[int] = (1, 2, 4),
    grid: Grid = GRID,
    steps: int = 300,
    repeats: int = 3,
    out: Path | None = None,
) -> Row:
    """Time runs of the default case.

    Parameters
    ----------
    solvers : sequence of str
    at_once : sequence of int
        Numbers of runs that start together.
    grid : Grid
    steps : int
        Time steps of a run.
    repeats : int
        How often each is timed, all of them in turn, the settings in alternating order.
    out : Path, optional
        File or directory to save the result in.

    Returns
    -------
    dict
        ``results``: a row per solver, number at once and setting, see `AtOnceRow`.

    Raises
    ------
    InputError
        A solver is not known, or not to be had on the grid; nothing has been timed then.
    """
    for name in solvers:
        make_solver(name, grid)
    result = origin(
        "at-once",
        grid=str(grid),
        steps=steps,
        repeats=repeats,
        background_load_percent=background_load(),
    )
    samples: dict[tuple[str, int, str], list[float]] = {}
    for repeat in range(repeats):
        # Whatever comes second finds files in memory and a warm processor.
        order = list(SETTINGS)[:: -1 if repeat % 2 else 1]
        for name, count, setting in product(solvers, at_once, order):
            seconds = _seconds(name, count, SETTINGS[setting], grid, steps)
            samples.setdefault((name, count, setting), []).append(seconds)
    rows = [
        AtOnceRow(solver=name, at_once=count, setting=setting, seconds=Spread.of(taken))
        for (name, count, setting), taken in samples.items()
    ]
    return saved(result | {"results": [row.to_json() for row in rows]}, out)


@dataclass(frozen=True, kw_only=True)
class AtOnceRow(Record):
    """Seconds of the slowest of some runs that start together."""

    solver: str
    at_once: int
    setting: str
    seconds: Spread


WARNING = "tellus: warning: "

SIMPLEST = 'energy = {advection = "van-leer", velocity = "held"}\ntime.courant = 0.5\n'
"""One solve a step."""


def _seconds(name: str, count: int, setting: Mapping[str, str], grid: Grid, steps: int) -> float:
    """Seconds from the start of `count` runs at once to the end of the last."""
    inherited = {key: value for key, value in os.environ.items() if key not in THREAD_VARIABLES}
    with TemporaryDirectory() as scratch:
        case = Path(scratch) / "case.toml"
        case.write_text(
            f"grid = {{nx = {grid.nx}, ny = {grid.ny}}}\n{SIMPLEST}time.max_steps = {steps}\n",
        )
        command = [sys.executable, "-m", "tellus", "run", str(case), "--stokes", name]
        logs = [Path(scratch) / f"{k}.log" for k in range(count)]
        runs: list[subprocess.Popen[bytes]] = []

        def start(log: Path) -> subprocess.Popen[bytes]:
            with log.open("wb") as stderr:
                return subprocess.Popen(
                    [*command, "--out", str(log.with_suffix(""))],
                    env=inherited | dict(setting),
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                )

        def work() -> list[int]:
            with held():  # else a signal could come between a start and its note
                for log in logs:
                    runs.append(start(log))
            return [run.wait() for run in runs]

        try:
            seconds, statuses = timed(work)
        finally:  # none outlives the directory that it writes in
            for run in runs:
                run.kill()
            for run in runs:
                run.wait()
        for status, log in zip(statuses, logs, strict=True):
            if status:
                raise RunFailedError(
                    f"a run with {name} ended with exit status {status}: {_last_words(log)}"
                )
    return seconds


def _last_words(log: Path) -> str:
    """The last line of a run's stderr that warns of nothing."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    reasons = [line for line in lines if not line.startswith(WARNING)]
    return reasons[-1].removeprefix("tellus: ") if reasons else "it said nothing."


if __name__ == "__main__":
    sys.exit("tellus: `tellus bench at-once` measures this.")
