"""How near does the matrix-free operator come to the memory's bandwidth?

Applying A reads the stream function and the operator's weights and writes the result. A copy
that moves as many bytes, half read and half written, in the same run says how fast memory is.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from rich.table import Table

from tellus.io.busy import background_load
from tellus.solver import initial
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator

from .fields import CASE, Case
from .record import document, milliseconds, save, setting
from .sampling import Row
from .spread import Spread
from .timing import check_repeats, fixed_threads, rest

CALLS = 10
"""Calls in a sample, back to back, as in an iteration."""


def main(
    grids: Sequence[Grid] = (Grid(2048, 512),),
    *,
    threads: int | None = None,
    repeats: int = 10,
    out: Path | None = None,
    case: Case = CASE,
) -> dict[str, Any]:
    """Time A psi against copies of the same bytes; parameters as in `benchmarks.stokes`.

    The viscosity is that of the case's law for a smooth temperature: what the operator costs
    doesn't depend on its values.

    Returns
    -------
    dict
        ``results``: per grid, rows of the "apply" and of two copies with bytes, seconds and
        gigabytes per second; ``aims``: per grid, the apply's share of the faster copy's bandwidth;
        and where it was measured.
    """
    check_repeats(repeats)
    with fixed_threads(threads) as count:
        result = document("apply", grids, case, repeats, background_load()) | {"threads": count}
        measured = [_measure(grid, case, repeats) for grid in grids]
    result["results"] = [row for rows, _ in measured for row in rows]
    result["aims"] = [aim for _, aim in measured]
    if out is not None:
        save(result, out)
    return result


def bytes_moved(grid: Grid) -> int:
    """Bytes that an apply cannot do without: psi, weights of nodes and of cells, the result."""
    return 8 * (3 * int(np.prod(grid.nodes)) + int(np.prod(grid.cells)))


def _measure(grid: Grid, case: Case, repeats: int) -> tuple[list[Row], Row]:
    moved = bytes_moved(grid)
    calls = {"apply": _apply(grid, case), **_copies(moved // 16)}
    samples: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(repeats):
        for what, call in calls.items():
            rest()
            call()
            samples[what].append(_seconds(call))
    rows = [
        {
            "grid": str(grid),
            "what": what,
            "bytes": moved,
            **Spread.of(seconds).to_json(),
            **Spread.of(1e-9 * moved / each for each in seconds).to_json("gigabytes_per_second"),
        }
        for what, seconds in samples.items()
    ]
    return rows, _aim(grid, samples)


def _aim(grid: Grid, samples: Mapping[str, Sequence[float]]) -> Row:
    """The apply's share of the faster copy's bandwidth, round by round."""
    fastest = min((what for what in samples if what != "apply"), key=lambda w: median(samples[w]))
    pairs = zip(samples[fastest], samples["apply"], strict=True)
    shares = Spread.of(copied / applied for copied, applied in pairs)
    return {"grid": str(grid), "copy": fastest, **shares.to_json("apply_over_copy")}


def _apply(grid: Grid, case: Case) -> Callable[[], object]:
    temperature = initial.conductive(grid) + 0.1 * initial.mode_perturbation(grid, 1)
    product = PsiOperator(grid).at(case.rheology.viscosity(temperature, grid))
    psi: Array = np.zeros(grid.nodes)
    psi[1:-1, 1:-1] = np.random.default_rng(0).standard_normal((grid.ny - 1, grid.nx - 1))
    result = np.empty(grid.nodes)
    return lambda: product(psi, out=result)


def _copies(numbers: int) -> dict[str, Callable[[], object]]:
    """Copies of that many float64: NumPy's on one thread, PyTorch's on as many as are allowed."""
    source, target = np.ones(numbers), np.zeros(numbers)
    read, write = torch.from_numpy(source.copy()), torch.from_numpy(target.copy())
    return {
        "copy (numpy)": lambda: np.copyto(target, source),
        "copy (torch)": lambda: write.copy_(read),
    }


def _seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        call()
    return (perf_counter() - start) / CALLS


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="the operator against a copy", title_justify="left")
    view.add_column("grid")
    view.add_column("what")
    for heading in ("MB", "milliseconds", "GB/s"):
        view.add_column(heading, justify="right")
    for row in result["results"]:
        view.add_row(
            row["grid"],
            row["what"],
            f"{1e-6 * row['bytes']:.3g}",
            milliseconds(row),
            f"{row['gigabytes_per_second']:.3g}",
        )
    lines = [
        f"{aim['grid']}: the operator reaches {_percent(aim)} of the bandwidth of a {aim['copy']} "
        "of the same bytes"
        for aim in result["aims"]
    ]
    view.caption = "\n".join([*lines, setting(result)])
    view.caption_justify = "left"
    return view


def _percent(aim: Row) -> str:
    middle, low, high = (100 * aim[f"apply_over_copy{end}"] for end in ("", "_min", "_max"))
    return f"{middle:.0f} % ({low:.0f} to {high:.0f})"
