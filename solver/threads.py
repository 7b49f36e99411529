"""How many threads work uses: one, two where a second was measured to pay, none that spins.

BLAS's and PyTorch's pools wait by spinning, on a processor that the energy equation, another run
or the other pool needs: on a busy machine a second thread of theirs costs up to 26 times what it
computes, and on an idle one it gains nothing in systems as narrow as ours. So they get one thread
while Tellus works, and their own number again afterwards. What is worth sharing is shared in
coarse pieces, with a thread that sleeps while it waits.
"""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from tellus.solver import _core

Result = TypeVar("Result")

MOST = 2
"""Threads that are used unasked; more were never measured to pay."""


def allowed() -> int:
    """The most threads that a solve may use now: see `limit`."""
    return _core.threads()


@contextmanager
def limit(count: int) -> Iterator[None]:
    """Let solves use up to `count` threads inside; as many as before afterwards."""
    before = allowed()
    _core.set_threads(max(1, count))
    try:
        yield
    finally:
        _core.set_threads(before)


def at_once(first: Callable[[], Result], *second: Callable[[], Result]) -> list[Result]:
    """All results, that of a `second` from another thread where two are allowed."""
    if allowed() < 2:
        return [first(), *(each() for each in second)]
    later = [_second_thread().submit(each) for each in second]
    return [first(), *(each.result() for each in later)]


class _OneBlasThread:
    """Holds every BLAS at one thread while anybody is inside, on whatever thread of Python's.

    The number is the process's, so it is given back by whoever leaves last; MKL has one for every
    thread of Python's, which each gives back itself.
    """

    def __init__(self) -> None:
        self._modules = 0
        self._libraries: list[Any] = []
        self._of_each_thread: list[Any] = []
        self._before: list[tuple[Any, int]] = []
        self.reset()

    def reset(self) -> None:
        """Begin anew, with nobody inside."""
        self._lock, self._inside = Lock(), 0
        self._give_back()

    def look_again(self) -> None:
        """Search for libraries at the next call: one was loaded that no module stands for."""
        self._modules = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            self._limit()
            own = [(library, library.num_threads) for library in self._of_each_thread]
            for library, _ in own:
                _set(library, 1)
        try:
            yield
        finally:
            with self._lock:
                for library, count in own:
                    _set(library, count)
                self._inside -= 1
                if self._inside == 0:
                    self._give_back()

    def _limit(self) -> None:
        """Limit what is not limited yet: all, or what was loaded since."""
        fresh = len(sys.modules) != self._modules
        if fresh:  # looking for the libraries takes milliseconds
            self._modules = len(sys.modules)
            found = ThreadpoolController().lib_controllers
            blas = [each for each in found if each.user_api == "blas"]
            self._libraries = [each for each in blas if each.internal_api != "mkl"]
            self._of_each_thread = [each for each in blas if each.internal_api == "mkl"]
        if not (fresh or self._inside == 1):
            return
        held = {each.filepath for each, _ in self._before}
        for library in self._libraries:
            if library.filepath not in held:
                self._before.append((library, library.num_threads))
                _set(library, 1)

    def _give_back(self) -> None:
        """Give every library its own number of threads again."""
        for library, count in self._before:
            _set(library, count)
        self._before = []


def _set(library: Any, count: int) -> None:
    """Set a library's number, from whatever thread of Python's one is on.

    Since threadpoolctl 3.8 only the thread that set it first may do so, and others are ignored in
    silence. Here they take turns, under a lock.
    """
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)
    library.set_num_threads(count)
    if clear is not None:
        clear(force=True)


one_blas_thread = _OneBlasThread()
"""A context in which BLAS runs on one thread: nested, and on several threads of Python's, too."""


def _asked_for() -> int:
    """OMP_NUM_THREADS, or as many of the processors this process may use as pay."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    affinity = getattr(os, "sched_getaffinity", None)
    return min(MOST, len(affinity(0)) if affinity else os.cpu_count() or 1)


@cache
def _second_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "tellus")


def _after_fork() -> None:
    """The child has one thread, whatever those of its parent were about."""
    _second_thread.cache_clear()
    one_blas_thread.reset()


_core.set_threads(_asked_for())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
