"""Long means of the 18 test simulations from developed states, grids and closures side by side.

Each begins with the profile predicted for it, is grown on 128x32 cells, carried to 256x64 and
settled there; what follows is rolled out by every scheme, over overturns by the hundred. Means are
held against those of a finer run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from tellus.config import load_dataset_config
from tellus.config.examples import example
from tellus.config.own_class import HOMOGENISED, NO_CLOSURE
from tellus.coupling.dataset.sampling import Member, members
from tellus.io.lock import sole_user
from tellus.io.recognised import refuse_made
from tellus.solver.grid import Grid

from .accuracy import BEST, HIGH, OF_OWN_GRID, TODAY, check_grid, named, roll_out, tried
from .accuracy_cases import FINE, LADDER, AccuracyCase, Scheme
from .accuracy_reference import (
    STORED,
    Reference,
    chance,
    finished,
    rolled_out,
    start_of,
    store,
    those_stored,
)
from .fronts import CHANCE, CaseDistances, floored
from .harness import fixed_threads, origin
from .record import save
from .spread import Record, Result, Row, optional
from .tables import view

KEPT = STORED.with_name("suite-reference.npz")

SCHEMES = (
    TODAY,
    HIGH,
    BEST,
    OF_OWN_GRID,
    *(replace(one, closure=HOMOGENISED) for one in (TODAY, OF_OWN_GRID, BEST)),
)

DEVELOPED, LONG, LONG_FINE = 40, 100, 50
"""Overturns before the start, after it, and after it with a reference on the finest grid."""

LEFT_OUT = 0.2
"""Share of the overturns after the start that is left out of means."""

OVERTURNS = {
    "sim_000": 1.4e-4,
    "sim_001": 3.1e-3,
    "sim_002": 1.15e-3,
    "sim_003": 5.6e-3,
    "sim_004": 5.1e-4,
    "sim_005": 5e-3,
    "sim_006": 1.4e-4,
    "sim_007": 5e-2,
    "sim_008": 9.6e-4,
    "sim_009": 1.65e-3,
    "sim_010": 1.6e-4,
    "sim_011": 5.4e-2,
    "sim_012": 8e-4,
    "sim_013": 4.7e-3,
    "sim_014": 7.6e-4,
    "sim_015": 1.85e-3,
    "sim_016": 6.9e-4,
    "sim_017": 8.8e-4,
}
"""Model time in which the developed flow crosses the box's height, from a run on 128x32 cells."""

FINELY = ("sim_000", "sim_003", "sim_004", "sim_009", "sim_013", "sim_014")
"""Cases with a reference on the finest grid: three of each half, spread over the box."""

VIGOROUS = 1e8
"""The gamma_T from which a case counts as vigorous."""

QUANTITIES = {
    "T(y)": "profile_error",
    "Nu top, %": "nusselt_top_error",
    "Nu bottom, % of top": "nusselt_bottom_error",
    "Vrms, %": "vrms_error",
    "surface, %": "surface_velocity_error",
}
"""What is compared, by its heading."""

SCHEME = ("grid", "advection", "velocity", "courant", "solver", "closure")
"""Keys of a row that say how it was stepped."""


@cache
def cases() -> dict[str, AccuracyCase]:
    """The test simulations of the data sets of the paper's box, by name."""
    config = load_dataset_config(example("dataset-128x32"))
    return {one.name: _case(one) for one in members(config) if one.split == "test"}


def _case(member: Member) -> AccuracyCase:
    overturn, fine = OVERTURNS[member.name], member.name in FINELY
    long = (LONG_FINE if fine else LONG) * overturn
    return AccuracyCase(
        member.name,
        member.gamma_T,
        member.gamma_p,
        member.heating,
        start=DEVELOPED * overturn,
        determined=LEFT_OUT * long,
        long=long,
        outputs=0,
        initial="predicted",
        ladder=(Grid(128, 32), LADDER[0]),
        finest=FINE if fine else LADDER[0],
    )


