"""The one place that knows PETSc: a MUMPS factorisation, and the processes that share it.

petsc4py is imported when something is first asked for, not before.
"""

import atexit
import faulthandler
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError, SolverError
from tellus.solver.grid import Array

Indices = NDArray[np.int32]

PREFIX = "tellus_"
"""Prefix of PETSc's options: PETSC_OPTIONS="-tellus_mat_mumps_icntl_4 2" reaches MUMPS, and has the
last word."""

OUT_OF_WORKSPACE = (-8, -9, -14, -15)
"""MUMPS's INFOG(1) where pivoting needs more room than ICNTL(14) leaves it."""

MOST_WORKSPACE = 2000
"""Percent above MUMPS's estimate at which more room is not what is missing."""

MEANINGS = {-10: "the matrix is singular", -13: "there is not enough memory"}

DISSECTION = "dissection"
LU, LDLT, CHOLESKY = "lu", "ldlt", "cholesky"
EVENTS = {LU: "MatLUFactorSym", LDLT: "MatCholFctrSym", CHOLESKY: "MatCholFctrSym"}
"""What PETSc's log calls the symbolic analysis."""

PATIENCE = 10.0
"""Seconds that a process which ends waits for the others."""


class Pattern(NamedTuple):
    """The own rows of a sparse matrix with `size` rows in all: row pointers and columns."""

    size: int
    indptr: Indices
    indices: Indices


class MumpsSettings(NamedTuple):
    """How MUMPS is to factor a matrix.

    `icntl` are its parameters by number; with `analyse` it repeats the symbolic analysis at every
    factorisation.
    """

    method: str
    ordering: str
    icntl: Mapping[int, int]
    analyse: bool = False


@cache
def _petsc() -> Any:
    """PETSc, initialised; InputError where it is missing."""
    try:
        import petsc4py

        # Signals are the run's business.
        petsc4py.init(["tellus", "-no_signal_handler"])
        from petsc4py import PETSc
    except ImportError as error:
        raise InputError(f"{MISSING} ({error}).") from None
    if not PETSc.Sys.hasExternalPackage("mumps"):
        raise InputError(f"{MISSING} (this PETSc was built without MUMPS).")
    PETSc.Log.begin()
    return PETSc


MISSING = (
    "stokes.solver: the MUMPS solvers need PETSc with MUMPS, and petsc4py: on Debian or Ubuntu "
    "run `make petsc`, elsewhere `conda install -c conda-forge petsc4py` or see docs/use/mumps.md"
)


class World:
    """The processes that an mpirun started together, or this one alone.

    All of them run the same program. One that ends waits for the others to end as well; where
    they don't, because it failed alone, it goes without leave after `PATIENCE` seconds, and
    mpirun ends the others.
    """

    def __init__(self) -> None:
        self._petsc = _petsc()
        self._comm = self._petsc.COMM_WORLD
        self.rank, self.size = int(self._comm.getRank()), int(self._comm.getSize())
        if self.size > 1:
            atexit.register(self._leave)

    def meet(self) -> None:
        """Go on when every process has come here."""
        if self.size > 1:
            self._comm.barrier()

    def of_all(self, numbers: Array) -> Array:
        """The numbers of every process, shape (n,) each, on every process, shape (size, n)."""
        own = self._petsc.Vec().createMPI((numbers.size, numbers.size * self.size))
        own.setArray(numbers)
        scatter, everywhere = self._petsc.Scatter.toAll(own)
        scatter.scatter(own, everywhere)
        found = np.array(everywhere.getArray()).reshape(self.size, numbers.size)
        for part in (own, scatter, everywhere):
            part.destroy()
        return found

    def _leave(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):
                stream.flush()
        with open(os.devnull, "w") as nowhere:
            faulthandler.dump_traceback_later(PATIENCE, exit=True, file=nowhere)
            self._comm.barrier()
            faulthandler.cancel_dump_traceback_later()


@cache
def world() -> World:
    """The processes of this program; InputError where PETSc is missing."""
    return World()


