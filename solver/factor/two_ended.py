"""A banded Cholesky factorisation that starts at both ends and meets in the middle.

The two halves know nothing of each other until they meet at a separator a few lines of unknowns
wide, so two threads factor, and substitute, at once ("burn at both ends", as twisted
factorisations do).
"""

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from tellus.solver.factor.banded import Banded
from tellus.solver.factor.lapack import factor_bands, substitute
from tellus.solver.grid import Array
from tellus.solver.threads import at_once, one_blas_thread

WORTH_BOTH_ENDS = 200
"""Half-bandwidth beyond which a factorisation starts at both ends."""


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
            at_once(
                lambda: low.forward(rows[: low.lines]),
                lambda: high.forward(rows[::-1][: high.lines]),
            )
            load = rows[low.lines : rows.shape[0] - high.lines].ravel()
            load = load + low.tail @ low.met + self._swapped(high.tail @ high.met)
            middle, _ = dpotrs(self._middle, load, lower=1)
            at_once(lambda: low.backward(middle), lambda: high.backward(self._swapped(middle)))
        return np.concatenate([low.found, middle, high.found[::-1]], axis=None)

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

    def forward(self, b: Array) -> None:
        """Substitute from this end to the separator."""
        self._x = np.zeros(self.bands.shape[0])
        self._x[: b.size] = b.ravel()
        substitute(self.bands, self._x)

    @property
    def met(self) -> Array:
        """What the forward substitution leaves at the separator."""
        return self._x[-self._size :]

    def backward(self, middle: Array) -> None:
        """Substitute from the separator's solution back to this end."""
        self._x[-self._size :] = self.tail.T @ middle
        substitute(self.bands, self._x, transposed=True)

    @property
    def found(self) -> Array:
        """The solution without the separator, shape (lines, line)."""
        return self._x[: self.lines * self._line].reshape(self.lines, self._line)


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
