"""How wrong is an approximate velocity over the whole parameter box?

One field says little: errors grow with vigour and with contrasts. Here every solver meets the
snapshots of a data set, whose labels are direct solutions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from rich.table import Table

from tellus.errors import InputError
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.stokes import (
    StokesReport,
    StokesSolver,
    flow_from_psi,
    relative_velocity_error,
)
from tellus.surrogate.data import SPLITS, Dataset, Snapshots
from tellus.surrogate.evaluation.scores import spread

from .harness import origin
from .record import saved
from .selection import chosen, select
from .spread import Record, Result, Row
from .tables import view

DEFAULT = ("coarse:2", "coarse:4", "reduced:2", "reduced:4", "reduced:8", "surrogate")


def main(
    data: Path,
    solvers: Sequence[str] | None = None,
    *,
    split: str | None = None,
    out: Path | None = None,
) -> Row:
    """Relative velocity errors of `solvers` on the evenly spread snapshots of a data set.

    By default of the approximate solvers that fit, and of the simulations of all splits.

    Returns
    -------
    dict
        ``results``: a row per solver, see `BoxRow`; and where it was measured.

    Raises
    ------
    InputError
        The data set is missing or damaged, or a solver that was asked for does not fit.
    """
    dataset = Dataset.open(data)
    present = {entry["split"] for entry in dataset.card["simulations"]}
    splits = [name for name in SPLITS if name in present] if split is None else [split]
    names, required = chosen(solvers, DEFAULT)
    first = dataset.simulations(split or dataset.card["simulations"][0]["split"])
    usable = select(names, next(first).problem(0), required).solvers
    found: dict[str, list[SimulationRow]] = {name: [] for name in usable}
    for simulation in chain.from_iterable(map(dataset.simulations, splits)):
        for name, solver in usable.items():
            found[name].append(_simulation_row(solver, simulation))
    rows = [_box_row(name, simulations).to_json() for name, simulations in found.items()]
    hashed = {"hash": dataset.card["hash"], "splits": splits}
    return saved(origin("box", data=hashed, grid=str(dataset.grid)) | {"results": rows}, out)


@dataclass(frozen=True, kw_only=True)
class Summary(Record):
    """Median, 95th percentile and maximum of errors; None of a simulation that never moves."""

    median: float | None = None
    p95: float | None = None
    max: float | None = None


@dataclass(frozen=True, kw_only=True)
class SimulationRow(Record):
    """Relative velocity errors of one solver over the snapshots of one simulation that move."""

    name: str
    gamma_T: float
    gamma_p: float
    heating: float
    quiet_snapshots_left_out: int
    errors: list[float]
    summary: Summary


@dataclass(frozen=True, kw_only=True)
class BoxRow(Record):
    """Relative velocity errors of one solver: over all snapshots, and of each simulation."""

    solver: str
    snapshots: int
    summary: Summary
    simulations: list[Row]


def _simulation_row(solver: StokesSolver, simulation: Snapshots) -> SimulationRow:
    """Errors on the evenly spread snapshots of one simulation."""
    moving = np.flatnonzero(simulation.even & (simulation.vrms >= QUIET_VRMS))
    errors = [_error(solver, simulation, int(k)) for k in moving]
    return SimulationRow(
        name=simulation.names[0],
        gamma_T=float(simulation.gamma_T[0]),
        gamma_p=float(simulation.gamma_p[0]),
        heating=float(simulation.heating[0]),
        quiet_snapshots_left_out=int(simulation.even.sum()) - len(moving),
        errors=errors,
        summary=_summary(errors),
    )


def _box_row(solver: str, simulations: Sequence[SimulationRow]) -> BoxRow:
    """Errors over all simulations; InputError where nothing moves."""
    errors = [error for row in simulations for error in row.errors]
    if not errors:
        raise InputError("--data: no snapshot of these simulations moves; use another data set.")
    rows = [row.to_json() for row in simulations]
    return BoxRow(solver=solver, snapshots=len(errors), summary=_summary(errors), simulations=rows)


def _summary(errors: list[float]) -> Summary:
    return Summary(**spread(errors)) if errors else Summary()


def _error(solver: StokesSolver, simulation: Snapshots, snapshot: int) -> float:
    problem = simulation.problem(snapshot)
    solver.check(problem)
    label = flow_from_psi(simulation.psi[snapshot], simulation.grid, StokesReport("label"))
    return relative_velocity_error(solver.solve(problem), label)


def table(result: Result) -> Table:
    """The result for a terminal: a line per simulation, the mildest first, a column per solver."""
    lines = list(zip(*(row["simulations"] for row in result["results"]), strict=True))
    lines.sort(key=lambda line: line[0]["gamma_T"] / line[0]["gamma_p"])
    return view("box", result, lines=lines)
