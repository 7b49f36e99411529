"""The direct solution on a coarser grid, interpolated to the fine one."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer, added
from tellus.solver.rheology import Given
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver


class CoarseSolver(StokesSolver):
    """Solve on a grid `factor` times coarser and interpolate psi by bicubic splines.

    Temperature is averaged over blocks of cells: for an exponential viscosity law the coarse
    viscosity is then the geometric mean of the fine one, and a viscosity that is given is
    averaged so. At free-slip walls psi and its second normal derivative vanish, at no-slip
    walls psi and its first one: the splines end accordingly, so that the interpolation is
    fourth order up to the walls and what is left is the second order of the coarse solve.

    Raises InputError where the grid is too small for it or not divisible by `factor`.
    """

    def __init__(self, grid: Grid, factor: int) -> None:
        grid.require(4 * factor, f"a solve on one {factor} times coarser")
        self.name = f"coarse:{factor}"
        self.grid, self.factor = grid, factor
        self.coarse = grid.coarsened(factor)
        self._splines: dict[tuple[bool, bool, bool, bool], tuple[Array, Array]] = {}

    @cached_property
    def _solver(self) -> StokesSolver:
        # Here and not above: where only a name or a cache is needed, LAPACK need not be.
        from tellus.solver.direct import DirectSolver

        return DirectSolver(self.coarse)

    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity; the residual of the fine grid is not computed and stays NaN."""
        before = PhaseTimer()
        coarse = self._coarsened(problem)
        before.lap("project")
        flow = self._solver.solve(coarse)
        after = PhaseTimer()
        psi = self._interpolated(flow.psi, problem.boundaries)
        after.lap("transfer")
        seconds = added(before.seconds, flow.report.seconds, after.seconds)
        return self.flow(psi, self.grid, seconds)

    def stream_function(self, problem: StokesProblem) -> Array:
        """psi alone, shape (ny+1, nx+1)."""
        psi = self._solver.solve(self._coarsened(problem)).psi
        return self._interpolated(psi, problem.boundaries)

    def _coarsened(self, problem: StokesProblem) -> StokesProblem:
        temperature = coarse_means(problem.temperature, self.coarse)
        law = problem.rheology
        if isinstance(law, Given):
            law = Given(np.exp(coarse_means(np.log(law.values), self.coarse)))
        return replace(problem, grid=self.coarse, temperature=temperature, rheology=law)

    def _interpolated(self, psi: Array, boundaries: BoundaryConditions) -> Array:
        # Here and not above, as LAPACK.
        from tellus.solver.threads import one_blas_thread

        walls = left, right, bottom, top = boundaries.no_slip
        if walls not in self._splines:
            along_y = spline_matrix(self.coarse.ny, self.factor, (bottom, top))
            along_x = spline_matrix(self.coarse.nx, self.factor, (left, right))
            self._splines[walls] = along_y, along_x.T
        along_y, along_x = self._splines[walls]
        with one_blas_thread():
            fine: Array = along_y @ psi @ along_x
        fine[[0, -1]] = 0.0
        fine[:, [0, -1]] = 0.0
        return fine


def spline_matrix(cells: int, factor: int, clamped: tuple[bool, bool] = (False, False)) -> Array:
    """Cubic interpolation from nodes to `factor` times finer nodes.

    Dense, shape (cells * factor + 1, cells + 1). The first derivative vanishes at an end that is
    clamped, the second one at an end that is not.
    """
    from scipy.interpolate import CubicSpline

    coarse = np.arange(cells + 1.0)
    fine = np.arange(cells * factor + 1) / factor
    low, high = ("clamped" if fast else "natural" for fast in clamped)
    matrix: Array = CubicSpline(coarse, np.eye(cells + 1), bc_type=(low, high))(fine)
    return matrix
