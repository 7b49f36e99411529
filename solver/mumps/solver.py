"""MUMPS through PETSc: u, v and p together, as most codes solve them, or the stream function."""

import weakref

import numpy as np

from tellus.errors import SolverError
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.operator import PsiOperator, relative_residual
from tellus.solver.stokes import (
    Flow,
    StokesProblem,
    StokesReport,
    StokesSolver,
    flow_from_psi,
)
from tellus.solver.threads import one_blas_thread

from .psi_rows import StreamFunctionRows
from .variants import variant
from .workers import join


class MumpsSolver(StokesSolver):
    """A sparse direct solve whose symbolic analysis is done once and kept.

    "mumps" solves the saddle-point system of velocity and pressure, the velocity to rounding
    that of the stream-function solve; "mumps-psi" that one, by Cholesky. Under mpirun every
    process holds and factors a part of the matrix, and only the first comes back from here, see
    `workers`.

    Parameters
    ----------
    grid : Grid
    name : str
        With arguments, such as "mumps:lu:amf", see `variants.variant`.

    Raises
    ------
    InputError
        PETSc, petsc4py or the ordering is missing, or an argument is not known.
    """

    def __init__(self, grid: Grid, name: str = "mumps") -> None:
        kind, *arguments = name.split(":")
        self.name = name
        variant(kind, arguments)  # complains before anything is loaded
        self._workers = join()
        self.variant = variant(kind, arguments, self._workers.world.size)
        self._operator = PsiOperator(grid)
        self._number = self._workers.build(grid, self.variant)
        forgotten = weakref.finalize(self, self._workers.discard, self._number)
        forgotten.atexit = False

    @property
    def megabytes(self) -> int:
        """Memory of the last factorisation, in all processes together."""
        return self._workers.system(self._number).factorisation.megabytes

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """The flow, from u-v-p with its pressure; the residual is that of A psi = b.

        Raises SolverError where the viscosity is not positive or MUMPS fails.
        """
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        if not (np.min(viscosity) > 0.0 and np.max(viscosity) < np.inf):
            raise _failure("cannot start", viscosity, problem)
        fields = np.stack([viscosity, problem.rayleigh * problem.temperature])
        timer.lap("assemble")
        try:
            no_slip = problem.boundaries.no_slip
            unknowns = self._workers.solve(self._number, fields, no_slip, timer)
        except SolverError as error:
            raise _failure(f"ended: {error}", viscosity, problem) from error
        psi, p = self._psi_and_pressure(unknowns)
        timer.lap("transfer")
        residual = self._residual(problem, viscosity, psi)
        timer.lap("residual")
        if not np.isfinite(residual):
            raise _failure("gave no finite solution", viscosity, problem)
        report = StokesReport(self.name, timer.seconds, residual=residual)
        flow = flow_from_psi(psi, problem.grid, report)
        return Flow(flow.psi, flow.u, flow.v, report, p)

    def _psi_and_pressure(self, unknowns: Array) -> tuple[Array, Array | None]:
        """psi is integrated from u: div u is then zero to rounding in every cell.

        Downwards, because rounding adds up on the way and counts most in a stiff lid.
        """
        equations = self._workers.system(self._number).equations
        if isinstance(equations, StreamFunctionRows):
            return equations.fields(unknowns), None
        u, _, p = equations.fields(unknowns)
        grid = self._operator.grid
        psi = np.zeros(grid.nodes)
        psi[1:-1] = -np.cumsum(grid.hy * u[::-1], axis=0)[-2::-1]
        return psi, p

    def _residual(self, problem: StokesProblem, viscosity: Array, psi: Array) -> float:
        self._operator = self._operator.between(problem.boundaries)
        b = self._operator.right_hand_side(problem.temperature, problem.rayleigh)
        return relative_residual(self._operator.at(viscosity), psi, b)


def _failure(what: str, viscosity: Array, problem: StokesProblem) -> SolverError:
    return SolverError(
        f"the MUMPS solve {what} at t = {problem.time:.6g}: viscosity ranges from "
        f"{np.min(viscosity):.3g} to {np.max(viscosity):.3g}; set rheology.floor and "
        "rheology.ceiling to bound it, or refine the grid."
    )
