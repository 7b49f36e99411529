"""PARDISO of Intel's MKL on the stream-function system, its symbolic analysis reused."""

import os
import weakref
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from tellus.errors import InputError
from tellus.solver.failure import failure
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.matrix import PsiMatrix
from tellus.solver.psi.operator import PsiOperator, relative_residual
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from tellus.solver.threads import one_blas_thread

ANALYSE, FACTOR, SOLVE = 11, 22, 33
"""PARDISO's phases."""

SYMMETRIC_POSITIVE_DEFINITE = 2

MINIMUM_DEGREE = 0
"""Ordering. Against nested dissection (2), on one thread: 0.75 of the fill and of the seconds at
512x128, 3.9 ms for 6.6 at 128x32, 0.9 s for 1.6 at 1024x256."""


class PardisoSolver(StokesSolver):
    """Sparse Factor, its ordering and symbolic factor found at the first solve and kept.

    Needs the extra `mkl`; raises InputError without it. MKL runs on one
    thread: at 512x128 a second gains nothing (156 ms on one, 158 on two).
    """

    name = "pardiso"

    def __init__(self, grid: Grid) -> None:
        self.operator = PsiOperator(grid)
        self._matrix = PsiMatrix(self.operator)
        self._pardiso = _load()
        # MKL keeps the factor where Python does not see it.
        weakref.finalize(self, self._pardiso.free_memory, everything=True)
        self._analysed = False

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity; raises SolverError where A is not positive definite to rounding."""
        timer = PhaseTimer()
        # Walls change weights, not the pattern: the analysis holds.
        self.operator = self.operator.between(problem.boundaries)
        viscosity = problem.viscosity()
        matrix = self._matrix_at(viscosity)
        b = self.operator.right_hand_side(problem.temperature, problem.rayleigh)
        unknowns = self.operator.to_unknowns(b)
        timer.lap("assemble")
        if not self._analysed:
            self._call(ANALYSE, matrix, unknowns, viscosity)
            self._analysed = True
        timer.lap("analyse")
        self._call(FACTOR, matrix, unknowns, viscosity)
        timer.lap("factor")
        psi = self.operator.to_nodes(self._call(SOLVE, matrix, unknowns, viscosity))
        timer.lap("solve")
        residual = relative_residual(self.operator.at(viscosity), psi, b)
        timer.lap("residual")
        if not np.isfinite(residual):
            raise failure(f"gave no finite solution at t = {problem.time:.6g}", viscosity)
        return flow_from_psi(psi, problem.grid, StokesReport(self.name, timer.seconds, 1, residual))

    def _matrix_at(self, viscosity: Array) -> csr_matrix:
        pattern, n = self._matrix, self.operator.unknowns
        values = pattern.values(self.operator, viscosity)
        return csr_matrix((values, pattern.indices, pattern.indptr), shape=(n, n))

    def _call(self, phase: int, matrix: csr_matrix, b: Array, viscosity: Array) -> Array:
        from pypardiso.pardiso_wrapper import PyPardisoError

        self._pardiso.set_phase(phase)
        try:
            x: Array = self._pardiso._call_pardiso(matrix, b)
        except PyPardisoError as error:
            raise failure(f"by PARDISO failed with its error {error.value}", viscosity) from None
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
    handle.set_iparm(1, 1)  # the rest is not all default
    handle.set_iparm(2, MINIMUM_DEGREE)
    return handle
