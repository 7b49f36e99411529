"""What does a whole time step cost with every solver?

A sample is the mean over a block of steps, as long as the cycle of a solver that
skips some: all its direct solves are counted, at their share. Where a solver decides by
itself when to pay for more, as one with an old factor does, all blocks are averaged.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import lcm
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

from rich.table import Table

from tellus.coupling.simulation.loop import Simulation
from tellus.io.busy import background_load
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem, StokesSolver

from .fields import CASE, Case, problems
from .record import document, milliseconds, save, setting
from .selection import SINGLE_SOLVES, chosen, remarks, select
from .spread import Spread
from .timing import check_repeats, fixed_threads

Row = dict[str, Any]
Average = Callable[[Sequence[float]], float]
DEFAULT = ("direct", "skip:10", "surrogate")
EVERYTHING = (*SINGLE_SOLVES, "skip:10", "skip:10:linear")


def main(
    grids: Sequence[Grid] = (Grid(256, 64),),
    solvers: Sequence[str] | None = None,
    *,
    threads: int | None = None,
    repeats: int = 5,
    out: Path | None = None,
    case: Case = CASE,
) -> dict[str, Any]:
    """Time steps of a simulation: Stokes, energy and diagnostics, without output.

    All solvers start from the same state and go their own ways from there.
    Parameters as in `benchmarks.stokes`, `skip:N` welcome; `repeats` counts blocks.

    Returns
    -------
    dict
        ``results``: a row per grid and solver, seconds per step; and where it was measured.
    """
    check_repeats(repeats)
    names, required = chosen(solvers, DEFAULT, EVERYTHING)
    series = [problems(grid, case)[-1] for grid in grids]
    taking_part = [select(names, state, required) for state in series]
    with fixed_threads(threads) as count:
        result = document("step", grids, case, repeats, background_load()) | {"threads": count}
        measured = [
            _measure(entry.solvers, state, case, repeats)
            for entry, state in zip(taking_part, series, strict=True)
        ]
    result["results"] = [
        {"grid": str(grid), **row, "warnings": entry.warnings[row["solver"]]}
        for grid, entry, rows in zip(grids, taking_part, measured, strict=True)
        for row in rows
    ]
    result["left_out"] = {
        str(grid): entry.left_out
        for grid, entry in zip(grids, taking_part, strict=True)
        if entry.left_out
    }
    if out is not None:
        save(result, out)
    return result


def _measure(
    solvers: Mapping[str, StokesSolver], state: StokesProblem, case: Case, repeats: int
) -> list[Row]:
    block = steps_per_block(solvers.values())
    runs = {}
    for name, solver in solvers.items():
        runs[name] = case.simulation(state.grid, state.temperature, state.time, solver)
        runs[name].warm_up()
    samples: dict[str, list[Row]] = {name: [] for name in solvers}
    # Block by block in turn: whatever slows the machine for a while slows all of them.
    for _ in range(repeats):
        for name, run in runs.items():
            samples[name].append(_block(run, block))
    return [
        {"solver": name, "steps": block, **_row(taken, _average(solvers[name]))}
        for name, taken in samples.items()
    ]


def steps_per_block(solvers: Iterable[StokesSolver], fewest: int = 10) -> int:
    """At least `fewest` steps, and whole cycles of every solver that solves every so many."""
    cycle = lcm(*(_cycle(solver) or 1 for solver in solvers))
    return cycle * -(-fewest // cycle)


def _cycle(solver: StokesSolver) -> int | None:
    """Steps after which a solver does the same again; None where it decides that by itself."""
    every = getattr(solver, "every", None)
    return int(every) if every is not None else None if solver.state() else 1


def _average(solver: StokesSolver) -> Average:
    """The median of blocks, unless only some have the factorisation that all of them live on."""
    return fmean if _cycle(solver) is None else median


def _block(run: Simulation, steps: int) -> Row:
    """Mean seconds of `steps` steps, by phase."""
    stokes_before, energy_before = dict(run.statistics.stokes), run.statistics.energy
    start = perf_counter()
    for _ in range(steps):
        run.step()
    seconds = (perf_counter() - start) / steps
    stokes = {
        phase: (total - stokes_before.get(phase, 0.0)) / steps
        for phase, total in run.statistics.stokes.items()
    }
    energy = (run.statistics.energy - energy_before) / steps
    parts = {"stokes": sum(stokes.values()), "energy": energy}
    parts["other"] = seconds - sum(parts.values())
    return {"seconds": seconds, "phases": parts, "stokes_phases": stokes}


def _row(samples: list[Row], average: Average) -> Row:
    seconds = [sample["seconds"] for sample in samples]
    spread = Spread(average(seconds), min(seconds), max(seconds))
    return {
        **spread.to_json(),
        "steps_per_second": 1.0 / spread.median,
        **{key: _phases([s[key] for s in samples], average) for key in ("phases", "stokes_phases")},
    }


def _phases(samples: list[dict[str, float]], average: Average) -> dict[str, float]:
    names = dict.fromkeys(name for sample in samples for name in sample)
    return {name: average([sample.get(name, 0.0) for sample in samples]) for name in names}


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="one time step, milliseconds", title_justify="left")
    view.add_column("grid")
    view.add_column("solver")
    for heading in ("step", "Stokes", "energy", "steps/s"):
        view.add_column(heading, justify="right")
    view.add_column("phases of Stokes")
    for row in result["results"]:
        phases = ", ".join(f"{name} {1e3 * s:.3g}" for name, s in row["stokes_phases"].items())
        view.add_row(
            row["grid"],
            row["solver"],
            milliseconds(row),
            *(f"{1e3 * row['phases'][part]:.3g}" for part in ("stokes", "energy")),
            f"{row['steps_per_second']:.3g}",
            phases,
        )
    view.caption = "\n".join([*remarks(result), setting(result)])
    view.caption_justify = "left"
    return view
