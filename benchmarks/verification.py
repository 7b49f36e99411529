"""The whole verification table: every case with something published or exact to be held against."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tellus.errors import InputError
from tellus.io.whole_file import write_atomically

from . import analytic, convergence, steady, tables
from .harness import origin, timed
from .record import save
from .rows import ErrorRow, error_rows
from .spread import Result, Row

log = logging.getLogger(__name__)

RESOLUTIONS = (32, 64)
SMALLEST, LARGEST = 8, 1024


Verify = Callable[[Sequence[int]], Sequence[ErrorRow]]
"""What measures a case at some resolutions."""


def cases() -> dict[str, Verify]:
    """What verifies each case, by name."""
    return {
        **{
            name: partial(steady.verify, case)
            for name, case in (steady.CASES | steady.HIGH_ORDER).items()
        },
        **{name: partial(_exact_flow, name) for name in analytic.CASES},
        "grid-convergence": _grid_convergence,
        "time-step-convergence": lambda sizes: convergence.time_step_convergence(min(sizes)),
    }


def _exact_flow(case: str, resolutions: Sequence[int]) -> list[ErrorRow]:
    return error_rows(case, {cells: analytic.errors(case, cells) for cells in resolutions})


def _grid_convergence(resolutions: Sequence[int]) -> list[ErrorRow]:
    """Errors from half the coarsest resolution on, so that two are enough for an order."""
    grids = [min(resolutions) // 2]
    while 2 * grids[-1] <= max(resolutions):
        grids.append(2 * grids[-1])
    return convergence.grid_convergence(grids)


def main(
    names: Sequence[str] | None = None,
    resolutions: Sequence[int] = RESOLUTIONS,
    *,
    out: Path | None = None,
) -> Row:
    """Run cases at several resolutions, cells a side of a square or unit box.

    All of `cases()` by default. Three resolutions that double each time give every order and
    extrapolation. The result is saved as JSON in `out`, and as Markdown beside it.

    Returns
    -------
    dict
        ``results``: rows, see `PublishedRow` and `ErrorRow`; ``seconds`` by case; and where it was
        measured.

    Raises
    ------
    InputError
        A case is not known, or a resolution out of range.
    """
    known = cases()
    chosen = list(known) if names is None else list(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            raise InputError(f'there is no case "{name}": --cases takes {", ".join(known)}.')
    grids = sorted(set(resolutions))
    if not grids or not SMALLEST <= grids[0] <= grids[-1] <= LARGEST:
        raise InputError(
            f"--resolutions takes whole numbers of cells from {SMALLEST} to {LARGEST}, such as "
            "32,64,128."
        )
    result = origin("verification") | {"resolutions": grids, "results": [], "seconds": {}}
    for name in chosen:
        seconds, rows = timed(partial(known[name], grids))
        result["results"] += [row.to_json() for row in rows]
        result["seconds"][name] = seconds
        log.info("%s took %.0f s", name, seconds)
        if out is not None:
            # Case by case: the finest grids take long, and what is done shall not be lost.
            written = save(result, out)
            write_atomically(written.with_suffix(".md"), markdown(result).encode())
    return result


def markdown(result: Result) -> str:
    """The result as a table for the documentation, with its origin under it."""
    versions = result["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in ("numpy", "scipy") if name in versions)
    measured_with = f"Tellus {result['tellus']}, {named}; {result['machine']['processor']}."
    return f"{tables.markdown(tables.table(result), gap='')}\n{measured_with}\n"
