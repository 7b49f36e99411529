"""A factor by PARDISO of Intel's MKL, its symbolic analysis reused."""

import os
import weakref
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.matrix import PsiMatrix
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.stokes import failure
from tellus.solver.threads import one_blas_thread

from .cached import Factor

ANALYSE, FACTOR, SOLVE = 11, 22, 33
"""PARDISO's phases."""

SYMMETRIC_POSITIVE_DEFINITE = 2

MINIMUM_DEGREE = 0
"""Ordering. Against nested dissection (2), on one thread: 0.75 of the fill and of the seconds at
512x128, 3.9 ms for 6.6 at 128x32, 0.9 s for 1.6 at 1024x256."""


class PardisoCholesky(Factor):
    """A sparse Cholesky factor, its ordering and symbolic factor found once and kept.

    Needs the extra `mkl`; raises InputError without it. MKL runs on one
    thread: at 512x128 a second gains nothing (156 ms on one, 158 on two).
    """

    def __init__(self, grid: Grid) -> None:
        self.operator = PsiOperator(grid)
        self._pattern = PsiMatrix(self.operator)
        self._pardiso = _load()
        # MKL keeps the factor where Python does not see it.
        weakref.finalize(self, self._pardiso.free_memory, everything=True)
        self._analysed = False

    def between(self, operator: PsiOperator) -> "PardisoCholesky":
        """The factor for other walls: they change values, not the pattern; its analysis holds."""
        self.operator = operator
        return self

    def assemble(self, viscosity: Array) -> None:
        pattern, n = self._pattern, self.operator.unknowns
        values = pattern.values(self.operator, viscosity)
        self._viscosity = viscosity
        self._matrix = csr_matrix((values, pattern.indices, pattern.indptr), shape=(n, n))

    def analyse(self) -> bool:
        if not self._analysed:
            self._call(ANALYSE, np.zeros(self.operator.unknowns))
            self._analysed = True
        return True

    def factor(self) -> int:
        """Factor what was assembled; raises SolverError where it is not positive definite."""
        self._call(FACTOR, np.zeros(self.operator.unknowns))
        return 0

    def solve(self, b: Array) -> Array:
        return self.operator.to_nodes(self._call(SOLVE, self.operator.to_unknowns(b)))

    @one_blas_thread()
    def _call(self, phase: int, b: Array) -> Array:
        from pypardiso.pardiso_wrapper import PyPardisoError

        self._pardiso.set_phase(phase)
        try:
            x: Array = self._pardiso._call_pardiso(self._matrix, b)
        except PyPardisoError as error:
            what = f"by PARDISO failed with its error {error.value}"
            raise failure(what, self._viscosity) from None
        return x


def _load() -> Any:
    """A handle of MKL's solver for symmetric positive definite matrices."""
    # Else MKL's threads spin for 0.2 s after each call, on the cores of whatever comes next.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    try:
        from pypardiso import PyPardisoSolver

        handle = PyPardisoSolver(mtype=SYMMETRIC_POSITIVE_DEFINITE)
    except (ImportError, OSError) as error:
        raise InputError(
            "stokes.solver: \"pardiso\" needs Intel's MKL: pip install 'tellus-mantle[mkl]' "
            f"({error})."
        ) from None
    one_blas_thread.look_again()
    handle.set_iparm(1, 1)  # the rest is not all default
    handle.set_iparm(2, MINIMUM_DEGREE)
    return handle
