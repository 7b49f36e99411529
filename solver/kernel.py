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

    Where none of them can be written, as in a read-only image without a home, kernels are
    compiled anew by every process. A folder open to all is no substitute: what is kept is code.
    """

    def compiled(function: Function) -> Function:
        try:
            made: Function = njit(cache=True, **options)(function)
        except RuntimeError:  # no place to keep it
            _say_that_nothing_is_kept()
            made = njit(**options)(function)
        return made

    return compiled


@cache
def _say_that_nothing_is_kept() -> None:
    """Once; else some seconds of silence look like a hang."""
    log.info(
        "kernels are compiled anew, which takes some seconds: neither the installation nor a cache "
        "of yours can be written; set NUMBA_CACHE_DIR to a folder that can"
    )
