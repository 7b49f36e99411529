"""What does a step of the energy equation cost, next to a direct Stokes solve?

Each step follows the solve that gave its velocity, as in a run: the caches are
as warm, or as cold, as they will be.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from tellus.coupling.simulation.stepping import Stepping
from tellus.io.busy import background_load
from tellus.solver.direct import DirectSolver
from tellus.solver.energy import EXPLICIT, IMPLICIT, EnergyEquation, ThermalState
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem

from .fields import CASE, Case, problems
from .record import document, milliseconds, save, setting
from .spread import Spread
from .timing import check_repeats, fixed_threads


def main(
    grids: Sequence[Grid] = (Grid(256, 64),),
    *,
    threads: int | None = None,
    repeats: int = 10,
    out: Path | None = None,
    case: Case = CASE,
) -> dict[str, Any]:
    """Time the energy step of both schemes on every grid; parameters as in `benchmarks.stokes`.

    Returns
    -------
    dict
        ``results``: a row per grid and scheme, with ``direct_over_energy``, the direct solve
        over the step; and where it was measured.
    """
    check_repeats(repeats)
    series = [problems(grid, case) for grid in grids]
    with fixed_threads(threads) as count:
        result = document("energy", grids, case, repeats, background_load()) | {"threads": count}
        result["results"] = [
            {"scheme": scheme, "grid": str(states[0].grid), **row}
            for states in series
            for scheme, row in _measure(states, case, repeats).items()
        ]
    if out is not None:
        save(result, out)
    return result


def _measure(states: list[StokesProblem], case: Case, repeats: int) -> dict[str, dict[str, float]]:
    """A row per scheme."""
    grid = states[0].grid
    solver = DirectSolver(grid)
    rows = {}
    for scheme in (EXPLICIT, IMPLICIT):
        equation = EnergyEquation(grid, heating=case.heating, scheme=scheme)
        _sample(solver, equation, states[0])
        samples = [_sample(solver, equation, problem) for problem in islice(cycle(states), repeats)]
        rows[scheme] = {
            **Spread.of(s["step"] for s in samples).to_json(),
            **Spread.of(s["stable_dt"] for s in samples).to_json("stable_dt_seconds"),
            **Spread.of(s["direct"] for s in samples).to_json("direct_seconds"),
            **Spread.of(s["direct"] / s["step"] for s in samples).to_json("direct_over_energy"),
        }
    return rows


def _sample(
    solver: DirectSolver, equation: EnergyEquation, problem: StokesProblem
) -> dict[str, float]:
    state = ThermalState(problem.temperature)
    clock = [perf_counter()]
    flow = solver.solve(problem)
    clock.append(perf_counter())
    dt = min(equation.stable_dt(flow, Stepping.courant), Stepping.dt_max)
    clock.append(perf_counter())
    equation.step(state, flow, dt)
    clock.append(perf_counter())
    return dict(zip(("direct", "stable_dt", "step"), np.diff(clock).tolist(), strict=True))


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="one step of the energy equation, milliseconds", title_justify="left")
    view.add_column("grid")
    view.add_column("scheme")
    for heading in ("step", "choosing dt", "direct Stokes solve", "direct / step"):
        view.add_column(heading, justify="right")
    for row in result["results"]:
        view.add_row(
            row["grid"],
            row["scheme"],
            *(milliseconds(row, key) for key in ("seconds", "stable_dt_seconds", "direct_seconds")),
            f"{row['direct_over_energy']:.0f}",
        )
    view.caption, view.caption_justify = setting(result), "left"
    return view
