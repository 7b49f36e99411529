"""Do two processes solve faster than one, on grids that outgrow a small machine?

    python -m tellus.benchmarks.mpi --grids 1024x256,2048x512 --ranks 1,2 --out benchmarks/results

Every number of ranks is a process group of its own, one thread per rank, and solves the same
temperatures in turn: those of a real run on a coarser grid, interpolated.
"""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tellus.coupling.runs.provenance import provenance
from tellus.errors import RunFailedError
from tellus.io.busy import Watch
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import regridded
from tellus.solver.mumps.solver import MumpsSolver
from tellus.solver.stokes import StokesProblem, StokesReport, flow_from_psi, relative_velocity_error

from .fields import CASE, problems
from .record import save
from .spread import Spread

SOURCE = Grid(512, 128)
"""Where the temperatures come from: on the grids timed here a run would take hours."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

MODULE = "tellus.benchmarks.mpi"

Row = dict[str, Any]


def main(
    grids: Sequence[Grid],
    ranks: Sequence[int] = (1, 2),
    solvers: Sequence[str] = ("mumps",),
    repeats: int = 5,
    out: Path | None = None,
    source: Grid = SOURCE,
) -> dict[str, Any]:
    """Time solves on several numbers of processes.

    Parameters
    ----------
    grids : sequence of Grid
    ranks : sequence of int
        Numbers of processes, the first the one that speed-ups refer to.
    solvers : sequence of str
        MUMPS solvers by name.
    repeats : int
        Timed solves each.
    out : Path, optional
        File or directory to save the result in.
    source : Grid
        The grid of the run that the temperatures come from.

    Returns
    -------
    dict
        ``results``: a row per grid, solver and number of ranks, with seconds by phase, the
        memory that MUMPS used in all ranks, the speed-up, and the velocity difference to the
        first number of ranks.
    """
    problems(source)  # made once, for all that follow
    rows: list[Row] = []
    with TemporaryDirectory() as scratch:
        for grid in grids:
            for name in solvers:
                rows += _row_per_count((source, grid), name, ranks, repeats, Path(scratch))
    result = {
        "benchmark": "mpi",
        "grid": ",".join(map(str, grids)),
        "repeats": repeats,
        "fields_from": str(source),
        **provenance(),
        "threads": 1,
        "results": rows,
    }
    if out is not None:
        save(result, out)
    return result


def _row_per_count(
    grids: tuple[Grid, Grid], name: str, ranks: Sequence[int], repeats: int, scratch: Path
) -> list[Row]:
    rows: list[Row] = []
    reference: Array | None = None
    for count in ranks:
        row, psi = _launched(grids, name, count, repeats, scratch)
        reference = psi if reference is None else reference
        flows = [flow_from_psi(field, grids[1], StokesReport(name)) for field in (psi, reference)]
        row["difference"] = relative_velocity_error(*flows)
        rows.append(row)
        row["speedup"] = rows[0]["seconds"] / row["seconds"]
    return rows


def _launched(
    grids: tuple[Grid, Grid], name: str, count: int, repeats: int, scratch: Path
) -> tuple[Row, Array]:
    """The row of one number of ranks, and the stream function that they found."""
    answer, psi = scratch / "row.json", scratch / "psi.npy"
    asked = [*map(str, grids), name, str(repeats), str(answer), str(psi)]
    command = ["mpirun", "-n", str(count), sys.executable, "-m", MODULE, "--one", *asked]
    environment = os.environ | ONE_THREAD
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        raise RunFailedError(f"{' '.join(command[:3])} failed for {name} at {grids[1]}.")
    row: Row = json.loads(answer.read_text(encoding="utf-8"))
    return {"grid": str(grids[1]), "solver": name, "ranks": count, **row}, np.load(psi)


def one(source: Grid, grid: Grid, name: str, repeats: int, answer: Path, psi: Path) -> None:
    """What each process group does; only its first process comes back from the solver."""
    states = [_carried_to(grid, problem) for problem in problems(source)]
    start = perf_counter()
    solver = MumpsSolver(grid, name)
    setup = perf_counter() - start
    solver.solve(states[0])
    samples = []
    with Watch() as watch:
        for k in range(repeats):
            start = perf_counter()
            flow = solver.solve(states[k % len(states)])
            samples.append({"seconds": perf_counter() - start, **flow.report.seconds})
    row = {
        **Spread.of(sample["seconds"] for sample in samples).to_json(),
        "phases": {
            phase: float(np.median([sample[phase] for sample in samples]))
            for phase in flow.report.seconds
        },
        "setup_seconds": setup,
        "memory_megabytes": solver.megabytes,
        "cpu_of_others_and_ranks_percent": watch.others_percent,
    }
    answer.write_text(json.dumps(row), encoding="utf-8")
    np.save(psi, solver.solve(states[0]).psi)


def _carried_to(grid: Grid, problem: StokesProblem) -> StokesProblem:
    return CASE.problem(grid, regridded(problem.temperature, problem.grid, grid), problem.time)


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="one solve on several processes", title_justify="left")
    for heading in ("grid", "solver"):
        view.add_column(heading)
    for heading in ("processes", "seconds", "speed-up", "factor", "solve", "MB", "difference"):
        view.add_column(heading, justify="right")
    for row in result["results"]:
        view.add_row(
            row["grid"],
            row["solver"],
            str(row["ranks"]),
            f"{row['seconds']:.2f}",
            f"{row['speedup']:.2f}",
            f"{row['phases']['factor']:.2f}",
            f"{row['phases']['solve']:.2f}",
            str(row["memory_megabytes"]),
            f"{row['difference']:.0e}",
        )
    machine = result["machine"]
    view.caption = (
        f"{machine['processor']}, {machine['cores']} cores, one thread a process; medians of "
        f"{result['repeats']} solves; difference: of the velocities, to the first row of the grid"
    )
    view.caption_justify = "left"
    return view


def _grid(text: str) -> Grid:
    nx, ny = map(int, text.split("x"))
    return Grid(nx, ny)


def _arguments() -> Namespace:
    parser = ArgumentParser(
        prog=f"python -m {MODULE}", description="Time MUMPS on 1, 2, ... processes."
    )
    parser.add_argument("--grids", default="1024x256,2048x512", help="NXxNY[,...]")
    parser.add_argument("--ranks", default="1,2", help="numbers of processes")
    parser.add_argument("--solvers", default="mumps", help="MUMPS solvers by name")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="save as JSON in this file or directory")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        coarse, fine, name, repeats, answer, psi = sys.argv[2:]
        one(_grid(coarse), _grid(fine), name, int(repeats), Path(answer), Path(psi))
    else:
        wanted = _arguments()
        chosen = [_grid(text) for text in wanted.grids.split(",")]
        counts = [int(text) for text in wanted.ranks.split(",")]
        names = wanted.solvers.split(",")
        Console().print(table(main(chosen, counts, names, wanted.repeats, wanted.out)))
