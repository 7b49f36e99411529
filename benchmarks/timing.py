"""Seconds worth quoting: repeated, after a rest, taken on a stated number of threads."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

from tellus.errors import InputError
from tellus.solver.threads import allowed, limit

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

    OpenBLAS's workers, which the bare LAPACK calls wake, spin for up to a tenth of a second after
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