def main(
    grids: Sequence[Grid],
    names: Sequence[str] | None = None,
    *,
    out: Path,
    closure: str | None = None,
    reference: bool = False,
    threads: int | None = 1,
) -> Row:
    """Roll every simulation that has a reference out on every coarser grid.

    Parameters
    ----------
    grids : sequence of Grid
    names : sequence of str, optional
        Of `cases()`; all by default.
    out : Path
        Directory of the rollouts and the result; what it holds is not run again.
    closure : str, optional
        One to be tried beside them: a trained one's directory, or `FILE.py:CLASS`.
    reference : bool
        Make references that are missing, and keep them with the results of the repository.
    threads : int, optional
        Threads of every library.

    Returns
    -------
    dict
        ``results``: an `AccuracyRow` per rollout; ``medians``: a row per scheme, of the errors and,
        with a closure, of their ratios to those without; ``distances``: of each simulation, what
        its reference's means are uncertain by; ``without_reference``; and where it was measured.
    """
    chosen = named(names, cases())
    for grid in grids:
        check_grid(grid, any(grid.nx < case.finest.nx for case in chosen))
    schemes = tried(SCHEMES, closure, [BEST])
    refuse_made(out)
    with sole_user(out), fixed_threads(threads) as count:
        found = _references(chosen, out, make=reference)
        result = origin("suite", grid=",".join(map(str, grids)), threads=count)
        result["distances"] = {name: dict(one.distances) for name, one in found.items()}
        result["references"] = {name: one.grid for name, one in found.items()}
        result["overturns"] = {
            c.name: c.long / found[c.name].overturn for c in chosen if c.name in found
        }
        result["without_reference"] = [one.name for one in chosen if one.name not in found]
        planned = product((one for one in chosen if one.name in found), grids, schemes)
        roll_out((one for one in planned if one[1].nx < one[0].finest.nx), found, result, out)
        result["medians"] = [
            one.to_json() for one in medians(result["results"], result["distances"])
        ]
        save(result, out)
        return result


def _references(chosen: Sequence[AccuracyCase], out: Path, *, make: bool) -> dict[str, Reference]:
    """Stored references of cases, by name, the missing ones made where that is asked for."""
    found = those_stored([case.name for case in chosen], KEPT, bench="suite")
    for case in chosen if make else ():
        if case.name not in found:
            start = start_of(case)
            rollout = finished(rolled_out(case, case.finest, BEST, start, out))
            distances = {CHANCE: chance(rollout, case)}
            found[case.name] = Reference.of(rollout, case, start, distances)
            store({case.name: found[case.name]}, KEPT)
    return found


@dataclass(frozen=True, kw_only=True)
class SuiteRow(Record):
    """Medians of a scheme over the simulations from a gamma_T on, errors as in `AccuracyRow`.

    `over_base`, of a scheme with a closure: medians of its errors over those without.
    """

    grid: str
    scheme: Scheme
    least_gamma_T: float
    simulations: int
    to_the_end: int
    milliseconds_per_step: float
    errors: dict[str, float]
    over_base: dict[str, float] | None = optional()


def medians(results: Sequence[Row], distances: CaseDistances) -> list[SuiteRow]:
    """Rows of medians over the vigorous simulations and over all; chance is the least error."""
    found = []
    for least, scheme in product((VIGOROUS, 0.0), dict.fromkeys(_scheme(row) for row in results)):
        rows = [r for r in results if _scheme(r) == scheme and cases()[r["case"]].gamma_T >= least]
        done = _to_the_end(rows, distances)
        if not done:
            continue
        without = [r for r in results if _scheme(r) == (*scheme[:-1], NO_CLOSURE)]
        bases = {r["case"]: r for r in _to_the_end(without, distances)}
        ratios = [
            {name: row[name] / bases[row["case"]][name] for name in QUANTITIES.values()}
            for row in done
            if scheme[-1] != NO_CLOSURE and row["case"] in bases
        ]
        found.append(
            SuiteRow(
                grid=scheme[0],
                scheme=Scheme(*scheme[1:]),
                least_gamma_T=least,
                simulations=len(rows),
                to_the_end=len(done),
                milliseconds_per_step=median(1e3 * r["cpu_seconds"] / r["steps"] for r in done),
                errors=_medians(done),
                over_base=_medians(ratios) if ratios else None,
            )
        )
    return found


def _to_the_end(rows: Sequence[Row], distances: CaseDistances) -> list[Row]:
    done = [row for row in rows if row["failed"] is None]
    return floored(done, distances, list(QUANTITIES.values()))


def _scheme(row: Row) -> tuple[Any, ...]:
    return tuple(row[key] for key in SCHEME)


def _medians(rows: Sequence[Row]) -> dict[str, float]:
    return {name: median(row[name] for row in rows) for name in QUANTITIES.values()}


def table(result: Result) -> Table:
    """The medians for a terminal."""
    return view("suite", result, quantities=QUANTITIES)
