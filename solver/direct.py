"""The reference solver: LAPACK banded Cholesky on the stream-function system."""

from time import perf_counter

import numpy as np

from .banded import Cholesky, cholesky_for
from .boundaries import BoundaryConditions
from .errors import SolverError
from .grid import Array, Grid
from .psi_operator import PsiOperator
from .stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi


class DirectSolver(StokesSolver):
    """Assemble the bands, factor and substitute, at every call.

    Works at viscosity contrasts to 1e10. With two threads the factorisation starts at both
    ends of the box (see `two_ended`).
    """

    name = "direct"

    def __init__(self, grid: Grid) -> None:
        self.operator = PsiOperator(grid)
        self._cholesky: Cholesky | None = None

    def _operator_for(self, boundaries: BoundaryConditions) -> PsiOperator:
        if boundaries.no_slip != self.operator.no_slip:
            self.operator = PsiOperator(self.operator.grid, boundaries)
        return self.operator

    def solve(self, problem: StokesProblem) -> Flow:
        """psi, u and v with the relative residual of A psi = b in the report."""
        operator = self._operator_for(problem.boundaries)
        cholesky = self._cholesky = cholesky_for(operator, self._cholesky)
        clock = [perf_counter()]
        viscosity = problem.viscosity()
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        cholesky.assemble(viscosity)
        clock.append(perf_counter())
        info = cholesky.factor()
        if info != 0:
            raise SolverError(factorisation_failure(info, viscosity, problem))
        clock.append(perf_counter())
        psi = cholesky.solve(b)
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
