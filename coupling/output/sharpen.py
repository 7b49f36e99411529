"""A coarse run's outputs on a finer grid: T within its cells, and the velocity that follows."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tellus.config import dump
from tellus.config.own_class import CLASSICAL, LEARNED, OwnClass
from tellus.config.solver_spec import RECOMMENDED
from tellus.coupling.build import replaced, rheology_of
from tellus.coupling.directory.fields import FieldWriter
from tellus.coupling.directory.files import CONFIG, SUMMARY, check_free
from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.directory.timeseries import NAME as SERIES
from tellus.coupling.estimate import check_memory
from tellus.coupling.own import check_unchanged
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.io.json_file import write_json
from tellus.io.whole_file import clear_partials, folder_aside, write_atomically
from tellus.solver.closure import Closure, refined
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Grid
from tellus.solver.limits import MOST_CELLS
from tellus.solver.stokes import StokesProblem
from tellus.solver.strain import effective_viscosity

if TYPE_CHECKING:
    from tellus.surrogate.closure.model import LearnedClosure

FACTORS = (2, 4, 8, 16)
"""How many times finer."""

SOLVER = RECOMMENDED
"""What finds the velocity on the finer grid."""


def sharpen(
    path: Path,
    out: Path,
    factor: int = 4,
    closure: Closure | None = None,
    report: Callable[[str], None] = print,
) -> None:
    """Write all outputs of a run on a finer grid into a directory that reads like a run's.

    The means over the coarse cells are those of the run to rounding.

    Parameters
    ----------
    path : Path
        The run.
    out : Path
        The new directory.
    factor : int
        One of `FACTORS`.
    closure : Closure, optional
        What knows T within cells; without one polynomials through the means.
    report : callable
        Takes a line for each output.

    Raises
    ------
    InputError
        The run is missing or damaged, the directory in use, or the closure cannot be used here.
    """
    if factor not in FACTORS:
        raise InputError(f"--factor takes one of {', '.join(map(str, FACTORS))}, not {factor}.")
    check_place(path, out)
    run = RecordedRun.at(path)
    if run.settings.model.core_capacity is not None:
        raise InputError(
            f"{path} has a cooling core (model.core_capacity), whose temperature its outputs do "
            "not hold: it cannot be sharpened."
        )
    grid = run.grid
    finer = grid.finer(factor)
    if max(finer.nx, finer.ny) > MOST_CELLS:
        raise InputError(
            f"--factor {factor} makes {finer} cells of {grid}, and a grid has at most {MOST_CELLS} "
            "along a side: take a smaller one."
        )
    for warning in check_memory(finer, SOLVER):
        report(warning)
    check_unchanged(run.written.get("classes", {}), run.settings)
    law, solver = rheology_of(run.settings), make_solver(SOLVER, finer)
    clear_partials(out.absolute().parent, escape(out.name))
    with folder_aside(out) as partial:
        writer = FieldWriter.create(partial, finer, run_id=run.written.get("run_id"))
        for index, time in enumerate(run.output_times.tolist()):
            problem = StokesProblem(
                grid,
                run.snapshot("temperature", index),
                law,
                run.settings.model.rayleigh,
                run.walls,
                time,
                run.settings.model.heating,
                closure,
            )
            if closure is not None and index == 0:
                for warning in closure.check(problem):
                    report(f"warning: {warning}")
            sharp = sharpened(problem, finer)
            flow = solver.solve(sharp)
            writer.append(
                sharp,
                int(run.fields["step"][index]),
                effective_viscosity(sharp, flow),
                flow,
            )
            report(f"output {index + 1}/{run.output_times.size}")
        writer.sync()
        _describe(run, partial, finer, factor, closure)
        partial.rename(out)


def check_place(path: Path, out: Path) -> None:
    """Raise InputError unless finer fields of the run at `path` can take the place `out`."""
    if path.resolve() in out.resolve().parents:
        raise InputError(f"{out} lies in {path}, which is read: choose another --out.")
    if out.is_dir() and (out.is_symlink() or any(out.iterdir())):
        what = "a link" if out.is_symlink() else "not empty"
        raise InputError(f"{out} is {what}: choose another --out.")
    check_free(out)


def within_cells(name: str) -> "LearnedClosure":
    """The closure that --closure names, one that knows T within cells; InputError for others."""
    if name in CLASSICAL or OwnClass.parse(name):
        raise InputError(
            f"--closure {name} is no trained closure, and only these know T within cells: name "
            "one that was trained with loss.within above 0, or learned for the shipped one."
        )
    # PyTorch, which nothing else here needs.
    from tellus.surrogate.closure.model import LearnedClosure

    return LearnedClosure.within(None if name == LEARNED else name)


def sharpened(problem: StokesProblem, finer: Grid) -> StokesProblem:
    """The problem on finer cells, T as its closure, or polynomials, have it; means are kept."""
    sharp, ratio = refined(problem, finer), finer.ny // problem.grid.ny
    off = problem.temperature - coarse_means(sharp.temperature, problem.grid)
    kept = sharp.temperature + np.repeat(np.repeat(off, ratio, axis=0), ratio, axis=1)
    return replace(sharp, temperature=kept)


def _describe(
    run: RecordedRun, out: Path, finer: Grid, factor: int, closure: Closure | None
) -> None:
    """Write the files beside the fields: those of the run, on its new grid."""
    settings = replaced(run.settings, "grid", nx=finer.nx, ny=finer.ny)
    write_atomically(out / CONFIG, dump(settings).encode())
    if (run.path / SERIES).exists():
        shutil.copyfile(run.path / SERIES, out / SERIES)
    by = "polynomials" if closure is None else f"closure {closure.name}"
    message = f"sharpened {factor} times from {run.path.resolve().name} by {by}"
    summary = {**run.written, "message": message}
    write_json(out / SUMMARY, summary, end="")
