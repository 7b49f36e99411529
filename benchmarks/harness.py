"""How every benchmark measures: cases made, threads fixed, all in turn, the result saved."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from tellus.coupling.runs.provenance import provenance
from tellus.errors import InputError, SolverError
from tellus.io.busy import background_load
from tellus.solver.grid import Grid

from .fields import Case
from .record import saved
from .spread import Record, Row
from .timing import fixed_threads, rest, thread_pools

log = logging.getLogger(__name__)

FEWEST_REPEATS = 5
"""A median of fewer says little, a spread nothing."""

Name = TypeVar("Name")
Prepared = TypeVar("Prepared")
Sample = TypeVar("Sample")


def origin(benchmark: str, **asked: Any) -> Row:
    """A result without its rows: what was measured, at which settings, and where."""
    return {"benchmark": benchmark, **asked, **provenance()}


@dataclass(frozen=True)
class Measurement:
    """A benchmark on some grids, of which one after another is measured.

    Attributes
    ----------
    benchmark : str
        Its name.
    grids : sequence of Grid
    case : Case
        The run that the temperatures come from.
    repeats : int
        Samples of each thing, at least five.
    threads : int, optional
        Threads of every library; as many as the environment allows by default.
    out : Path, optional
        File or directory to save the result in, grid by grid.
    """

    benchmark: str
    grids: Sequence[Grid]
    case: Case
    repeats: int
    threads: int | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.repeats < FEWEST_REPEATS:
            raise InputError(f"--repeats must be at least {FEWEST_REPEATS}, not {self.repeats}.")

    def run(
        self, prepare: Callable[[Grid], Prepared], measure: Callable[[Prepared], Mapping[str, Any]]
    ) -> Row:
        """The whole result, saved after each grid; see `by_grid`."""
        result: Row = {}
        for result in self.by_grid(prepare, measure):
            saved(result, self.out)
        return result

    def by_grid(
        self, prepare: Callable[[Grid], Prepared], measure: Callable[[Prepared], Mapping[str, Any]]
    ) -> Iterator[Row]:
        """The result as far as it goes after each grid.

        Parameters
        ----------
        prepare : callable
            Makes what is measured on a grid; called for all grids first, so that what does not fit
            is refused before time is spent.
        measure : callable
            Measures it on fixed threads. What it returns is added to the result, see `add`.
        """
        prepared = [prepare(grid) for grid in self.grids]
        with fixed_threads(self.threads) as count:
            result = origin(
                self.benchmark,
                grid=",".join(map(str, self.grids)),
                repeats=self.repeats,
                case=asdict(self.case),
                background_load_percent=background_load(),
                thread_pools=thread_pools(),
                threads=count,
                results=[],
            )
        for grid, each in zip(self.grids, prepared, strict=True):
            log.info("bench %s: %s", self.benchmark, grid)
            with fixed_threads(self.threads):
                found = measure(each)
                result["thread_pools"] |= thread_pools()
            add(found, result)
            yield result


def add(found: Mapping[str, Any], result: Row) -> None:
    """Add what was found to a result by its keys: lists of rows go on, and so do mappings."""
    for key, value in found.items():
        kept = result.setdefault(key, type(value)())
        if isinstance(value, list):
            kept += [row.to_json() if isinstance(row, Record) else row for row in value]
        else:
            kept |= value


def in_turn(
    samplers: Mapping[Name, Callable[[int], Sample]],
    repeats: int,
    *,
    rested: bool = True,
    failed: Callable[[Name, Exception], None] | None = None,
) -> dict[Name, list[Sample]]:
    """Samples of everything in turn: whatever slows the machine for a while slows all of it.

    Parameters
    ----------
    samplers : mapping
        What takes the sample of a given number, from zero, by name.
    repeats : int
        Samples of each.
    rested : bool
        Wait before each until the threads of the one before sleep.
    failed : callable, optional
        Told of a solver that fails, which then goes without samples; by default that is raised.
    """
    found: dict[Name, list[Sample]] = {name: [] for name in samplers}
    for repeat in range(repeats):
        for name in list(found):
            if rested:
                rest()
            try:
                found[name].append(samplers[name](repeat))
            except (SolverError, MemoryError) as error:
                if failed is None:
                    raise
                failed(name, error)
                del found[name]
    return found
