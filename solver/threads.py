"""How many threads BLAS gets: one where a second one would only wait."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

SERIAL_BANDWIDTH = 300
"""Half-bandwidths up to which a second thread gains nothing (measured with OpenBLAS: 168 ms on
one, 165 ms on two at 254): dpbtrf's blocks are too small to share. On a machine with other work
waiting for one another would cost many times the factorisation."""


def one_blas_thread() -> AbstractContextManager[Any]:
    """A context in which BLAS runs on one thread."""
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


def blas_threads(half_bandwidth: int) -> AbstractContextManager[Any]:
    """A context in which BLAS runs on one thread, if the system is narrow enough."""
    return nullcontext() if half_bandwidth > SERIAL_BANDWIDTH else one_blas_thread()


@cache
def _controller() -> ThreadpoolController:
    """Made once: looking for the libraries takes milliseconds."""
    return ThreadpoolController()
