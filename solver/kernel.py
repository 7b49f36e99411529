"""Numba's compiler for our kernels, which keeps what it compiled where it may write."""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from numba import njit

log = logging.getLogger("tellus")

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(**options: Any) -> Callable[[Function], Function]:
    """`numba.njit`, its result kept beside the module, in the user's cache or NUMBA_CACHE_DIR.

    Division is the processor's: that by zero gives infinity or NaN, as in NumPy. Looking at every
    divisor, as Python does, would keep loops from using vector instructions, which make the
    advection of van Leer 1.8 times faster.

    Where none of them can be written, as in a read-only image without a home, kernels are
    compiled anew by every process. A folder open to all is no substitute: what is kept is code.
    """

    def compiled(function: Function) -> Function:
        try:
            made: Function = njit(cache=True, error_model="numpy", **options)(function)
        except RuntimeError:  # no place to keep it
            _say_that_nothing_is_kept()
            made = njit(error_model="numpy", **options)(function)
        return made

    return compiled


@cache
def _say_that_nothing_is_kept() -> None:
    """Say once why compiling takes some seconds: their silence would look like a hang."""
    log.info(
        "kernels are compiled anew, which takes some seconds: neither the installation nor a cache "
        "of yours can be written; set NUMBA_CACHE_DIR to a folder that can"
    )
