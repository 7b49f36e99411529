"""MUMPS through PETSc: u, v and p together, as most codes solve them, or the stream function."""

import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tellus.errors import InputError, SolverError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.matrix import PsiMatrix
from tellus.solver.psi.operator import PsiOperator, relative_residual
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, failure
from tellus.solver.threads import one_blas_thread

from .petsc import CHOLESKY, DISSECTION, LDLT, LU, Factorisation, MumpsSettings, Pattern, world
from .saddle_point import Equations, SaddlePoint, Slabs

ORDERINGS = {"amd": 0, "amf": 2, "scotch": 3, "pord": 4, "metis": 5, "qamd": 6, DISSECTION: 1}
"""Values of MUMPS's ICNTL(7); 1 is an order given by us."""

METHODS = {"mumps": (LDLT, LU), "mumps-psi": ()}
"""Ways to factor that the name may choose; u-v-p has two, psi has Cholesky alone."""

ANALYSE = "analyse"


class MumpsSolver(StokesSolver):
    """A sparse direct solve whose symbolic analysis is done once and kept.

    "mumps" solves the saddle-point system of velocity and pressure, the velocity to rounding
    that of the stream-function solve; "mumps-psi" that one, by Cholesky. Under mpirun every
    process runs the same program, holds and factors a part of the matrix, and gets the whole
    flow: building the solver and solving are collective.

    Parameters
    ----------
    grid : Grid
    kind : str
        "mumps" or "mumps-psi".
    *arguments : str
        Such as "lu" and "amf", see `variant`.

    Raises
    ------
    InputError
        PETSc, petsc4py or the ordering is missing, or an argument is not known.
    """

    def __init__(self, grid: Grid, kind: str = "mumps", *arguments: str) -> None:
        self.name = ":".join([kind, *arguments])
        variant(kind, arguments)  # complains before anything is loaded
        processes = world()
        settings = variant(kind, arguments, processes.size)
        slabs = Slabs(grid, processes.rank, processes.size)
        self._operator = PsiOperator(grid)
        self._equations: SaddlePoint | StreamFunctionRows
        if settings.method == CHOLESKY:
            self._equations = StreamFunctionRows(slabs)
        else:
            nested = settings.ordering == DISSECTION
            self._equations = SaddlePoint(slabs, settings.method == LDLT, nested)
        self._factorisation = Factorisation(self._equations.pattern, settings)
        weakref.finalize(self, self._factorisation.destroy).atexit = False
        # Some orderings look at the values. A run that is resumed must find the same one.
        at_rest = np.ones(grid.cells), np.zeros(grid.cells), BoundaryConditions()
        self._factorisation.factor(self._equations.assemble(*at_rest).values)
        asked, found = settings.ordering, self._factorisation.ordering
        if asked != DISSECTION and found != ORDERINGS[asked]:
            raise InputError(
                f'stokes.solver: this MUMPS has no ordering "{asked}": choose amd, amf, pord '
                "or qamd."
            )

    @property
    def shares_processes(self) -> bool:
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
        return replace(self.flow(psi, problem.grid, timer.seconds, residual=residual), p=p)

    def _unknowns(self, problem: StokesProblem, viscosity: Array, timer: PhaseTimer) -> Array:
        """The solution for all rows of the system, on every process."""
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


def _failure(what: str, viscosity: Array, problem: StokesProblem) -> SolverError:
    return failure(what, viscosity, problem.time, subject="the MUMPS solve")


class StreamFunctionRows:
    """The upper triangle of the stream-function operator, in equal shares of its rows."""

    def __init__(self, slabs: Slabs) -> None:
        self._operator = PsiOperator(slabs.grid)
        self._matrix = PsiMatrix(self._operator)
        size = self._operator.unknowns
        first, last = (size * part // slabs.parts for part in (slabs.part, slabs.part + 1))
        self._own = slice(first, last)
        self._stored = slice(*self._matrix.indptr[[first, last]].tolist())
        indptr = self._matrix.indptr[first : last + 1] - self._matrix.indptr[first]
        self.pattern = Pattern(size, indptr, self._matrix.indices[self._stored])

    def assemble(
        self, viscosity: Array, buoyancy: Array, boundaries: BoundaryConditions
    ) -> Equations:
        """The equations at a viscosity, under a buoyancy Ra T of shape (ny, nx)."""
        self._operator = self._operator.between(boundaries)
        values = self._matrix.values(self._operator, viscosity)[self._stored]
        b = self._operator.to_unknowns(self._operator.right_hand_side(buoyancy, 1.0))[self._own]
        return Equations(values, b, np.ones_like(b))

    def flow(self, unknowns: Array) -> tuple[Array, None]:
        """psi at the nodes from the unknowns of all processes, in order; no pressure."""
        return self._operator.to_nodes(unknowns), None


def variant(kind: str, arguments: Sequence[str], parts: int = 1) -> MumpsSettings:
    """Read the arguments of "mumps" or "mumps-psi", each at most once, in any order.

    They choose the factorisation, of u-v-p the symmetric LDL^T or LU, of psi Cholesky, the
    ordering, and repeated analysis. The defaults are the fastest of those measured that give the
    velocity to rounding, see docs/use/mumps.md.

    Raises InputError for one that is not known, or that cannot be used together with another or
    on that many processes.
    """
    if kind not in METHODS:
        raise InputError(f'MumpsSolver: kind must be one of {", ".join(METHODS)}, not "{kind}".')
    methods = METHODS[kind]
    chosen = [[a for a in arguments if a in known] for known in (methods, ORDERINGS, (ANALYSE,))]
    if sum(map(len, chosen)) < len(arguments) or any(len(of_kind) > 1 for of_kind in chosen):
        takes = ["analyse", f"an ordering ({', '.join(ORDERINGS)})", *methods]
        raise _refusal(kind, arguments, f"takes at most one each of {' or '.join(takes)}")
    (method,) = chosen[0] or [LDLT if methods else CHOLESKY]
    best = DISSECTION if method == LU and parts == 1 else "pord"
    (ordering,) = chosen[1] or [best]
    if ordering == DISSECTION and (method != LU or parts > 1):
        raise _refusal(kind, arguments, 'cannot be: "dissection" is for LU on one process')
    # The entries of u-v-p are scaled already (8), and there is room for delayed pivots (14).
    icntl = {14: 30} if method == CHOLESKY else {8: 0, 14: 60}
    if method == LDLT and parts == 1:
        icntl[12] = 2  # pairs each pressure with a velocity before it orders
    if method == LU:
        icntl[6] = 0  # rows stay where they are: the pattern is symmetric
    if ordering != DISSECTION:
        icntl[7] = ORDERINGS[ordering]
    return MumpsSettings(method, ordering, icntl, bool(chosen[2]))


def _refusal(kind: str, arguments: Sequence[str], reason: str) -> InputError:
    name = ":".join([kind, *arguments])
    return InputError(f'stokes.solver: "{name}" {reason}, as in "mumps:ldlt:pord".')
