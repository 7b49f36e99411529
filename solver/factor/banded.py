"""Symmetric systems in LAPACK's band storage, factored from one end, or from both at once.

From both ends the two halves know nothing of each other until they meet at a separator a few
lines of unknowns wide, so two threads factor, and substitute, at once ("burn at both ends", as
twisted factorisations do).

SciPy's own wrappers of LAPACK hold the interpreter's lock. The routines here are the same ones,
found through `scipy.linalg.cython_lapack`; ctypes lets go of the lock during the call.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_void_p

import numpy as np
from numba.extending import get_cython_function_address
from scipy.linalg.lapack import dpotrf, dpotrs

from tellus.solver.grid import Array
from tellus.solver.threads import at_once, one_blas_thread

WORTH_BOTH_ENDS = 200
"""Half-bandwidth beyond which a factorisation starts at both ends."""

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


class Banded:
    """LAPACK's banded Cholesky factor. Fill `bands`, then `factor`, then `solve` at will."""

    def __init__(self, unknowns: int, half_bandwidth: int) -> None:
        self._lower = np.empty((unknowns, half_bandwidth + 1))

    @property
    def bands(self) -> tuple[Array]:
        """``bands[0][k, d] = A[k + d, k]``."""
        return (self._lower,)

    @one_blas_thread()
    def factor(self) -> int:
        """Factor what the bands hold, in place; returns 0, or LAPACK's info of a failure."""
        return factor_bands(self._lower)

    @one_blas_thread()
    def solve(self, b: Array) -> Array:
        """The solution, shape (unknowns,), for a right-hand side of that shape."""
        x = np.array(b, float)
        substitute(self._lower, x)
        substitute(self._lower, x, transposed=True)
        return x


class TwoEnded:
    """A symmetric system of `lines` lines of `line` unknowns, as LAPACK's lower bands.

    Lines further apart than `separator` don't couple. `low` and `high` are the bands as seen
    from either end: those of their own lines and of the separator's, in the order in which
    that end meets them. Fill both, then `factor`, then `solve` as often as one likes.
    """

    def __init__(self, lines: int, line: int, separator: int, half_bandwidth: int) -> None:
        first = (lines - separator) // 2
        self._line = line
        self._low, self._high = (
            _Half(own, line, separator, half_bandwidth)
            for own in (first, lines - separator - first)
        )

    @property
    def bands(self) -> tuple[Array, Array]:
        """``bands[k, d] = A[k + d, k]`` from the low and from the high end."""
        return self._low.bands, self._high.bands

    def factor(self) -> int:
        """Factor both, in place; returns 0, or LAPACK's info of a failure."""
        low, high = self._low, self._high
        with one_blas_thread():
            infos = at_once(low.factor, high.factor)
            if any(infos):
                return max(infos)
            # Each half holds the separator's own block, so it is in the sum twice.
            other = self._swapped(high.tail @ high.tail.T)
            self._middle, info = dpotrf(low.tail @ low.tail.T + other - low.own, lower=1)
        return int(info)

    def solve(self, b: Array) -> Array:
        """The solution, shape (lines * line,), for a right-hand side of that shape."""
        low, high = self._low, self._high
        rows = b.reshape(-1, self._line)
        with one_blas_thread():
            from_low, from_high = at_once(
                lambda: low.forward(rows[: low.lines]),
                lambda: high.forward(rows[::-1][: high.lines]),
            )
            load = rows[low.lines : rows.shape[0] - high.lines].ravel()
            load = load + low.tail @ from_low + self._swapped(high.tail @ from_high)
            middle, _ = dpotrs(self._middle, load, lower=1)
            at_low, at_high = at_once(
                lambda: low.backward(middle), lambda: high.backward(self._swapped(middle))
            )
        return np.concatenate([at_low, middle, at_high[::-1]], axis=None)

    def _swapped(self, separator: Array) -> Array:
        """The separator's lines in the other order, of a vector or of rows and columns."""
        size = separator.shape[0]
        order = np.arange(size).reshape(-1, self._line)[::-1].ravel()
        return separator[order] if separator.ndim == 1 else separator[np.ix_(order, order)]


class _Half:
    """`lines` lines from one end of the system, and the separator."""

    def __init__(self, lines: int, line: int, separator: int, half_bandwidth: int) -> None:
        self.lines, self._line, self._size = lines, line, separator * line
        self.bands = np.empty(((lines + separator) * line, half_bandwidth + 1))

    def factor(self) -> int:
        """Factor this end and the separator as this end sees it."""
        upper = self._corner()
        self.own = upper + np.triu(upper, 1).T
        info = factor_bands(self.bands)
        self.tail = self._corner().T
        return info

    def _corner(self) -> Array:
        """The separator's block, transposed: an upper triangle."""
        size = self._size
        # Diagonals of a band matrix are columns here: a row too many per row shears them back.
        sheared = self.bands[-size:, : size + 1].ravel()
        return np.triu(sheared[: size * size].reshape(size, size))

    def forward(self, b: Array) -> Array:
        """Substitute from this end; returns what that leaves at the separator."""
        self._x = np.zeros(self.bands.shape[0])
        self._x[: b.size] = b.ravel()
        substitute(self.bands, self._x)
        return self._x[-self._size :]

    def backward(self, middle: Array) -> Array:
        """The solution on this end's own lines, shape (lines, line), from that on the separator."""
        self._x[-self._size :] = self.tail.T @ middle
        substitute(self.bands, self._x, transposed=True)
        return self._x[: -self._size].reshape(self.lines, self._line)


def banded_system(lines: int, line: int, separator: int, half_bandwidth: int) -> Banded | TwoEnded:
    """Room for `lines` lines of `line` unknowns: from both ends where that is faster.

    It is where the half-bandwidth is large (measured: at 254 it takes 0.74 of the time on two
    threads and 1.02 on one, at 126 0.88 and 1.12, at 62 0.91 and 1.21; between splines, at 256
    0.65 on two threads, at 128 what it gains is lost where the ends meet), and on one thread too:
    the bits of a run don't depend on how many there are.
    """
    if half_bandwidth > WORTH_BOTH_ENDS and lines > 3 * separator:
        return TwoEnded(lines, line, separator, half_bandwidth)
    return Banded(lines * line, half_bandwidth)
