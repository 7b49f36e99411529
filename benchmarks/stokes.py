"""What does a velocity cost, and how wrong is it?

Every solver gets the same temperatures, of a real run, in turn: one solve each,
then the next temperature. Beside them the direct solver is held against what it
is made of, a bare dpbtrf and dpbtrs on the same bands.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from tellus.coupling.pair import QUIET_VRMS
from tellus.solver.direct import DirectSolver
from tellus.solver.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem, StokesSolver, relative_velocity_error, vrms

from .bare import BareCholesky, in_words
from .entrants import entrants, left_out, remarks
from .fields import CASE, Case, problems
from .record import background_load, document, milliseconds, save, setting
from .timing import Spread, check_repeats, fixed_threads, rest

Row = dict[str, Any]


def main(
    grids: Sequence[Grid] = (Grid(256, 64),),
    solvers: Sequence[str] | None = None,
    *,
    threads: int | None = None,
    repeats: int = 10,
    out: Path | None = None,
    case: Case = CASE,
) -> dict[str, Any]:
    """Time one Stokes solve with every solver on every grid.

    Parameters
    ----------
    grids : sequence of Grid
    solvers : sequence of str, optional
        Names as --stokes takes them; by default direct, and the surrogate where its
        weights fit. `skip:N` is refused: between its direct solves it solves nothing,
        so only whole time steps say what it costs (`tellus bench step`).
    threads : int, optional
        Threads of every library; as many as the environment allows by default.
    repeats : int
        Timed solves per solver, at least five.
    out : Path, optional
        File or directory to save the result in.
    case : Case
        The run that the temperatures come from.

    Returns
    -------
    dict
        ``results``: a row per grid and solver; ``aims``: a row per grid, the direct
        solver against its parts; and where all of it was measured.
    """
    check_repeats(repeats)
    _refuse_skip(solvers or ())
    series = [problems(grid, case) for grid in grids]
    taking_part = [entrants(solvers, states[0]) for states in series]
    with fixed_threads(threads) as count:
        result = document("stokes", grids, case, repeats, background_load()) | {"threads": count}
        measured = [
            _measure(entry.solvers, states, repeats, count)
            for entry, states in zip(taking_part, series, strict=True)
        ]
    result["results"] = [
        {"grid": str(grid), **row, "warnings": entry.warnings[row["solver"]]}
        for grid, entry, (rows, _) in zip(grids, taking_part, measured, strict=True)
        for row in rows
    ]
    result["aims"] = [
        {"grid": str(grid), **aims}
        for grid, (_, aims) in zip(grids, measured, strict=True)
        if aims is not None
    ]
    result["left_out"] = left_out(grids, taking_part)
    if out is not None:
        save(result, out)
    return result


def _refuse_skip(names: Sequence[str]) -> None:
    for name in names:
        if name.partition(":")[0] == "skip":
            raise InputError(
                f"bench stokes times single solves, and {name} holds the velocity between direct "
                "ones: leave it out, or use `tellus bench step`."
            )


def _measure(
    solvers: Mapping[str, StokesSolver], states: list[StokesProblem], repeats: int, threads: int
) -> tuple[list[Row], Row | None]:
    """A row per solver, and the direct one against its parts where it takes part."""
    accuracy = _accuracy(solvers, states)
    samples: dict[str, list[Row]] = {name: [] for name in solvers}
    bare = BareCholesky(states[0].grid, threads) if "direct" in solvers else None
    # In turn, one solve each: whatever slows the machine for a while slows all of them.
    for before, problem in islice(pairwise(cycle(states)), repeats):
        for name, solver in solvers.items():
            rest()
            _sample(solver, before)
            samples[name].append(_sample(solver, problem))
        if bare is not None:
            bare.sample(before, problem)
    rows = [{"solver": name, **_row(taken), **accuracy[name]} for name, taken in samples.items()]
    return rows, bare.aims([s["seconds"] for s in samples["direct"]]) if bare else None


def _accuracy(solvers: Mapping[str, StokesSolver], states: list[StokesProblem]) -> dict[str, Row]:
    """Velocity errors against the direct solution of the same states; also the warm-up."""
    grid = states[0].grid
    direct = solvers.get("direct") or DirectSolver(grid)
    references = [direct.solve(problem) for problem in states]
    vigorous = [vrms(reference, grid) >= QUIET_VRMS for reference in references]
    found = {}
    for name, solver in solvers.items():
        flows = [solver.solve(problem) for problem in states]
        errors = [
            relative_velocity_error(flow, reference)
            for flow, reference, counts in zip(flows, references, vigorous, strict=True)
            if counts
        ]
        residual = float(np.max([flow.report.residual for flow in flows]))
        found[name] = {
            "velocity_error": median(errors) if errors else None,
            "velocity_error_max": max(errors, default=None),
            "quiet_states_left_out": vigorous.count(False),
            "residual": residual if np.isfinite(residual) else None,
        }
    return found


def _sample(solver: StokesSolver, problem: StokesProblem) -> Row:
    start = perf_counter()
    flow = solver.solve(problem)
    seconds = perf_counter() - start
    phases = dict(flow.report.seconds)
    phases["other"] = seconds - sum(phases.values())
    return {"seconds": seconds, "phases": phases, "iterations": flow.report.iterations}


def _row(samples: list[Row]) -> Row:
    phases = samples[0]["phases"]
    return {
        **Spread.of(sample["seconds"] for sample in samples).to_json(),
        "phases": {phase: median(s["phases"][phase] for s in samples) for phase in phases},
        "iterations": median(sample["iterations"] for sample in samples),
    }


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="one Stokes solve, milliseconds", title_justify="left")
    view.add_column("grid")
    view.add_column("solver")
    for heading in ("solve", "velocity error", "iterations"):
        view.add_column(heading, justify="right")
    view.add_column("phases")
    for row in result["results"]:
        phases = ", ".join(f"{name} {1e3 * s:.3g}" for name, s in row["phases"].items())
        error = row["velocity_error"]
        view.add_row(
            row["grid"],
            row["solver"],
            milliseconds(row),
            "-" if error is None else f"{100 * error:.2g} %",
            f"{row['iterations']:g}",
            phases,
        )
    lines = [
        f"{row['grid']}: assembling the bands takes {100 * row['bands_over_factor']:.1f} % of "
        f"factoring them; the direct solve {row['direct_over_bare']:.2f} times a bare "
        f"dpbtrf + dpbtrs ({in_words(row)})"
        for row in result["aims"]
    ]
    view.caption = "\n".join([*lines, *remarks(result), setting(result)])
    view.caption_justify = "left"
    return view
