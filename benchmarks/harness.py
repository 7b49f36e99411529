"""How every benchmark measures: threads fixed, warmed up, repeated in turn after a rest, saved."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

from tellus.coupling.runs.provenance import provenance
from tellus.errors import InputError, SolverError
from tellus.io.busy import background_load
from tellus.solver.grid import Grid
from tellus.solver.threads import allowed, limit

from .fields import CASE, Case
from .record import saved
from .spread import Record, Result, Row

T = TypeVar("T")

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""What sets the number of threads of a process before it starts."""

REST_SECONDS = 0.15
LONG_SECONDS = 1.0
"""What takes longer needs no warming up: cores have woken up, and caches are full, long before."""


def rest() -> None:
    """Wait until the threads of whatever ran before have gone to sleep.

    OpenBLAS's workers, which the LAPACK baseline wakes, spin for up to a tenth of a second after
    their last work, on the core that the next solver wants.
    """
    sleep(REST_SECONDS)


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Wall seconds of a call, and what it returns."""
    start = perf_counter()
    found = call()
    return perf_counter() - start, found


def environment(threads: int) -> dict[str, str]:
    """The environment of a process that shall work on so many threads."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


@contextmanager
def fixed_threads(count: int | None) -> Iterator[int]:
    """Run everything inside on at most `count` threads (None: as many as are allowed now).

    One number for Tellus, BLAS, OpenMP, PyTorch and Numba alike, so that no solver is timed on
    more threads than another; whether it uses them is the solver's choice. Only libraries that
    are loaded already are reached: build what is to be timed before.
    """
    if count is not None and count < 1:
        raise InputError(f"--threads must be at least 1, not {count}.")
    chosen = allowed() if count is None else count
    with limit(chosen), threadpool_limits(limits=chosen), ExitStack() as stack:
        for module, most in _with_own_threads():
            stack.callback(module.set_num_threads, module.get_num_threads())
            module.set_num_threads(min(chosen, most))
        yield chosen


def _with_own_threads() -> Iterator[tuple[Any, int]]:
    """Libraries that manage their threads themselves, and the most that they can have now."""
    if "torch" in sys.modules:
        yield sys.modules["torch"], sys.maxsize
    if _numba_has_threads():
        yield sys.modules["numba"], sys.modules["numba"].config.NUMBA_NUM_THREADS


def _numba_has_threads() -> bool:
    """Whether Numba has started any; to ask it how many would start them, and change OpenMP's."""
    if "numba" not in sys.modules:
        return False
    try:
        sys.modules["numba"].threading_layer()
    except ValueError:
        return False
    return True


def thread_pools() -> dict[str, int]:
    """Threads of every library that is loaded, as it says itself; Numba's kernels are serial."""
    pools: dict[str, int] = {
        Path(pool["filepath"]).name: pool["num_threads"] for pool in threadpool_info()
    }
    own = {module.__name__: module.get_num_threads() for module, _ in _with_own_threads()}
    return pools | {"tellus": allowed(), "numba": 1} | own


log = logging.getLogger(__name__)

FEWEST_REPEATS = 5
"""A median of fewer says little, a spread nothing."""

Name = TypeVar("Name")
Prepared = TypeVar("Prepared")
Taken = TypeVar("Taken")


def origin(benchmark: str, **asked: Any) -> Row:
    """A result without its rows: what was measured, at which settings, and where."""
    return {"benchmark": benchmark, **asked, **provenance()}


@dataclass(frozen=True)
class Measurement:
    """How something is measured on some grids, one after another.

    `repeats` are samples of each thing, at least five; `threads` those of every library, by
    default as many as the environment allows; `out` is a file or directory to save the result in,
    grid by grid; `case` the run that the temperatures come from.
    """

    grids: Sequence[Grid] = (Grid(256, 64),)
    repeats: int = 10
    threads: int | None = None
    out: Path | None = None
    case: Case = CASE

    def __post_init__(self) -> None:
        if self.repeats < FEWEST_REPEATS:
            raise InputError(f"--repeats must be at least {FEWEST_REPEATS}, not {self.repeats}.")

    def run(
        self,
        benchmark: str,
        prepare: Callable[[Grid], Prepared],
        measure: Callable[[Prepared], Result],
    ) -> Row:
        """The whole result, saved after each grid; see `by_grid`."""
        result: Row = {}
        for result in self.by_grid(benchmark, prepare, measure):
            saved(result, self.out)
        return result

    def by_grid(
        self,
        benchmark: str,
        prepare: Callable[[Grid], Prepared],
        measure: Callable[[Prepared], Result],
    ) -> Iterator[Row]:
        """The result as far as it goes after each grid.

        `prepare` makes what is measured on a grid, for all grids first, so that what does not fit
        is refused before time is spent; `measure` measures it on fixed threads, and what it returns
        is added to the result, see `add`.
        """
        prepared = [prepare(grid) for grid in self.grids]
        with fixed_threads(self.threads) as count:
            result = origin(
                benchmark,
                grid=",".join(map(str, self.grids)),
                repeats=self.repeats,
                case=asdict(self.case),
                background_load_percent=background_load(),
                thread_pools=thread_pools(),
                threads=count,
                results=[],
            )
        for grid, each in zip(self.grids, prepared, strict=True):
            log.info("bench %s: %s", benchmark, grid)
            with fixed_threads(self.threads):
                found = measure(each)
                result["thread_pools"] |= thread_pools()
            add(found, result)
            yield result


def add(found: Result, result: Row) -> None:
    """Add what was found to a result by its keys: lists of rows go on, and so do mappings."""
    for key, value in found.items():
        kept = result.setdefault(key, type(value)())
        if isinstance(value, list):
            kept += [row.to_json() if isinstance(row, Record) else row for row in value]
        else:
            kept |= value


def in_turn(
    samplers: Mapping[Name, Callable[[int], Taken]],
    repeats: int,
    *,
    rested: bool = True,
    failed: Callable[[Name, Exception], None] | None = None,
) -> dict[Name, list[Taken]]:
    """Samples of everything in turn: whatever slows the machine for a while slows all of it.

    By name, `samplers` take the sample of a given number, from zero. Each is `rested`: it waits
    until the threads of the one before sleep. `failed` is told of a solver that fails, which then
    goes without samples; by default that is raised.
    """
    found: dict[Name, list[Taken]] = {name: [] for name in samplers}
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