class Factorisation:
    """A matrix that keeps its pattern, in rows spread over all processes, and its factor.

    All methods are collective.
    """

    def __init__(self, pattern: Pattern, settings: MumpsSettings) -> None:
        self._petsc = petsc = _petsc()
        self._settings, self._pattern = settings, pattern
        self._values = np.zeros(len(pattern.indices))
        rows, self._comm = len(pattern.indptr) - 1, petsc.COMM_WORLD
        comm = self._comm
        shape = ((rows, pattern.size), (rows, pattern.size))
        arrays = (pattern.indptr, pattern.indices, self._values)
        # One process shares its values with PETSc, several copy them.
        self._shared = comm.getSize() == 1
        self._matrix = petsc.Mat().createAIJWithArrays(shape, arrays, comm=comm)
        if settings.method != LU:
            self._matrix.setOption(petsc.Mat.Option.SYMMETRIC, True)
        if settings.method == CHOLESKY:
            self._matrix.setOption(petsc.Mat.Option.SPD, True)
        self._b, self._x = self._matrix.createVecs()
        self._to_all = petsc.Scatter.toAll(self._x)
        self._solver = petsc.PC().create(comm=comm)
        self._first: Array | None = None
        self._ready = False
        self.workspace = settings.icntl.get(14, 20)

    def factor(self, values: Array) -> float:
        """Factor the matrix with these entries; the seconds that symbolic analysis took.

        The first entries are those that the analysis sees, if any. Raises SolverError,
        everywhere, where MUMPS fails.
        """
        before = self._analysis_seconds()
        if self._first is None:
            self._first = values = values.copy()
        info = self._attempt(values)
        while info in OUT_OF_WORKSPACE and self.workspace < MOST_WORKSPACE:
            self.workspace *= 2
            info = self._attempt(values)
        if info < 0:
            reason = MEANINGS.get(info, "see its manual")
            numbers = f"INFOG(1) = {info}, INFOG(2) = {self._infog(2)}"
            raise SolverError(f"MUMPS failed with {numbers} ({reason})")
        return self._analysis_seconds() - before

    def _attempt(self, values: Array) -> int:
        """MUMPS's INFOG(1) after a factorisation: negative where it failed."""
        if self._settings.analyse or not self._ready:
            if not self._settings.analyse and values is not self._first:
                assert self._first is not None
                self._attempt(self._first)
            else:
                self._prepare()
        self._values[:] = values
        if not self._shared:
            self._matrix.setValuesCSR(self._pattern.indptr, self._pattern.indices, self._values)
        self._matrix.assemble()
        self._matrix.stateIncrease()
        self._set_up()
        info = self._infog(1)
        # After a failure PETSc starts from the beginning only.
        self._ready = info >= 0
        return info

    def _prepare(self) -> None:
        """Begin anew, with an analysis."""
        self._solver.reset()
        self._solver.setOperators(self._matrix)
        self._solver.setType("lu" if self._settings.method == LU else "cholesky")
        self._solver.setFactorSolverType("mumps")
        if self._settings.ordering == DISSECTION:  # that of the rows
            self._solver.setFactorOrdering("natural")
        self._solver.setFactorSetUpSolverType()
        self._factor().setOptionsPrefix(PREFIX)

    def _set_up(self) -> None:
        """Let PETSc analyse, if need be, and factor.

        Before the analysis ICNTL(7) is heard as an option only.
        """
        options, icntl = self._petsc.Options(PREFIX), {**self._settings.icntl, 14: self.workspace}
        ours = {f"mat_mumps_icntl_{number}": value for number, value in icntl.items()}
        ours = {name: value for name, value in ours.items() if not options.hasName(name)}
        for name, value in ours.items():
            options.setValue(name, value)
        try:
            self._solver.setUp()
        except self._petsc.Error as error:
            self._ready = False
            raise SolverError(f"PETSc failed with {str(error).splitlines()[-1]}") from error
        finally:
            for name in ours:
                options.delValue(name)

    def _factor(self) -> Any:
        return self._solver.getFactorMatrix()

    def _infog(self, number: int) -> int:
        return int(self._factor().getMumpsInfog(number))

    def _analysis_seconds(self) -> float:
        return float(self._petsc.Log.Event(EVENTS[self._settings.method]).getPerfInfo()["time"])

    def solve(self, right_hand_side: Array) -> Array:
        """The unknowns of the own rows, from the right-hand side of the own rows."""
        self._b.setArray(right_hand_side)
        self._solver.apply(self._b, self._x)
        return np.array(self._x.getArray())

    def gather(self, unknowns: Array) -> Array:
        """The unknowns of all rows on every process, from those of the own rows."""
        scatter, everywhere = self._to_all
        self._x.setArray(unknowns)
        scatter.scatter(self._x, everywhere)
        return np.array(everywhere.getArray())

    @property
    def ordering(self) -> int:
        """The ordering that MUMPS took in the end, as a value of ICNTL(7)."""
        return self._infog(7)

    @property
    def megabytes(self) -> int:
        """Memory that MUMPS used for the last factorisation, in all processes together."""
        return self._infog(22)

    def destroy(self) -> None:
        """Give the memory back.

        Of several processes each would have to do so at the same moment, and nobody knows when
        Python collects garbage: there it is left to the end of the program.
        """
        if self._comm.getSize() == 1:
            for part in (self._solver, self._matrix, self._b, self._x, *self._to_all):
                part.destroy()
