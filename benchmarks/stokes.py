"""What does a velocity cost, and how wrong is it?

Every solver gets the same temperatures, of a real run, in turn: one sample each,
then the next temperature. Beside them the direct solver is held against what it
is made of, a bare dpbtrf and dpbtrs on the same bands, and against MUMPS.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError, SolverError
from tellus.io.busy import Watch
from tellus.solver.grid import Grid
from tellus.solver.threads import allowed

from .fields import CASE, Case, sequences
from .harness import Measurement, in_turn
from .lapack_baseline import Aims, LapackBaseline, Parts
from .memory import KilledError, Memory, memory_of
from .record import save
from .sampling import References, Sample, Sequences, TimedSolver, Timings
from .scaling import exponents, save_figure
from .selection import DEFAULT, SINGLE_SOLVES, Selection, chosen, select
from .spread import Record, Row, Spread, optional
from .stokes_tables import table
from .timing import fixed_threads, thread_pools

__all__ = ["main", "table"]

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
) -> Row:
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
        ``results``: a row per grid and solver, see `StokesRow`; ``aims``: one per grid, see
        `Aims`; ``scaling``: exponents of the seconds in the number of cells; and where all of it
        was measured.
    """
    measurement = Measurement("stokes", grids, case, repeats, threads, out)
    _refuse_skip(solvers or ())
    names, required = chosen(solvers, DEFAULT, SINGLE_SOLVES)

    def measure(states: Sequences) -> Row:
        comparison = Comparison(names, required, states, repeats)
        taken = memory_of(names, states[0][-1], case, comparison.threads) if memory else {}
        with Watch() as watch:
            comparison.run(taken)
        return comparison.to_json() | {"others_percent": {comparison.grid: watch.others_percent}}

    result: Row = {}
    for result in measurement.by_grid(lambda grid: sequences(grid, case), measure):
        result["scaling"] = exponents(result["results"])
        if out is not None:
            save_figure(result, save(result, out))
    return result


def _refuse_skip(names: Sequence[str]) -> None:
    for name in names:
        if SolverSpec.parse(name).kind == "skip":
            raise InputError(
                f"bench stokes times single solves, and {name} holds the velocity between direct "
                "ones: leave it out, or use `tellus bench step`."
            )


@dataclass(frozen=True, kw_only=True)
class StokesRow(Record):
    """One solver on one grid.

    `speedup` is the direct solve over this one, taken round by round, so that slow drifts cancel;
    `warnings` are what the solver says of such problems, `memory_mib` what it adds to a process.
    """

    grid: str
    solver: str
    timings: Timings
    speedup: Spread | None = optional()
    warnings: list[str]
    memory_mib: float | None = None


class Comparison:
    """All solvers on one grid.

    Parameters
    ----------
    names : sequence of str
    required : bool
        Whether all of them must be there, and solve.
    sequences : sequence of sequences of StokesProblem
    repeats : int
        Samples of each solver.

    """

    def __init__(
        self, names: Sequence[str], required: bool, sequences: Sequences, repeats: int
    ) -> None:
        self.names, self.required = names, required
        self.sequences, self.repeats = sequences, repeats
        self.grid = str(sequences[0][0].grid)
        self.threads = allowed()
        self.rows: list[StokesRow] = []
        self.aims: Aims | None = None
        self.left_out: dict[str, str] = {}
        self.thread_pools: dict[str, int] = {}

    def run(self, memory: Mapping[str, Memory]) -> None:
        """Time them, as many at once as fit into memory, the direct solver always among them."""
        killed = {n: found for n, found in memory.items() if isinstance(found, KilledError)}
        self.left_out = {name: str(error) for name, error in killed.items()}
        alive = [name for name in self.names if name not in self.left_out]
        references = References(self.sequences, self.sequences[0][0].grid)
        for batch in batches(alive, memory):
            log.info("%s: %s", self.grid, ", ".join(batch))
            self._time(batch, references, memory)
        self.rows.sort(key=lambda row: self.names.index(row.solver))

    def to_json(self) -> Row:
        """What one grid adds to the result."""
        rows = [row.to_json() for row in self.rows]
        aims = [] if self.aims is None else [self.aims.to_json() | _best_mumps(rows)]
        left_out = {self.grid: self.left_out} if self.left_out else {}
        pools = {"thread_pools": self.thread_pools}
        return {"results": rows, "aims": aims, "left_out": left_out} | pools

    def _time(
        self, names: Sequence[str], references: References, memory: Mapping[str, Memory]
    ) -> None:
        entered = select(names, self.sequences[0][0], self.required)
        # Set again here: a library that a solver has just loaded has its own idea.
        with fixed_threads(self.threads):
            timed = self._warmed_up(entered)
            parts = self._parts() if "direct" in timed and self.aims is None else {}
            solves = {
                n: partial(solver.sample, references=references) for n, solver in timed.items()
            }
            samplers: dict[Any, Callable[[int], Any]] = {**solves, **parts}
            taken = in_turn(samplers, self.repeats, failed=partial(self._gave_up, entered))
            self.thread_pools |= thread_pools()
        self.left_out |= entered.left_out
        direct = [sample.seconds for sample in taken.get("direct", [])]
        if parts and direct:
            self.aims = Aims.of(self.grid, {count: taken[count] for count in parts}, direct)
        already = {row.solver for row in self.rows}
        self.rows += [
            StokesRow(
                grid=self.grid,
                solver=name,
                timings=solver.timings(taken[name]),
                speedup=_speedup(direct, taken[name]),
                warnings=entered.warnings[name],
                memory_mib=_megabytes(memory.get(name)),
            )
            for name, solver in timed.items()
            if name in taken and name not in already
        ]

    def _parts(self) -> dict[int, Callable[[int], Parts]]:
        """What samples the parts of the direct solver, on one thread and on as many as there are.

        It is held against the faster.
        """
        baseline = LapackBaseline(self.sequences)
        return {n: partial(baseline.sample, threads=n) for n in sorted({1, self.threads})}

    def _warmed_up(self, entered: Selection) -> dict[str, TimedSolver]:
        timed = {}
        for name, solver in list(entered.solvers.items()):
            try:
                timed[name] = TimedSolver(solver, self.sequences, entered.build_seconds[name])
            except (SolverError, MemoryError) as error:
                self._gave_up(entered, name, error)
        return timed

    def _gave_up(self, entered: Selection, name: str, error: Exception) -> None:
        if self.required:
            raise error
        entered.leave_out(name, self.sequences[0][0].grid, str(error) or "out of memory")


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
    needed = {name: _megabytes(memory.get(name)) or 0.0 for name in names}
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


def _megabytes(memory: Memory) -> float | None:
    return memory if isinstance(memory, float) else None


def _speedup(direct: Sequence[float], samples: Sequence[Sample]) -> Spread | None:
    """None without the direct solver, or where it gave up on the way."""
    if len(direct) != len(samples):
        return None
    pairs = zip(direct, samples, strict=True)
    return Spread.of(seconds / sample.seconds for seconds, sample in pairs)


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
