"""`reduced:r`: psi as a smooth spline, under the fine grid's own operator."""

from time import perf_counter

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs

from . import _core
from .boundaries import BoundaryConditions
from .direct import factorisation_failure
from .errors import InputError, SolverError
from .grid import Array, Grid
from .psi_operator import PsiOperator
from .splines import SplineBasis
from .stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from .threads import one_blas_thread

# As in csrc/reduced.hpp.
REACH, TERMS, LANES = 4, 5, 32


class ReducedSolver(StokesSolver):
    """Galerkin projection of A psi = b onto tensor-product cubic B-splines.

    psi = P c with knots `factor` cells apart and (P^T A P) c = P^T b: the flow that, among
    all flows this smooth, is nearest to the solution in the norm of dissipation. A is never
    formed: the projection is summed direction by direction.

    Raises InputError where fewer than three knot intervals fit across the box.
    """

    def __init__(self, grid: Grid, factor: int) -> None:
        if min(grid.nx, grid.ny) < 3 * factor:
            raise InputError(
                f"a {grid} grid is too small for splines with knots {factor} cells apart: set "
                f"grid.nx and grid.ny to at least {3 * factor}, or use a smaller factor."
            )
        self.name = f"reduced:{factor}"
        self.grid, self.factor = grid, factor
        self.bind(BoundaryConditions())

    def bind(self, boundaries: BoundaryConditions) -> None:
        """Make the splines for the walls of a problem; `solve` does so when they change."""
        self.operator = operator = PsiOperator(self.grid, boundaries)
        left, right, bottom, top = operator.no_slip
        grid = self.grid
        self._x = SplineBasis.of(grid.nx, grid.hx, self.factor, (left, right))
        self._y = SplineBasis.of(grid.ny, grid.hy, self.factor, (bottom, top))
        self._slow, self._fast = (self._x, self._y) if operator.y_fast else (self._y, self._x)
        self.unknowns = self._x.count * self._y.count
        lines = min(grid.nx, grid.ny) + 1
        blocks = -(-self._slow.count // LANES) * LANES
        self._sums = np.empty((REACH + 1, TERMS * lines, blocks))
        self._bands = np.empty((self.unknowns, REACH * (self._fast.count + 1) + 1))

    def solve(self, problem: StokesProblem) -> Flow:
        """psi, u and v; the report has no residual, which would cost and say little."""
        with one_blas_thread():  # for small matrices a second one only gets in OpenMP's way
            return self._solve(problem)

    def _solve(self, problem: StokesProblem) -> Flow:
        if problem.boundaries.no_slip != self.operator.no_slip:
            self.bind(problem.boundaries)
        clock = [perf_counter()]
        viscosity = problem.viscosity()
        b = self.operator.right_hand_side(problem.temperature, problem.rayleigh)
        weights = self.operator.weights(viscosity, y_fast=self.operator.y_fast)
        clock.append(perf_counter())
        self.project(weights)
        load = self.restrict(b)
        clock.append(perf_counter())
        factor, info = dpbtrf(self._bands.T, lower=1, overwrite_ab=1)
        clock.append(perf_counter())
        c, _ = dpbtrs(factor, load, lower=1, overwrite_b=1)
        if info != 0 or not np.isfinite(c).all():
            raise SolverError(factorisation_failure(info, viscosity, problem))
        psi = self.prolong(c)
        clock.append(perf_counter())
        phases = ("assemble", "project", "factor", "solve")
        seconds = dict(zip(phases, np.diff(clock).tolist(), strict=True))
        return flow_from_psi(psi, problem.grid, StokesReport(self.name, seconds))

    def project(self, weights: _core.Weights) -> Array:
        """P^T A P in LAPACK lower band storage, shape (unknowns, kd + 1)."""
        slow, fast = (
            (basis.first, basis.value, basis.second, basis.slope)
            for basis in (self._slow, self._fast)
        )
        _core.assemble_reduced(weights, slow, fast, self._sums, self._bands)
        return self._bands

    def restrict(self, nodes: Array) -> Array:
        """P^T of node values, shape (unknowns,)."""
        c = self._y.values.T @ nodes @ self._x.values
        return (c.T if self.operator.y_fast else c).ravel()

    def prolong(self, c: Array) -> Array:
        """P c at the nodes, shape (ny+1, nx+1)."""
        slow = c.reshape(self._slow.count, self._fast.count)
        return self._y.values @ (slow.T if self.operator.y_fast else slow) @ self._x.values.T
