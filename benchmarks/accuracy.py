"""Error for CPU seconds: grids, transport, Courant numbers and Stokes solvers, from one state.

All rollouts of a case begin with the same cell means and cover the same model time; errors are
those of 128x32 cell means against a converged reference.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median

from rich.table import Table

from tellus.config.own_class import CLASSICAL, HOMOGENISED, NO_CLOSURE
from tellus.coupling.build import closure_named
from tellus.coupling.output.style import save_picture
from tellus.coupling.trajectory.record import Trajectory
from tellus.errors import InputError
from tellus.io.lock import sole_user
from tellus.io.recognised import refuse_made
from tellus.solver.grid import Grid

from .accuracy_cases import CASES, COMPARED, FINEST, AccuracyCase, Scheme
from .accuracy_figure import QUANTITIES, figure
from .accuracy_reference import Judged, Reference, rolled_out, store, stored
from .fronts import EqualError, at_equal_error, floored
from .harness import fixed_threads, origin
from .record import save
from .spread import Record, Result, Row, optional
from .tables import view

log = logging.getLogger(__name__)

TODAY = Scheme()
HIGH = Scheme("mp5", "mid-step", 1.0)
BEST = replace(HIGH, courant=1.25, solver="richardson:8")
"""The cheapest at the smallest errors."""
OF_OWN_GRID = replace(HIGH, velocity="held")
"""What a closure for solves on the own grid is tried with."""

SCHEMES = (
    TODAY,
    replace(TODAY, courant=1.0),
    OF_OWN_GRID,
    *(replace(one, closure=HOMOGENISED) for one in (TODAY, OF_OWN_GRID, BEST)),
    HIGH,
    replace(HIGH, solver="fine:2"),
    replace(HIGH, courant=0.5, solver="richardson:4"),
    replace(HIGH, solver="richardson:4"),
    replace(HIGH, courant=1.25, solver="richardson:4"),
    replace(HIGH, solver="richardson:8"),
    BEST,
)


WITH_CLOSURE = (replace(HIGH, solver="richardson:4"), BEST)
"""What a closure is tried with."""


def tried(schemes: Sequence[Scheme], closure: str | None, others: Sequence[Scheme]) -> list[Scheme]:
    """The schemes, and those that a closure is tried with: the others, or that of its own grid.

    Raises InputError for a closure that there is not.
    """
    found = list(schemes)
    if closure is not None:
        law = closure_named(closure)
        if law is not None and law.of_own_grid:
            found.append(OF_OWN_GRID)
            others = [OF_OWN_GRID]
        found += [replace(one, closure=closure) for one in others]
    for scheme in found:
        _ = scheme.closure_sha256
    return list(dict.fromkeys(found))


@dataclass(frozen=True, kw_only=True)
class AccuracyRow(Record):
    """One rollout; `failed` is a sentence, or None.

    Errors are those of `Judged.errors`: T over the determined span, the rest over the long one.
    Of a closure that knows where it was trained, `mean_silent` and `largest_silent` are the shares
    of cells that it left to the scheme.
    """

    case: str
    grid: str
    scheme: Scheme
    failed: str | None
    steps: int
    rejected: int
    cpu_seconds: float
    cpu_seconds_per_model_time: float
    field_error: float | None = optional()
    final_field_error: float | None = optional()
    mean_temperature_error: float | None = optional()
    profile_error: float | None = optional()
    nusselt_top_error: float | None = optional()
    nusselt_bottom_error: float | None = optional()
    vrms_error: float | None = optional()
    surface_velocity_error: float | None = optional()
    closure_sha256: str | None = optional()
    mean_silent: float | None = optional()
    largest_silent: float | None = optional()


def main(
    grids: Sequence[Grid],
    cases: Sequence[str] | None = None,
    *,
    out: Path,
    schemes: Sequence[Scheme] = SCHEMES,
    closure: str | None = None,
    reference: bool = False,
    threads: int | None = 1,
) -> Row:
    """Roll every case out on every grid with every scheme.

    Parameters
    ----------
    grids : sequence of Grid
        On that of the reference, only other transport than its own is judged.
    cases : sequence of str, optional
        Of `CASES`; all by default.
    out : Path
        Directory of the rollouts and the result; what it holds is not run again.
    schemes : sequence of Scheme
    closure : str, optional
        One to be tried beside them: a trained one's directory, or `FILE.py:CLASS`.
    reference : bool
        Make the reference, and keep it with the results of the repository, before anything else.
    threads : int, optional
        Threads of every library.

    Returns
    -------
    dict
        ``results``: a row per rollout; ``distances``: of each case, what its reference is worth;
        and where it was measured.
    """
    chosen = named(cases, CASES)
    for grid in grids:
        check_grid(grid, any(_can_be_judged(*one) for one in product(chosen, [grid], schemes)))
    if not reference:
        stored([case.name for case in chosen])  # refused before anything is begun in `out`
    schemes = tried(schemes, closure, WITH_CLOSURE)
    refuse_made(out)
    with sole_user(out), fixed_threads(threads) as count:
        if reference:
            store({case.name: Reference.made(case, out) for case in chosen})
        found = stored([case.name for case in chosen])
        result = origin("accuracy", grid=",".join(map(str, grids)), threads=count)
        result["distances"] = {name: dict(one.distances) for name, one in found.items()}
        result["overturns"] = {
            case.name: [span / found[case.name].overturn for span in (case.determined, case.long)]
            for case in chosen
        }
        planned = product(chosen, grids, schemes)
        roll_out((one for one in planned if _can_be_judged(*one)), found, result, out)
        result["at_equal_error"] = [one.to_json() for one in _compared(result)]
        result["closure_at_equal_error"] = [one.to_json() for one in _with_closure(result)]
        written = save(result, out)
        save_picture(figure(result), written.with_suffix(".png"))
        return result


def roll_out(
    planned: Iterable[tuple[AccuracyCase, Grid, Scheme]],
    references: Mapping[str, Reference],
    result: Row,
    out: Path,
) -> None:
    """A row for each into the result, which is saved row by row, and the load beside them."""
    rows: list[Row] = []
    others: list[float] = []
    result |= {"results": rows, "background_load_percent": 0.0}
    for case, grid, scheme in planned:
        reference = references[case.name]
        done = rolled_out(case, grid, scheme, reference.start, out)
        rows.append(_row(case, grid, scheme, done, reference).to_json())
        if done.account.others_percent is not None:
            others.append(done.account.others_percent)
            result["background_load_percent"] = median(others)
        save(result, out)


def _compared(result: Result) -> list[EqualError]:
    """What high order takes for the errors that today's scheme reaches."""
    done = [row for row in _judged(result) if row["closure"] == NO_CLOSURE]
    ours, others = ([r for r in done if r["advection"] == s.advection] for s in (TODAY, HIGH))
    return at_equal_error(ours, others, list(QUANTITIES))


