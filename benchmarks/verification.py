"""The whole verification table: every case with something published or exact to be held against."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.table import Table

from tellus.coupling.runs.provenance import provenance
from tellus.errors import InputError
from tellus.io.whole_file import write_atomically

from . import analytic, blankenbach, convergence, steady, tosi
from .record import save
from .rows import Row

log = logging.getLogger(__name__)

Verify = Callable[[Sequence[int]], list[Row]]
RESOLUTIONS = (32, 64)
SMALLEST, LARGEST = 8, 1024

HEADINGS = (
    "case",
    "resolution",
    "quantity",
    "published",
    "measured",
    "deviation",
    "order",
    "extrapolated",
)


def cases() -> dict[str, Verify]:
    """What verifies each case, by name."""
    steady_cases = (*blankenbach.CASES.values(), *tosi.CASES.values())
    return {
        **{case.name: partial(steady.verify, case) for case in steady_cases},
        **{name: partial(analytic.verify, name) for name in analytic.CASES},
        "grid-convergence": _grid_convergence,
        "time-step-convergence": _time_step_convergence,
    }


def _grid_convergence(resolutions: Sequence[int]) -> list[Row]:
    """From half the coarsest, so that two resolutions are enough for an order."""
    grids = [min(resolutions) // 2]
    while 2 * grids[-1] <= max(resolutions):
        grids.append(2 * grids[-1])
    return convergence.grid_convergence(grids)


def _time_step_convergence(resolutions: Sequence[int]) -> list[Row]:
    return convergence.time_step_convergence(min(resolutions))


def main(
    names: Sequence[str] | None = None,
    resolutions: Sequence[int] = RESOLUTIONS,
    *,
    out: Path | None = None,
) -> dict[str, Any]:
    """Run cases at several resolutions, cells a side of a square or unit box.

    Parameters
    ----------
    names : sequence of str, optional
        Of `cases()`; all of them by default.
    resolutions : sequence of int
        Three that double each time give every order and extrapolation.
    out : path, optional
        Save as JSON there, and as Markdown beside it.

    Returns
    -------
    dict
        ``results``: rows as `rows.table_rows` and `rows.error_rows` describe them; ``seconds`` by
        case; and where it was measured.

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
    result: dict[str, Any] = {"benchmark": "verification", **provenance()}
    result |= {"resolutions": grids, "results": [], "seconds": {}}
    for name in chosen:
        start = perf_counter()
        result["results"] += known[name](grids)
        result["seconds"][name] = perf_counter() - start
        log.info("%s took %.0f s", name, result["seconds"][name])
        if out is not None:
            # Case by case: the finest grids take long, and what is done shall not be lost.
            written = save(result, out)
            write_atomically(written.with_suffix(".md"), markdown(result).encode())
    return result


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="verification", title_justify="left")
    for heading in HEADINGS:
        numeric = heading not in ("case", "quantity")
        view.add_column(heading, justify="right" if numeric else "left")
    for row in result["results"]:
        view.add_row(*_cells(row))
    return view


def markdown(result: Mapping[str, Any]) -> str:
    """The result as a table for the documentation, with its origin under it."""
    lines = [
        f"| {' | '.join(HEADINGS)} |",
        f"|{'|'.join('---' if h in ('case', 'quantity') else '---:' for h in HEADINGS)}|",
        *(f"| {' | '.join(_cells(row))} |" for row in result["results"]),
    ]
    versions = result["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in ("numpy", "scipy") if name in versions)
    origin = f"Tellus {result['tellus']}, {named}; {result['machine']['processor']}."
    return "\n".join([*lines, "", origin, ""])


def _cells(row: Row) -> tuple[str, ...]:
    exact = row["published"] is None
    steps = f" ({row['steps']} steps)" if "steps" in row else ""
    order, limit = row["order"], row.get("extrapolated")
    return (
        row["case"],
        f"{row['resolution']}{steps}",
        row["quantity"],
        "" if exact else _span(row["published_min"], row["published_max"]),
        f"{row['measured']:.3g}" if exact else f"{row['measured']:.6g}",
        "" if exact else _percent(row["deviation"]),
        "" if order is None else f"{order:.2f}",
        "" if limit is None else f"{limit:.6g} ({_percent(row['extrapolated_deviation'])})",
    )


def _percent(deviation: float) -> str:
    return f"{100 * deviation:+.3f} %" if deviation else "inside"


def _span(low: float, high: float) -> str:
    return f"{low:.7g}" if low == high else f"{low:.7g} to {high:.7g}"
