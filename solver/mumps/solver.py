"""MUMPS through PETSc: u, v and p together, as most codes solve them, or the stream function."""

import weakref

import numpy as np

from tellus.errors import InputError, SolverError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.failure import failure
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

from .petsc import CHOLESKY, LDLT, Factorisation, world
from .psi_rows import StreamFunctionRows
from .saddle_point import SaddlePoint
from .slabs import Slabs
from .variants import DISSECTION, ORDERINGS, Variant, variant


class MumpsSolver(StokesSolver):
    """A sparse direct solve whose symbolic analysis is done once and kept.

    "mumps" solves the saddle-point system of velocity and pressure, the velocity to rounding
    that of the stream-function solve; "mumps-psi" that one, by Cholesky. Under mpirun every
    process runs the same program, holds and factors a part of the matrix, and gets the whole
    flow: building the solver and solving are collective.

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
        processes = world()
        self.variant = variant(kind, arguments, processes.size)
        self._operator = PsiOperator(grid)
        self._equations = _equations(Slabs(grid, processes.rank, processes.size), self.variant)
        settings = self.variant.settings(processes.size)
        self._factorisation = Factorisation(self._equations.pattern, settings)
        weakref.finalize(self, self._factorisation.destroy).atexit = False
        # Some orderings look at the values. A run that is resumed must find the same one.
        at_rest = np.ones(grid.cells), np.zeros(grid.cells), BoundaryConditions()
        self._factorisation.factor(self._equations.assemble(*at_rest).values)
        self._check_ordering()

    def _check_ordering(self) -> None:
        asked, found = self.variant.ordering, self._factorisation.ordering
        if asked != DISSECTION and found != ORDERINGS[asked]:
            raise InputError(
                f'stokes.solver: this MUMPS has no ordering "{asked}": choose amd, amf, pord '
                "or qamd."
            )

    @property
    def shares_processes(self) -> bool:
        """They do."""
        return True

    @property
    def megabytes(self) -> int:
        """Memory of the last factorisation, in all processes together."""
        return self._factorisation.megabytes

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """The flow, from u-v-p with its pressure; the residual is that of A psi = b.

        Raises SolverError where the viscosity is not positive or MUMPS fails.
        """
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        if not (np.min(viscosity) > 0.0 and np.max(viscosity) < np.inf):
            raise _failure("cannot start", viscosity, problem)
        try:
            psi, p = self._equations.flow(self._unknowns(problem, viscosity, timer))
        except SolverError as error:
            raise _failure(f"ended: {error}", viscosity, problem) from error
        timer.lap("transfer")
        self._operator = self._operator.between(problem.boundaries)
        b = self._operator.right_hand_side(problem.temperature, problem.rayleigh)
        residual = relative_residual(self._operator.at(viscosity), psi, b)
        timer.lap("residual")
        if not np.isfinite(residual):
            raise _failure("gave no finite solution", viscosity, problem)
        report = StokesReport(self.name, timer.seconds, residual=residual)
        flow = flow_from_psi(psi, problem.grid, report)
        return Flow(flow.psi, flow.u, flow.v, report, p)

    def _unknowns(self, problem: StokesProblem, viscosity: Array, timer: PhaseTimer) -> Array:
        """Of all rows, on every process."""
        buoyancy = problem.rayleigh * problem.temperature
        equations = self._equations.assemble(viscosity, buoyancy, problem.boundaries)
        timer.lap("assemble")
        analysis = self._factorisation.factor(equations.values)
        timer.lap("factor")
        timer.seconds["factor"] -= analysis
        timer.seconds["analyse"] = analysis
        own = self._factorisation.solve(equations.right_hand_side) * equations.units
        timer.lap("solve")
        unknowns = self._factorisation.gather(own)
        timer.lap("transfer")
        return unknowns


def _equations(slabs: Slabs, chosen: Variant) -> SaddlePoint | StreamFunctionRows:
    if chosen.method == CHOLESKY:
        return StreamFunctionRows(slabs)
    return SaddlePoint(slabs, chosen.method == LDLT, chosen.ordering == DISSECTION)


def _failure(what: str, viscosity: Array, problem: StokesProblem) -> SolverError:
    at = f"{what} at t = {problem.time:.6g}"
    return failure(at, viscosity, subject="the MUMPS solve")
