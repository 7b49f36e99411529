"""How many iterations does the iterative solver need, on which grid, at which contrast?

From rest, on states of runs that convect: an iteration that is nearly independent of the grid
takes as many on the finest as on the coarsest. The direct solve beside it is what its velocity
is compared with, and its seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from tellus.coupling.solvers.names import make_solver
from tellus.io.busy import background_load
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, relative_velocity_error

from .fields import CASE, Case, problems
from .record import document, milliseconds, save, setting
from .sampling import Row
from .spread import Spread
from .timing import check_repeats, fixed_threads, rest

GRIDS = tuple(Grid(4 * ny, ny, 4.0) for ny in (32, 64, 128, 256))

CASES = tuple(
    replace(CASE, gamma_T=gamma_T, gamma_p=gamma_p, states=2, end=end)
    for gamma_T, end in ((1e6, 0.01), (1e8, 0.004), (1e10, 0.002))
    for gamma_p in (1.0, 100.0)
)
"""The higher the contrast, the sooner a hot start convects."""

SOLVERS = ("iterative:cold", "iterative:velocity=1e-6:cold", "iterative:bicgstab:cold")


def main(
    grids: Sequence[Grid] = GRIDS,
    names: Sequence[str] = SOLVERS,
    *,
    cases: Sequence[Case] = CASES,
    threads: int | None = None,
    repeats: int = 5,
    out: Path | None = None,
) -> dict[str, Any]:
    """Solve all states of the cases from rest; parameters as in `benchmarks.stokes`.

    Returns
    -------
    dict
        ``results``: rows by grid, case and solver with the contrast met, iterations, products
        with A in each, seconds, velocity errors against the direct solve, whose rows have no
        iterations; and where it was measured.
    """
    check_repeats(repeats)
    made = {(grid, name): make_solver(name, grid) for grid in grids for name in names}
    with fixed_threads(threads) as count:
        result = document("iterations", grids, CASE, repeats, background_load())
        rows: list[Row] = []
        for grid in grids:
            solvers = {name: made[grid, name] for name in names}
            for case in cases:
                rows += _rows(grid, case, solvers, repeats)
    result |= {"threads": count, "results": rows}
    if out is not None:
        save(result, out)
    return result


def _rows(grid: Grid, case: Case, solvers: Mapping[str, StokesSolver], repeats: int) -> list[Row]:
    states = problems(grid, case)
    viscosities = [problem.viscosity() for problem in states]
    contrast = median(float(np.max(eta) / np.min(eta)) for eta in viscosities)
    about = {
        "grid": str(grid),
        "gamma_T": case.gamma_T,
        "gamma_p": case.gamma_p,
        "contrast": contrast,
    }
    seconds, expected = _timed(DirectSolver(grid), states, repeats)
    rows: list[Row] = [about | {"solver": "direct"} | Spread.of(seconds).to_json()]
    for name, solver in solvers.items():
        seconds, flows = _timed(solver, states, repeats)
        pairs = zip(flows, expected, strict=True)
        iterations = Spread.of(flow.report.iterations for flow in flows)
        rows.append(
            about
            | {"solver": name, **iterations.to_json("iterations")}
            | {"products_per_iteration": _products(solver, states)}
            | Spread.of(seconds).to_json()
            | Spread.of(relative_velocity_error(*pair) for pair in pairs).to_json("velocity_error")
        )
    return rows


def _timed(
    solver: StokesSolver, states: Sequence[StokesProblem], repeats: int
) -> tuple[list[float], list[Flow]]:
    """Seconds of one solve per state, repeated, and the flows."""
    flows = [solver.solve(problem) for problem in states]
    seconds = []
    for _ in range(repeats):
        rest()
        start = perf_counter()
        for problem in states:
            solver.solve(problem)
        seconds.append((perf_counter() - start) / len(states))
    return seconds, flows


def _products(solver: StokesSolver, states: Sequence[StokesProblem]) -> float:
    """Products with A on the finest grid in an iteration, those before the first included."""
    products = iterations = 0
    for problem in states:
        iterations += solver.solve(problem).report.iterations
        products += getattr(getattr(solver, "linear", solver), "products", 0)
    return products / iterations


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="iterations from rest", title_justify="left")
    for heading in ("grid", "gamma_T", "gamma_p", "contrast", "solver"):
        view.add_column(heading)
    for heading in ("iterations", "products each", "milliseconds", "worst velocity error"):
        view.add_column(heading, justify="right")
    for row in result["results"]:
        view.add_row(
            *(row["grid"], f"{row['gamma_T']:.0e}", f"{row['gamma_p']:g}"),
            *(f"{row['contrast']:.0e}", row["solver"]),
            *(_counts(row) if "iterations" in row else ("", "")),
            milliseconds(row),
            f"{row['velocity_error_max']:.1e}" if "velocity_error" in row else "",
        )
    view.caption = setting(result)
    view.caption_justify = "left"
    return view


def _counts(row: Row) -> tuple[str, str]:
    low, high = row["iterations_min"], row["iterations_max"]
    span = f"{low}" if low == high else f"{low} to {high}"
    return span, f"{row['products_per_iteration']:.1f}"
