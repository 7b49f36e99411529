"""PyTorch on few threads while something is predicted or iterated, on its own number afterwards.

Its threads meet by spinning after every layer and every sum: see `tellus.solver.threads`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch


class _FewTorchThreads:
    """Whoever comes in first notes the number, everybody who leaves sets it again.

    PyTorch keeps one for each thread of Python's, and one for those that begin later.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = Lock(), 0, 1

    @contextmanager
    def __call__(self, most: int = 1) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._before = torch.get_num_threads()
            self._inside += 1
            torch.set_num_threads(min(most, self._before))
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                torch.set_num_threads(self._before)

    def reset(self) -> None:
        """One thread from now on: a forked child has lost the others, and would wait for them."""
        self._lock, self._inside = Lock(), 0
        torch.set_num_threads(1)


few_torch_threads = _FewTorchThreads()
"""A context in which PyTorch's loops on the CPU run on one thread, or on `most`."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=few_torch_threads.reset)
