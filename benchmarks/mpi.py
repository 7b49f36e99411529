"""Do two processes solve faster than one, on grids that outgrow a small machine?

    tellus bench mpi --grid 1024x256,2048x512 --ranks 1,2 --out benchmarks/results

Every number of ranks is a process group of its own, one thread per rank, and solves the same
temperatures in turn: those of a real run on a coarser grid, interpolated.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError, RunFailedError, TellusError
from tellus.io.busy import Watch
from tellus.solver.grid import Array, Grid
from tellus.solver.mumps.petsc import world
from tellus.solver.mumps.solver import METHODS, MumpsSolver, variant
from tellus.solver.stokes import (
    Flow,
    StokesProblem,
    StokesReport,
    flow_from_psi,
    relative_velocity_error,
)
from tellus.solver.transport.regridding import regridded

from .fields import CASE, problems
from .grids import grids_of
from .harness import environment, origin, timed
from .record import saved
from .spread import Record, Row, Spread, by_phase

SOURCE = Grid(512, 128)
"""The grid of the run that gives temperatures: on those timed here it would take hours."""

MODULE = "tellus.benchmarks.mpi"
ROW, PSI = "row.json", "psi.npy"

NO_MPIRUN = (
    "`tellus bench mpi` needs mpirun: on Debian or Ubuntu run `make petsc`, elsewhere install Open "
    "MPI or see docs/use/mumps.md."
)


def main(
    grids: Sequence[Grid],
    ranks: Sequence[int] = (1, 2),
    solvers: Sequence[str] = ("mumps",),
    repeats: int = 5,
    out: Path | None = None,
    source: Grid = SOURCE,
) -> Row:
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
        ``results``: a row per grid, solver and number of ranks: that number, what `Solves` has,
        the ``speedup``, and the velocity ``difference`` to the first number of ranks.

    Raises
    ------
    InputError
        A solver is not one of MUMPS, or not on so many processes, or there is no mpirun; nothing
        has been made or timed then.
    """
    for name, count in product(solvers, ranks):
        _refuse_others(name, count)
    if shutil.which("mpirun") is None:
        raise InputError(NO_MPIRUN)
    problems(source)  # made once, for all that follow
    rows: list[Row] = []
    with TemporaryDirectory() as scratch:
        for grid, name in product(grids, solvers):
            rows += _row_per_count((source, grid), name, ranks, repeats, Path(scratch))
    asked = {"grid": ",".join(map(str, grids)), "repeats": repeats, "fields_from": str(source)}
    result = origin("mpi", **asked) | {"threads": 1, "results": rows}
    return saved(result, out)


def _refuse_others(name: str, count: int) -> None:
    """InputError for what is no solver of MUMPS on so many processes."""
    spec = SolverSpec.parse(name)
    if spec.kind not in METHODS:
        raise InputError(
            f'--solvers takes {" and ".join(METHODS)} here, such as mumps:lu, not "{name}".'
        )
    try:
        variant(spec.kind, spec.arguments, count)
    except InputError as error:
        raise InputError(f"--solvers: {str(error).removeprefix('stokes.solver: ')}") from None


@dataclass(frozen=True, kw_only=True)
class Solves(Record):
    """What a process group says of its solves: medians, and the memory of MUMPS in all ranks."""

    seconds: Spread
    phases: dict[str, float]
    setup_seconds: float
    memory_megabytes: int
    cpu_of_others_and_ranks_percent: float


def _row_per_count(
    grids: tuple[Grid, Grid], name: str, ranks: Sequence[int], repeats: int, scratch: Path
) -> list[Row]:
    rows: list[Row] = []
    flows: list[Flow] = []
    for count in ranks:
        row, psi = _launched(grids, name, count, repeats, scratch)
        rows.append(row)
        flows.append(flow_from_psi(psi, grids[1], StokesReport(name)))
        row["difference"] = relative_velocity_error(flows[-1], flows[0])
        row["speedup"] = rows[0]["seconds"] / row["seconds"]
    return rows


def _launched(
    grids: tuple[Grid, Grid], name: str, count: int, repeats: int, scratch: Path
) -> tuple[Row, Array]:
    """The row of one number of ranks, and the stream function that they found."""
    asked = [*map(str, grids), name, str(repeats), str(scratch)]
    command = ["mpirun", "-n", str(count), sys.executable, "-m", MODULE, *asked]
    done = subprocess.run(
        command,
        env=environment(1),
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        failed = f"{' '.join(command[:3])} failed for {name} at {grids[1]}"
        raise RunFailedError(f"{failed}: {_reason(done.stderr)}")
    row: Row = json.loads((scratch / ROW).read_text(encoding="utf-8"))
    about = {"grid": str(grids[1]), "solver": name, "ranks": count}
    return about | row, np.load(scratch / PSI)


def _reason(said: str) -> str:
    """The sentence of a process that failed, else the first paragraph of mpirun's pages."""
    if own := re.search(r"^tellus: (?!warning: )(.*)", said, flags=re.MULTILINE):
        return own[1]
    if raised := re.search(r"^Traceback .*\n(?: .*\n)+(.*)", said, flags=re.MULTILINE):
        return raised[1]
    paragraphs = re.split(r"^-*\n", said, flags=re.MULTILINE)
    return next(filter(str.strip, paragraphs), "it said nothing").strip().rstrip(".:") + "."


def one(source: Grid, grid: Grid, name: str, repeats: int, scratch: Path) -> None:
    """What each process of a group does; the first one writes what it found.

    Parameters
    ----------
    source, grid : Grid
        Where the temperatures come from, and where they are solved for.
    name : str
        A MUMPS solver.
    repeats : int
        Timed solves.
    scratch : Path
        Where files are written: `Solves` as JSON, the stream function of the first state.
    """
    states = [_carried_to(grid, problem) for problem in problems(source)]
    spec = SolverSpec.parse(name)
    setup, solver = timed(lambda: MumpsSolver(grid, spec.kind, *spec.arguments))
    solver.solve(states[0])
    with Watch() as watch:
        asked = islice(cycle(states), repeats)
        samples = [timed(partial(solver.solve, state)) for state in asked]
    solves = Solves(
        seconds=Spread.of(seconds for seconds, _ in samples),
        phases=by_phase(flow.report.seconds for _, flow in samples),
        setup_seconds=setup,
        memory_megabytes=solver.megabytes,
        cpu_of_others_and_ranks_percent=watch.others_percent,
    )
    found = solver.solve(states[0]).psi
    if world().rank == 0:
        (scratch / ROW).write_text(json.dumps(solves.to_json()), encoding="utf-8")
        np.save(scratch / PSI, found)


def _carried_to(grid: Grid, problem: StokesProblem) -> StokesProblem:
    return CASE.problem(
        grid, regridded(problem.temperature, problem.grid, grid, problem.boundaries), problem.time
    )


if __name__ == "__main__":  # as `_launched` starts it
    if len(sys.argv) != 6:
        sys.exit("tellus: `tellus bench mpi` measures this.")
    coarse, fine, name, repeats, scratch = sys.argv[1:]
    source, grid = grids_of(f"{coarse},{fine}")
    try:
        one(source, grid, name, int(repeats), Path(scratch))
    except TellusError as failure:
        sys.exit(f"tellus: {failure}")
