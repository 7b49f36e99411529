"""Processes that an mpirun started together."""

import os

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError

SHARED = {"mumps", "mumps-psi"}
"""Solvers that several processes share."""

COUNTS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Where Open MPI, and MPICH and its kin, say how many processes they have started."""


def join_workers(name: str) -> None:
    """All processes but the first stay in here and help, if a solver of this name needs them.

    So only one goes on to look at files, and write them. Raises InputError without PETSc.
    """
    if SHARED.intersection(SolverSpec.parse(name).kinds):
        from tellus.solver.mumps.workers import join

        join()


def processes() -> int:
    """How many an mpirun started, one without."""
    return max(int(os.environ.get(variable, 1)) for variable in COUNTS)


def refuse_idle_processes(name: str) -> None:
    """Raises InputError where mpirun started several processes for a solver that uses one."""
    started = processes()
    if started > 1 and not SHARED.intersection(SolverSpec.parse(name).kinds):
        raise InputError(
            f'stokes.solver: "{name}" works in one process, and mpirun started {started}: leave '
            "mpirun out, or choose mumps."
        )
