"""Two LAPACK routines on band storage, called so that Python's threads can run them at once.

SciPy's own wrappers hold the interpreter's lock. The routines are the same ones, found through
`scipy.linalg.cython_lapack`; ctypes lets go of the lock during the call.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_void_p

from numba.extending import get_cython_function_address

from tellus.solver.grid import Array

_int = POINTER(c_int)
_dpbtrf = ctypes.CFUNCTYPE(None, c_char_p, _int, _int, c_void_p, _int, _int)(
    get_cython_function_address("scipy.linalg.cython_lapack", "dpbtrf")
)
_dtbtrs = ctypes.CFUNCTYPE(
    None, c_char_p, c_char_p, c_char_p, _int, _int, _int, c_void_p, _int, c_void_p, _int, _int
)(get_cython_function_address("scipy.linalg.cython_lapack", "dtbtrs"))


def factor_bands(bands: Array) -> int:
    """Cholesky factor of ``bands[k, d] = A[k + d, k]``, in place; returns LAPACK's info."""
    _check(bands)
    unknowns, width = bands.shape
    info = c_int()
    _dpbtrf(b"L", _ref(unknowns), _ref(width - 1), bands.ctypes.data, _ref(width), byref(info))
    return info.value


def substitute(factor: Array, x: Array, transposed: bool = False) -> None:
    """Solve L x = x, or its transpose, in place, with a factor from `factor_bands`."""
    _check(factor)
    _check(x)
    unknowns, width = factor.shape
    if x.shape != (unknowns,):
        raise ValueError(f"x has shape {x.shape}, the factor {unknowns} rows")
    _dtbtrs(
        b"L",
        b"T" if transposed else b"N",
        b"N",
        _ref(unknowns),
        _ref(width - 1),
        _ref(1),
        factor.ctypes.data,
        _ref(width),
        x.ctypes.data,
        _ref(unknowns),
        byref(c_int()),
    )


def _ref(value: int) -> object:
    return byref(c_int(value))


def _check(array: Array) -> None:
    if array.dtype != float or not array.flags.c_contiguous:
        raise ValueError("a contiguous array of float64 is needed")
