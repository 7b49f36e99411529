"""How many iterations does the iterative solver need, on which grid, at which contrast?

From rest, on states of runs that convect: an iteration that is nearly independent of the grid
takes as many on the finest as on the coarsest. The direct solve beside it is what its velocity
is compared with, and its seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from tellus.coupling.solvers.names import make_solver
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, relative_velocity_error

from .fields import CASE, Case, problems
from .harness import Measurement
from .record import setting
from .spread import Record, Row, Spread, optional
from .tables import Cell, filled, milliseconds
from .timing import rest, timed

GRIDS = tuple(Grid(4 * ny, ny, 4.0) for ny in (32, 64, 128, 256))

CASES = tuple(
    replace(CASE, gamma_T=gamma_T, gamma_p=gamma_p, states=2, end=end)
    for gamma_T, end in ((1e6, 0.01), (1e8, 0.004), (1e10, 0.002))
    for gamma_p in (1.0, 100.0)
)
"""The higher the contrast, the sooner a hot start convects."""

SOLVERS = ("iterative:cold", "iterative:velocity=1e-6:cold", "iterative:bicgstab:cold")

Start = tuple[Grid, dict[str, StokesSolver]]


def main(
    grids: Sequence[Grid] = GRIDS,
    names: Sequence[str] = SOLVERS,
    *,
    cases: Sequence[Case] = CASES,
    threads: int | None = None,
    repeats: int = 5,
    out: Path | None = None,
) -> Row:
    """Solve all states of the cases from rest; parameters as in `benchmarks.stokes`.

    Returns
    -------
    dict
        ``results``: rows by grid, case and solver, see `IterationsRow`; and where it was measured.
    """
    measurement = Measurement("iterations", grids, CASE, repeats, threads, out)

    def prepare(grid: Grid) -> Start:
        return grid, {name: make_solver(name, grid) for name in names}

    def measure(start: Start) -> Row:
        grid, solvers = start
        rows = (row for case in cases for row in _rows(grid, case, solvers, repeats))
        return {"results": [row.to_json() for row in rows]}

    return measurement.run(prepare, measure)


@dataclass(frozen=True, kw_only=True)
class Iterations(Record):
    """Iterations of a solve, products with A in each, and errors against the direct solve."""

    iterations: Spread
    products_per_iteration: float
    velocity_error: Spread


@dataclass(frozen=True, kw_only=True)
class IterationsRow(Record):
    """A solve with one solver on one grid, mean over the states of a case.

    `contrast` is the median over the states; only what iterates is `counted`.
    """

    grid: str
    gamma_T: float
    gamma_p: float
    contrast: float
    solver: str
    seconds: Spread
    counted: Iterations | None = optional()


def _rows(
    grid: Grid, case: Case, solvers: Mapping[str, StokesSolver], repeats: int
) -> Iterator[IterationsRow]:
    states = problems(grid, case)
    viscosities = [problem.viscosity() for problem in states]
    direct = DirectSolver(grid)
    expected = [direct.solve(problem) for problem in states]
    row = IterationsRow(
        grid=str(grid),
        gamma_T=case.gamma_T,
        gamma_p=case.gamma_p,
        contrast=median(float(np.max(eta) / np.min(eta)) for eta in viscosities),
        solver="direct",
        seconds=_seconds(direct, states, repeats),
    )
    yield row
    for name, solver in solvers.items():
        counted = _counted(solver, states, expected)
        yield replace(row, solver=name, seconds=_seconds(solver, states, repeats), counted=counted)


def _seconds(solver: StokesSolver, states: Sequence[StokesProblem], repeats: int) -> Spread:
    """Of one solve, all states having been solved before."""
    taken = []
    for _ in range(repeats):
        rest()
        seconds, _ = timed(lambda: [solver.solve(problem) for problem in states])
        taken.append(seconds / len(states))
    return Spread.of(taken)


def _counted(
    solver: StokesSolver, states: Sequence[StokesProblem], expected: Sequence[Flow]
) -> Iterations:
    """Of one solve of each state; products before the first iteration included."""
    made, iterations, errors = 0, [], []
    for problem, direct in zip(states, expected, strict=True):
        flow = solver.solve(problem)
        made += flow.report.products or 0
        iterations.append(flow.report.iterations)
        errors.append(relative_velocity_error(flow, direct))
    return Iterations(
        iterations=Spread.of(iterations),
        products_per_iteration=made / sum(iterations),
        velocity_error=Spread.of(errors),
    )


def _iterations(row: Row) -> str:
    if "iterations" not in row:
        return ""
    low, high = row["iterations_min"], row["iterations_max"]
    return f"{low}" if low == high else f"{low} to {high}"


def _of_iterative(cell: str) -> Cell:
    """A cell that the direct solver has nothing to write in."""
    return lambda row: cell.format_map(row) if "iterations" in row else ""


COLUMNS: Mapping[str, Cell] = {
    "grid": "{grid}",
    "gamma_T": "{gamma_T:.0e}",
    "gamma_p": "{gamma_p:g}",
    "contrast": "{contrast:.0e}",
    "solver": "{solver}",
    "iterations": _iterations,
    "products each": _of_iterative("{products_per_iteration:.1f}"),
    "milliseconds": milliseconds(),
    "worst velocity error": _of_iterative("{velocity_error_max:.1e}"),
}


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    text = ("gamma_T", "gamma_p", "contrast", "solver")
    return filled("iterations from rest", COLUMNS, result["results"], [setting(result)], text)
