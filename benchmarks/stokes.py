"""What does a velocity cost, and how wrong is it?

Every solver gets the same temperatures, of a real run, in turn: one sample each,
then the next temperature. Beside them the direct solver is held against what it
is made of, a bare dpbtrf and dpbtrs on the same bands, and against MUMPS.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError, SolverError
from tellus.io.busy import BUSY_PERCENT, Watch, background_load
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem

from .fields import CASE, Case, sequences
from .lapack_baseline import LapackBaseline, in_words
from .memory import KilledError, Memory, memory_of
from .record import document, milliseconds, save, setting
from .sampling import References, Row, TimedSolver
from .scaling import exponents, save_figure
from .selection import DEFAULT, SINGLE_SOLVES, Selection, chosen, remarks, select
from .spread import Spread
from .timing import check_repeats, fixed_threads, rest, thread_pools

log = logging.getLogger(__name__)

SHARE_OF_MEMORY = 0.5
ACCURATE = 1e-6
"""Largest velocity error of a solver that may stand for the best MUMPS."""


def main(
    grids: Sequence[Grid] = (Grid(256, 64),),
    solvers: Sequence[str] | None = None,
    *,
    threads: int | None = None,
    repeats: int = 10,
    memory: bool = False,
    out: Path | None = None,
    case: Case = CASE,
) -> dict[str, Any]:
    """Time one Stokes solve with every solver on every grid.

    Parameters
    ----------
    grids : sequence of Grid
    solvers : sequence of str, optional
        Names as --stokes takes them, or ``["all"]``; by default direct, and the
        surrogate where its weights fit. `skip:N` is refused: between its direct solves it
        solves nothing, so only whole time steps say what it costs (`tellus bench step`).
    threads : int, optional
        Threads of every library; as many as the environment allows by default.
    repeats : int
        Samples per solver, at least five.
    memory : bool
        Measure memory too, in a process of its own for each solver and grid.
    out : Path, optional
        File or directory to save the result in, grid by grid, and a picture beside it.
    case : Case
        The run that the temperatures come from.

    Returns
    -------
    dict
        ``results``: a row per grid and solver; ``aims``: a row per grid, the direct
        solver against its parts and against MUMPS; ``scaling``: exponents of the seconds in the
        number of cells; and where all of it was measured.
    """
    check_repeats(repeats)
    _refuse_skip(solvers or ())
    names, required = chosen(solvers, DEFAULT, SINGLE_SOLVES)
    with fixed_threads(threads) as count:
        result = document("stokes", grids, case, repeats, background_load()) | {"threads": count}
    result |= {"results": [], "aims": [], "left_out": {}, "scaling": [], "others_percent": {}}
    for grid in grids:
        comparison = Comparison(names, required, sequences(grid, case), repeats, count)
        taken = memory_of(names, comparison.sequences[0][-1], case, count) if memory else {}
        with Watch() as watch:
            comparison.run(taken)
        result["others_percent"][str(grid)] = watch.others_percent
        result["results"] += comparison.rows
        result["aims"] += comparison.aims()
        result["thread_pools"] |= comparison.thread_pools
        if comparison.left_out:
            result["left_out"][str(grid)] = comparison.left_out
        result["scaling"] = exponents(result["results"])
        if out is not None:
            # Grid by grid: the finest take long, and what is done shall not be lost.
            save_figure(result, save(result, out))
    return result


def _refuse_skip(names: Sequence[str]) -> None:
    for name in names:
        if SolverSpec.parse(name).kind == "skip":
            raise InputError(
                f"bench stokes times single solves, and {name} holds the velocity between direct "
                "ones: leave it out, or use `tellus bench step`."
            )


class Comparison:
    """All solvers on one grid."""

    def __init__(
        self,
        names: Sequence[str],
        required: bool,
        sequences: Sequence[Sequence[StokesProblem]],
        repeats: int,
        threads: int,
    ) -> None:
        self.names, self.required = names, required
        self.sequences, self.repeats, self.threads = sequences, repeats, threads
        self.grid = sequences[0][0].grid
        self.bare: LapackBaseline | None = None
        self.rows: list[Row] = []
        self.left_out: dict[str, str] = {}
        self.thread_pools: dict[str, int] = {}
        self._direct_seconds: list[float] = []

    def run(self, memory: Mapping[str, Memory]) -> None:
        """Time them, as many at once as fit into memory, the direct solver always among them."""
        with fixed_threads(self.threads):
            references = References(self.sequences, self.grid)
        for batch in batches(self._alive(memory), memory):
            log.info("%s: %s", self.grid, ", ".join(batch))
            self.rows += self._batch(batch, references)
        for row in self.rows:
            found = memory.get(row["solver"])
            row["memory_mib"] = found if isinstance(found, float) else None
        self.rows.sort(key=lambda row: self.names.index(row["solver"]))

    def _alive(self, memory: Mapping[str, Memory]) -> list[str]:
        killed = [name for name in self.names if isinstance(memory.get(name), KilledError)]
        self.left_out |= {name: str(memory[name]) for name in killed}
        return [name for name in self.names if name not in killed]

    def _batch(self, names: Sequence[str], references: References) -> list[Row]:
        entered = select(names, self.sequences[0][0], self.required)
        # Set again here: a library that a solver has just loaded has its own idea.
        with fixed_threads(self.threads):
            timed = self._warmed_up(entered)
            if "direct" in timed and self.bare is None:
                self.bare = LapackBaseline(self.grid, self.threads)
            # In turn, one sample each: whatever slows the machine for a while slows all of them.
            states = cycle(enumerate(self.sequences))
            for state, sequence in islice(states, self.repeats):
                self._round(entered, timed, state, sequence, references)
            self.thread_pools |= thread_pools()
        self.left_out |= entered.left_out
        return self._rows(entered, timed)

    def _warmed_up(self, entered: Selection) -> dict[str, TimedSolver]:
        timed = {}
        for name, solver in list(entered.solvers.items()):
            try:
                timed[name] = TimedSolver(solver, self.sequences[0][0])
            except (SolverError, MemoryError) as error:
                self._gave_up(entered, name, error)
        return timed

    def _round(
        self,
        entered: Selection,
        timed: dict[str, TimedSolver],
        state: int,
        sequence: Sequence[StokesProblem],
        references: References,
    ) -> None:
        for name, solver in list(timed.items()):
            rest()
            try:
                solver.sample(state, sequence, references)
            except (SolverError, MemoryError) as error:
                del timed[name]
                self._gave_up(entered, name, error)
        if self.bare is not None and not self.rows:
            self.bare.sample(sequence[-2], sequence[-1])

    def _gave_up(self, entered: Selection, name: str, error: Exception) -> None:
        if self.required:
            raise error
        entered.leave_out(name, self.grid, str(error) or "out of memory")

    def _rows(self, entered: Selection, timed: Mapping[str, TimedSolver]) -> list[Row]:
        direct = timed.get("direct")
        paces = [sample.seconds for sample in direct.samples] if direct else []
        already = {row["solver"] for row in self.rows}
        if "direct" not in already:
            self._direct_seconds = paces
        return [
            {
                "grid": str(self.grid),
                "solver": name,
                **solver.row(entered.build_seconds[name]),
                **_speedup(paces, solver),
                "warnings": entered.warnings[name],
            }
            for name, solver in timed.items()
            if name not in already
        ]

    def aims(self) -> list[Row]:
        """The direct solver against its parts and the best MUMPS, where it takes part."""
        if self.bare is None:
            return []
        aims = {"grid": str(self.grid), **self.bare.aims(self._direct_seconds)}
        return [aims | _best_mumps(self.rows)]


def batches(
    names: Sequence[str],
    memory: Mapping[str, Memory],
    limit: float | None = None,
) -> list[list[str]]:
    """Names in groups that fit into memory together, "direct" in each of them if in any.

    `limit` in MiB, half of what is available by default.

    >>> batches(["direct", "a", "b", "c"], {"direct": 1.0, "a": 5.0, "b": 3.0, "c": 2.0}, 6.0)
    [['direct', 'a'], ['direct', 'b', 'c']]
    """
    if limit is None:
        limit = SHARE_OF_MEMORY * psutil.virtual_memory().available / 2**20
    size = {name: memory.get(name) for name in names}
    needed = {name: mib if isinstance(mib, float) else 0.0 for name, mib in size.items()}
    always = [name for name in names if name == "direct"]
    groups, free = [list(always)], limit - sum(needed[name] for name in always)
    for name in names:
        if name in always:
            continue
        if needed[name] > free and groups[-1] != always:
            groups.append(list(always))
            free = limit - sum(needed[each] for each in always)
        groups[-1].append(name)
        free -= needed[name]
    return groups


def _speedup(paces: Sequence[float], solver: TimedSolver) -> dict[str, float]:
    """Direct solve over this one, taken round by round, so that slow drifts cancel."""
    if not paces:
        return {}
    pairs = zip(paces, solver.samples, strict=True)
    return Spread.of(direct / sample.seconds for direct, sample in pairs).to_json("speedup")


def _best_mumps(rows: Sequence[Row]) -> Row:
    """The fastest accurate MUMPS on u, v, p, and how often the direct solver fits into it."""
    rivals = [
        row
        for row in rows
        if SolverSpec.parse(row["solver"]).kind == "mumps"
        and row["velocity_error"] is not None
        and row["velocity_error"] <= ACCURATE
    ]
    if not rivals:
        return {}
    best = max(rivals, key=lambda row: row["speedup"])
    return {"best_mumps": best["solver"], "mumps_over_direct": 1.0 / best["speedup"]}


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal."""
    view = Table(title="one Stokes solve, milliseconds", title_justify="left")
    view.add_column("grid")
    view.add_column("solver")
    for heading in ("solve", "velocity error", "iterations", "set-up", "memory"):
        view.add_column(heading, justify="right")
    view.add_column("phases")
    for row in result["results"]:
        phases = ", ".join(f"{name} {1e3 * s:.3g}" for name, s in row["phases"].items())
        view.add_row(
            row["grid"],
            row["solver"],
            milliseconds(row),
            error_text(row),
            iterations_text(row),
            f"{1e3 * row['setup_seconds']:.3g}",
            memory_text(row),
            phases,
        )
    view.caption = "\n".join([*verdicts(result), *remarks(result), setting(result)])
    view.caption_justify = "left"
    return view


