"""How wrong is an approximate velocity over the whole parameter box?

One field says little: errors grow with vigour and with contrasts. Here every solver meets the
snapshots of a data set, whose labels are direct solutions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from tellus.coupling.runs.provenance import provenance
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.solver.stokes import (
    QUIET_VRMS,
    Flow,
    StokesReport,
    StokesSolver,
    flow_from_psi,
    relative_velocity_error,
)
from tellus.surrogate.data import SPLITS, Dataset, StoredSimulation

from .record import save

DEFAULT = ("coarse:2", "coarse:4", "reduced:2", "reduced:4", "reduced:8", "surrogate")
Row = dict[str, Any]


def main(
    data: Path,
    solvers: Sequence[str] | None = None,
    *,
    split: str | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Relative velocity errors of `solvers` on the evenly spread snapshots of a data set.

    Parameters
    ----------
    data : Path
        A data set made by `tellus dataset`.
    solvers : sequence of str, optional
        Names as --stokes takes them; by default the approximate ones that fit.
    split : str, optional
        Only the simulations of this split; all of them by default.
    out : Path, optional
        File or directory to save the result in.

    Returns
    -------
    dict
        ``results``: a row per solver with the median, 95th percentile and maximum over all
        snapshots and, under ``simulations``, the same for each; and where it was measured.

    Raises
    ------
    InputError
        The data set is missing or damaged, or a solver that was asked for does not fit.
    """
    dataset = Dataset.open(data)
    present = {entry["split"] for entry in dataset.card["simulations"]}
    splits = [name for name in SPLITS if name in present] if split is None else [split]
    entrants = _entrants(solvers, dataset)
    rows: dict[str, list[Row]] = {name: [] for name in entrants}
    for simulation in (s for name in splits for s in dataset.simulations(name)):
        for name, solver in entrants.items():
            rows[name].append(_row(solver, simulation))
    result = {
        "benchmark": "box",
        "data": {"hash": dataset.card["hash"], "splits": splits},
        "grid": str(dataset.grid),
        **provenance(),
        "results": [{"solver": name, **_overall(found)} for name, found in rows.items()],
    }
    if out is not None:
        save(result, out)
    return result


def _entrants(names: Sequence[str] | None, dataset: Dataset) -> dict[str, StokesSolver]:
    """The solvers, each built once; those of the default that don't fit are left out."""
    found = {}
    for name in dict.fromkeys(DEFAULT if names is None else names):
        try:
            found[name] = make_solver(name, dataset.grid)
        except (InputError, ImportError):
            if names is not None:
                raise
    return found


def _row(solver: StokesSolver, simulation: StoredSimulation) -> Row:
    chosen = np.flatnonzero(simulation.even & (simulation.vrms() >= QUIET_VRMS))
    errors = [_error(solver, simulation, int(k)) for k in chosen]
    return {
        "name": simulation.name,
        "gamma_T": simulation.rheology.gamma_T,
        "gamma_p": simulation.rheology.gamma_p,
        "heating": simulation.heating,
        "quiet_snapshots_left_out": int(simulation.even.sum()) - len(chosen),
        "errors": errors,
        **_summary(errors),
    }


def _error(solver: StokesSolver, simulation: StoredSimulation, snapshot: int) -> float:
    problem = simulation.problem(snapshot)
    solver.check(problem)
    return relative_velocity_error(solver.solve(problem), _label(simulation, snapshot))


def _label(simulation: StoredSimulation, snapshot: int) -> Flow:
    return flow_from_psi(simulation.psi[snapshot], simulation.grid, StokesReport("label"))


def _overall(simulations: list[Row]) -> Row:
    errors = [error for row in simulations for error in row["errors"]]
    if not errors:
        raise InputError("--data: no snapshot of these simulations moves; use another data set.")
    return {"snapshots": len(errors), **_summary(errors), "simulations": simulations}


def _summary(errors: list[float]) -> Row:
    """None where a simulation never moves."""
    if not errors:
        return {"median": None, "p95": None, "max": None}
    return {
        "median": float(np.median(errors)),
        "p95": float(np.percentile(errors, 95)),
        "max": max(errors),
    }


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal: a line per simulation, the mildest first, a column per solver."""
    rows = result["results"]
    view = Table(
        title=f"velocity error at {result['grid']}, median (95th percentile) over snapshots",
        title_justify="left",
    )
    for heading in ("gamma_T", "gamma_p", "H", *(row["solver"] for row in rows)):
        view.add_column(heading, justify="right")
    lines = list(zip(*(row["simulations"] for row in rows), strict=True))
    for line in sorted(lines, key=lambda line: line[0]["gamma_T"] / line[0]["gamma_p"]):
        case = line[0]
        view.add_row(
            *(f"{case['gamma_T']:.1e}", f"{case['gamma_p']:.3g}", f"{case['heating']:.3g}"),
            *(_percents(row) for row in line),
        )
    view.add_section()
    view.add_row("all", "", "", *(_percents(row) for row in rows))
    return view


def _percents(row: Row) -> str:
    if row["median"] is None:
        return "-"
    return f"{100 * row['median']:.2g} ({100 * row['p95']:.2g}) %"
