"""What does a velocity cost, and how wrong is it?

Every solver gets the same temperatures, of a real run, in turn: one sample each,
then the next temperature. Beside them the direct solver is held against what it
is made of, the LAPACK baseline of dpbtrf and dpbtrs on the same bands, and against MUMPS.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from tellus.config.solver_spec import SolverSpec
from tellus.coupling.output.style import save_picture
from tellus.errors import InputError, SolverError
from tellus.io.busy import Watch
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow
from tellus.solver.threads import allowed

from .fields import sequences
from .harness import Measurement, add, fixed_threads, in_turn, thread_pools
from .memory import KilledError, Memory, memory_of
from .record import save
from .sampling import (
    LapackBaseline,
    Sample,
    Sequences,
    TimedSolver,
    Timings,
    aims,
    references,
)
from .selection import DEFAULT, SINGLE_SOLVES, Selection, chosen, select
from .spread import Record, Row, Spread, optional
from .stokes_views import exponents, figure

log = logging.getLogger(__name__)

SHARE_OF_MEMORY = 0.5
ACCURATE = 1e-6
"""Largest velocity error of a solver that may stand for the best MUMPS."""


MEASUREMENT = Measurement()


def main(
    measurement: Measurement = MEASUREMENT,
    solvers: Sequence[str] | None = None,
    memory: bool = False,
) -> Row:
    """Time one Stokes solve with every solver on every grid.

    Beside the result goes a picture. Solvers are named as --stokes takes them, or ``["all"]``; by
    default direct, and the surrogate where its weights fit. `skip:N` is refused: between its direct
    solves it solves nothing, so only whole time steps say what it costs (`tellus bench step`).
    `memory` is measured in a process of its own for each solver and grid.

    Returns
    -------
    dict
        ``results``: a row per grid and solver, see `StokesRow`; ``aims``: one per grid, see
        `Aims`; ``scaling``: exponents of the seconds in the number of cells; and where all of it
        was measured.
    """
    case, out = measurement.case, measurement.out
    _refuse_skip(solvers or ())
    names, required = chosen(solvers, DEFAULT, SINGLE_SOLVES)

    def measure(states: Sequences) -> Row:
        taken = memory_of(names, states[0][-1], allowed()) if memory else {}
        timing = GridTiming(names, required, states, measurement.repeats, taken)
        with Watch() as watch:
            found = timing.run()
        return found | {"others_percent": {str(timing.grid): watch.others_percent}}

    result: Row = {}
    for result in measurement.by_grid("stokes", lambda grid: sequences(grid, case), measure):
        result["scaling"] = exponents(result["results"])
        if out is not None:
            save_picture(figure(result), save(result, out).with_suffix(".png"))
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


@dataclass(frozen=True)
class GridTiming:
    """All solvers on one grid, `required` as in `Selection`; `memory` as measured, by solver."""

    names: Sequence[str]
    required: bool
    sequences: Sequences
    repeats: int
    memory: Mapping[str, Memory]

    @property
    def grid(self) -> Grid:
        """The grid of all problems."""
        return self.sequences[0][0].grid

    def run(self) -> Row:
        """Time them, as many at once as fit into memory, the direct solver always among them."""
        killed = {n: str(e) for n, e in self.memory.items() if isinstance(e, KilledError)}
        found: Row = {"results": [], "aims": [], "thread_pools": {}, "left_out": {**killed}}
        expected = references(self.sequences, self.grid)
        for batch in batches([name for name in self.names if name not in killed], self.memory):
            log.info("%s: %s", self.grid, ", ".join(batch))
            add(self._time(batch, expected, baseline=not found["aims"]), found)
        # Of a solver that is in several batches the first counts.
        rows = {row["solver"]: row for row in reversed(found["results"])}
        found["results"] = [rows[name] for name in self.names if name in rows]
        if found["aims"]:
            found["aims"][0] |= _best_mumps(found["results"])
        left_out = found.pop("left_out")
        return found | {"left_out": {str(self.grid): left_out} if left_out else {}}

    def _time(
        self, names: Sequence[str], expected: Sequence[Flow | None], *, baseline: bool
    ) -> Row:
        """What `names` add to the result; with `baseline`, the direct solver's parts, too."""
        selected, threads = select(names, self.sequences[0][0], self.required), allowed()
        # Set again here: a library that a solver has just loaded has its own idea.
        with fixed_threads(threads):
            timed = self._warmed_up(selected)
            samplers: dict[Any, Callable[[int], Any]] = {
                name: partial(solver.sample, expected=expected) for name, solver in timed.items()
            }
            # The direct solver is held against LAPACK on one thread or on as many as there are.
            counts = {1, threads} if baseline and "direct" in timed else set()
            if counts:
                lapack = LapackBaseline(self.sequences)
                samplers |= {n: partial(lapack.sample, threads=n) for n in sorted(counts)}
            taken = in_turn(samplers, self.repeats, failed=selected.give_up)
            pools = thread_pools()
        direct = [sample.seconds for sample in taken.get("direct", [])]
        parts = {count: taken[count] for count in sorted(counts)}
        rows = [
            StokesRow(
                grid=str(self.grid),
                solver=name,
                timings=solver.timings(taken[name]),
                speedup=_speedup(direct, taken[name]),
                warnings=selected.warnings[name],
                memory_mib=_megabytes(self.memory.get(name)),
            )
            for name, solver in timed.items()
            if name in taken
        ]
        held = [aims(str(self.grid), parts, direct)] if parts and direct else []
        return {"results": rows, "aims": held, "left_out": selected.left_out, "thread_pools": pools}

    def _warmed_up(self, selected: Selection) -> dict[str, TimedSolver]:
        timed = {}
        for name, solver in list(selected.solvers.items()):
            try:
                timed[name] = TimedSolver(solver, self.sequences, selected.build_seconds[name])
            except (SolverError, MemoryError) as error:
                selected.give_up(name, error)
        return timed


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
    always = [name for name in names if name == "direct"]
    needed = {name: _megabytes(memory.get(name)) or 0.0 for name in names}
    groups: list[list[str]] = [always]
    for name in (name for name in names if name not in always):
        taken = sum(needed[each] for each in groups[-1])
        if taken + needed[name] > limit and groups[-1] != always:
            groups.append(always)
        groups[-1] = [*groups[-1], name]
    return groups


def _megabytes(memory: Memory) -> float | None:
    return memory if isinstance(memory, float) else None


def _speedup(direct: Sequence[float], samples: Sequence[Sample]) -> Spread | None:
    """Direct seconds over a solver's, None where the direct solver is missing or gave up."""
    if len(direct) != len(samples):
        return None
    return Spread.of(s / sample.seconds for s, sample in zip(direct, samples, strict=True))


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