def error_text(row: Row) -> str:
    """The velocity error in percent."""
    error = row["velocity_error"]
    return "-" if error is None else f"{100 * error:.2g} %"


def iterations_text(row: Row) -> str:
    """Mean iterations of a solve; of one that starts from nothing; products with A in each."""
    more = []
    if "cold_iterations" in row:
        more.append(f"cold: {row['cold_iterations']:g}")
    if "products_per_iteration" in row:
        more.append(f"{row['products_per_iteration']:.2g} products each")
    return f"{row['iterations']:.3g}" + (f" ({', '.join(more)})" if more else "")


def memory_text(row: Row) -> str:
    """The memory in MiB."""
    return "-" if row.get("memory_mib") is None else f"{row['memory_mib']:.0f} MiB"


def verdicts(result: Mapping[str, Any]) -> list[str]:
    """The aims in sentences."""
    lines = []
    for row in result["aims"]:
        lines.append(
            f"{row['grid']}: assembling the bands takes {100 * row['bands_over_factor']:.1f} % of "
            f"factoring them; the direct solve {row['direct_over_bare']:.2f} times a bare "
            f"dpbtrf + dpbtrs ({in_words(row)})"
        )
        if "best_mumps" in row:
            lines.append(
                f"{row['grid']}: the best MUMPS on u, v and p, {row['best_mumps']}, takes "
                f"{row['mumps_over_direct']:.2f} times as long as the direct solve"
            )
    for grid, busy in result["others_percent"].items():
        if busy > BUSY_PERCENT:
            lines.append(f"{grid}: other work used {busy:.0f} % of the machine: do not quote it")
    exponents = ", ".join(f"{row['solver']} {row['exponent']:.2f}" for row in result["scaling"])
    return lines + ([f"seconds grow with the cells to the power of: {exponents}"] * bool(exponents))
