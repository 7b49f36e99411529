"""Several runs at once on one machine: what each of them takes, by default and on one thread.

    python -m tellus.benchmarks.at_once --solvers direct,refined,surrogate --at-once 1,2,4

Every run is a command of its own, `tellus run`, timed from its start to its end.
"""

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from tellus.coupling.runs.provenance import provenance
from tellus.errors import RunFailedError
from tellus.io.busy import BUSY_PERCENT, background_load

from .record import save

MODULE = "tellus.benchmarks.at_once"

SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
"""What is set in the environment."""

SHARE = "default over one alone, a core each"
"""Of a machine that several runs share without loss it is 1, whatever their number."""

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Row = dict[str, Any]


def main(
    solvers: Sequence[str],
    at_once: Sequence[int] = (1, 2, 4),
    grid: str = "512x128",
    steps: int = 300,
    repeats: int = 3,
    out: Path | None = None,
) -> dict[str, Any]:
    """Time runs of the default case.

    Parameters
    ----------
    solvers : sequence of str
    at_once : sequence of int
        Numbers of runs that start together.
    grid : str
        NXxNY.
    steps : int
        Time steps of a run.
    repeats : int
        How often each is timed, all of them in turn, the settings in alternating order.
    out : Path, optional
        File or directory to save the result in.

    Returns
    -------
    dict
        ``results``: a row per solver, number at once and setting, with the seconds of the slowest
        of the runs: median, smallest and largest.
    """
    busy = background_load()
    samples: dict[tuple[str, int, str], list[float]] = {}
    for repeat in range(repeats):
        for name in solvers:
            for count in at_once:
                # Whatever comes second finds files in memory and a warm processor.
                for setting in list(SETTINGS)[:: -1 if repeat % 2 else 1]:
                    seconds = _seconds(name, count, SETTINGS[setting], grid, steps)
                    samples.setdefault((name, count, setting), []).append(seconds)
    result = {
        "benchmark": "at-once",
        "grid": grid,
        "steps": steps,
        "repeats": repeats,
        "background_load_percent": busy,
        **provenance(),
        "results": [
            {
                "solver": name,
                "at_once": count,
                "setting": setting,
                "seconds": median(taken),
                "seconds_min": min(taken),
                "seconds_max": max(taken),
            }
            for (name, count, setting), taken in samples.items()
        ],
    }
    if out is not None:
        save(result, out)
    return result


def _seconds(name: str, count: int, setting: Mapping[str, str], grid: str, steps: int) -> float:
    """From the start of all to the end of the last."""
    nx, ny = grid.split("x")
    changes = (f"grid.nx={nx}", f"grid.ny={ny}", f"time.max_steps={steps}")
    settings = [word for change in changes for word in ("--set", change)]
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    with TemporaryDirectory() as scratch:
        case = Path(scratch) / "case.toml"
        case.touch()
        command = [sys.executable, "-m", "tellus", "run", str(case), "--stokes", name, *settings]
        start = perf_counter()
        runs = [
            subprocess.Popen(
                [*command, "--out", f"{scratch}/{k}"],
                env=environment | dict(setting),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for k in range(count)
        ]
        statuses = [run.wait() for run in runs]
        seconds = perf_counter() - start
    if any(statuses):
        raise RunFailedError(f"a run with {name} ended with exit status {max(statuses)}.")
    return seconds


def table(result: Mapping[str, Any]) -> Table:
    """A row per solver and number at once, the settings side by side."""
    view = Table(title=f"seconds of {result['steps']} steps, whole commands", title_justify="left")
    view.add_column("solver")
    for heading in ("runs at once", *(f"{setting}, s" for setting in SETTINGS), SHARE):
        view.add_column(heading, justify="right")
    machine, busy = result["machine"], result["background_load_percent"]
    rows = {(r["solver"], r["at_once"], r["setting"]): r["seconds"] for r in result["results"]}
    for name, count in dict.fromkeys((r["solver"], r["at_once"]) for r in result["results"]):
        default, one = (rows[name, count, setting] for setting in SETTINGS)
        alone = rows.get((name, 1, "one thread"))
        in_turn = None if alone is None else alone * max(1.0, count / machine["cores"])
        share = "-" if in_turn is None else f"{default / in_turn:.2f}"
        view.add_row(name, str(count), f"{default:.1f}", f"{one:.1f}", share)
    shared = f"; {busy:.0f} % of it busy with other work" if busy > BUSY_PERCENT else ""
    view.caption = (
        f"{result['steps']} steps at {result['grid']}, {machine['processor']}, "
        f"{machine['cores']} cores{shared}; median of {result['repeats']}; tellus run, with its "
        "start and its outputs"
    )
    view.caption_justify = "left"
    return view


def _arguments() -> Namespace:
    parser = ArgumentParser(prog=f"python -m {MODULE}", description="Time several runs at once.")
    parser.add_argument("--solvers", default="direct,refined,surrogate", help="NAME[,...]")
    parser.add_argument("--at-once", default="1,2,4", help="numbers of runs")
    parser.add_argument("--grid", default="512x128", help="NXxNY")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="save as JSON in this file or directory")
    return parser.parse_args()


if __name__ == "__main__":
    wanted = _arguments()
    counts = [int(text) for text in wanted.at_once.split(",")]
    found = main(
        wanted.solvers.split(","), counts, wanted.grid, wanted.steps, wanted.repeats, wanted.out
    )
    Console().print(table(found))
