"""A symmetric system in LAPACK's band storage, factored from one end to the other."""

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs

from tellus.solver.grid import Array
from tellus.solver.threads import one_blas_thread


class Banded:
    """dpbtrf and dpbtrs on one thread, in place. Fill `bands`, then `factor`, then `solve`."""

    def __init__(self, unknowns: int, half_bandwidth: int) -> None:
        self._lower = np.empty((unknowns, half_bandwidth + 1))

    @property
    def bands(self) -> tuple[Array]:
        """``bands[0][k, d] = A[k + d, k]``."""
        return (self._lower,)

    def factor(self) -> int:
        """Factor what the bands hold; returns 0, or LAPACK's info of a failure."""
        with one_blas_thread():
            _, info = dpbtrf(self._lower.T, lower=1, overwrite_ab=1)
        return int(info)

    def solve(self, b: Array) -> Array:
        """The solution, shape (unknowns,), for a right-hand side of that shape."""
        with one_blas_thread():
            x, _ = dpbtrs(self._lower.T, b, lower=1)
        return np.asarray(x)