def _with_closure(result: Result) -> list[EqualError]:
    """What the best classical scheme takes for the errors that one with a network reaches."""
    done = _judged(result)
    ours = [row for row in done if row["closure"] not in CLASSICAL]
    others = [row for row in done if row["closure"] in CLASSICAL]
    return at_equal_error(ours, others, [*QUANTITIES, "profile_error"])


def _judged(result: Result) -> list[Row]:
    """The rollouts that ended, errors that chance makes counted as at least that."""
    done = [row for row in result["results"] if row["failed"] is None]
    return floored(done, result["distances"], [*QUANTITIES, "profile_error"])


def named(names: Sequence[str] | None, known: Mapping[str, AccuracyCase]) -> list[AccuracyCase]:
    """The cases of these names, or all that there are."""
    for name in names or ():
        if name not in known:
            raise InputError(f'--cases takes {", ".join(known)}, not "{name}".')
    return [known[name] for name in names or known]


def check_grid(grid: Grid, judged: bool) -> None:
    """Raise InputError for a grid whose cells are no parts of those compared, nor these of them.

    And for one on which nothing can be `judged`.
    """
    sides = (grid.nx, COMPARED.nx), (grid.ny, COMPARED.ny)
    if any(max(pair) % min(pair) for pair in sides):
        raise InputError(
            f"--grid {grid} cannot be averaged to {COMPARED} cells, on which schemes are compared: "
            "give multiples of that, or what divides it."
        )
    if not judged:
        raise InputError(
            f"--grid {grid}: no reference is finer, to judge it by: give a coarser one."
        )


def _can_be_judged(case: AccuracyCase, grid: Grid, scheme: Scheme) -> bool:
    """The reference's own transport on its own grid errs by as much as the reference."""
    own = scheme.advection == FINEST.advection
    return grid.nx < case.finest.nx or (grid.nx == case.finest.nx and not own)


def _row(
    case: AccuracyCase, grid: Grid, scheme: Scheme, done: Trajectory, reference: Reference
) -> AccuracyRow:
    """A rollout held against the reference of its case."""
    account = done.account
    span = max(done.end - case.start, 1e-300)
    errors = Judged.of(done, case).errors(reference.judged) if account.finished else {}
    return AccuracyRow(
        case=case.name,
        grid=str(grid),
        scheme=replace(scheme, closure=Path(scheme.closure).name),
        failed=None if account.finished else account.message,
        steps=account.steps,
        rejected=account.rejected,
        cpu_seconds=account.cpu_seconds,
        cpu_seconds_per_model_time=account.cpu_seconds / span,
        closure_sha256=account.closure_sha256,
        mean_silent=account.velocity_errors.get("mean_silent"),
        largest_silent=account.velocity_errors.get("largest_silent"),
        **errors,
    )


def table(result: Result) -> Table:
    """The result for a terminal, case by case, cheapest first."""
    names = {**QUANTITIES, "profile_error": "T(y)"}
    high, today = HIGH.advection, TODAY.advection
    return view("accuracy", result, quantities=names, high=high, today=today)
