"""The reference solver: LAPACK banded Cholesky on the stream-function system."""

from time import perf_counter

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs

from .boundaries import BoundaryConditions
from .errors import SolverError
from .grid import Array, Grid
from .psi_operator import PsiOperator
from .stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from .threads import blas_threads


class DirectSolver(StokesSolver):
    """Assemble the bands, factor with dpbtrf, solve with dpbtrs, at every call.

    Works at viscosity contrasts to 1e10. Narrow systems run on one thread, see `threads`.
    Memory: 8 (nx-1)(ny-1)(2 min(nx, ny) - 1) bytes, one buffer reused over calls.
    """

    name = "direct"

    def __init__(self, grid: Grid) -> None:
        self.operator = PsiOperator(grid)
        self._bands = self.operator.empty_bands()

    def _operator_for(self, boundaries: BoundaryConditions) -> PsiOperator:
        if boundaries.no_slip != self.operator.no_slip:
            self.operator = PsiOperator(self.operator.grid, boundaries)
        return self.operator

    def solve(self, problem: StokesProblem) -> Flow:
        """psi, u and v with the relative residual of A psi = b in the report."""
        with blas_threads(self.operator.half_bandwidth):
            return self._solve(problem)

    def _solve(self, problem: StokesProblem) -> Flow:
        operator = self._operator_for(problem.boundaries)
        clock = [perf_counter()]
        viscosity = problem.viscosity()
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        operator.bands(viscosity, out=self._bands)
        clock.append(perf_counter())
        factor, info = dpbtrf(self._bands.T, lower=1, overwrite_ab=1)
        if info != 0:
            raise SolverError(factorisation_failure(info, viscosity, problem))
        clock.append(perf_counter())
        unknowns, _ = dpbtrs(factor, operator.to_unknowns(b), lower=1, overwrite_b=1)
        psi = operator.to_nodes(unknowns)
        clock.append(perf_counter())
        residual = _relative_residual(operator, viscosity, psi, b)
        if not np.isfinite(residual):  # LAPACK hands NaN and infinity on in silence
            raise SolverError(factorisation_failure(info, viscosity, problem))
        clock.append(perf_counter())
        phases = ("assemble", "factor", "solve", "residual")
        seconds = dict(zip(phases, np.diff(clock).tolist(), strict=True))
        report = StokesReport(self.name, seconds, iterations=1, residual=residual)
        return flow_from_psi(psi, problem.grid, report)

    def stream_function(self, problem: StokesProblem) -> Array:
        """psi alone, shape (ny+1, nx+1)."""
        return self.solve(problem).psi


def _relative_residual(operator: PsiOperator, viscosity: Array, psi: Array, b: Array) -> float:
    scale = float(np.linalg.norm(b))
    if scale == 0.0:
        return 0.0
    return float(np.linalg.norm(operator.apply(viscosity, psi) - b)) / scale


def factorisation_failure(info: int, viscosity: Array, problem: StokesProblem) -> str:
    """Why there is no Cholesky factor, in one sentence."""
    low, high = float(np.min(viscosity)), float(np.max(viscosity))
    failed = f"failed at unknown {info}" if info else "gave no finite solution"
    return (
        f"the Cholesky factorisation {failed} at t = {problem.time:.6g}: "
        f"viscosity ranges from {low:.3g} to {high:.3g}, T from "
        f"{np.min(problem.temperature):.3g} to {np.max(problem.temperature):.3g}; "
        "set rheology.floor and rheology.ceiling to bound it, or refine the grid."
    )
