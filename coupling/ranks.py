"""Processes that an mpirun started together: all run the same program, the first alone writes."""

import logging
import os
import signal
from contextlib import suppress

import numpy as np

from tellus.coupling.solvers.names import shares_processes
from tellus.errors import InputError, RunFailedError
from tellus.io import terminal
from tellus.io.signals import WATCHED
from tellus.solver.stokes import StokesSolver

COUNTS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Variables with the number of processes, of Open MPI, and of MPICH and its kin."""


class Ranks:
    """One process, alone."""

    first = True

    def meet(self) -> None:
        """Go on when every process has come here."""

    def agreed(self, stop: bool, time: float) -> bool:
        """What the first process says, to which alone signals and limits matter.

        Raises RunFailedError, everywhere, where they have not come to the same model time.
        """
        return stop


class SharedRanks(Ranks):
    """The processes that share the work of a solver; not the first ones are silent and deaf."""

    def __init__(self) -> None:
        from tellus.solver.mumps.petsc import world

        self._world = world()
        self.first = self._world.rank == 0
        if not self.first:
            terminal.silence()
            logging.getLogger("tellus").setLevel(logging.CRITICAL)
            with suppress(ValueError):  # not the main thread
                for number in WATCHED:
                    signal.signal(number, signal.SIG_IGN)  # mpirun sends them to all

    def meet(self) -> None:
        """Go on when every process has come here."""
        self._world.meet()

    def agreed(self, stop: bool, time: float) -> bool:
        """What the first process says; see `Ranks.agreed`."""
        stops, times = self._world.of_all(np.array([stop, time], dtype=np.float64)).T
        if np.any(times != times[0]):
            raise RunFailedError(
                f"the processes of this run disagree, from t = {times.min()!r} to "
                f"{times.max()!r}: take machines of one kind, or one process alone."
            )
        return bool(stops[0])


def ranks_of(name: str, solver: StokesSolver | None = None) -> Ranks:
    """The processes that run a simulation with a solver, given or of this name, together.

    Raises InputError where the solver needs PETSc and it is missing.
    """
    shared = shares_processes(name) if solver is None else solver.shares_processes
    return SharedRanks() if shared else Ranks()


def processes() -> int:
    """How many an mpirun started, one without."""
    return max(int(os.environ.get(variable, 1)) for variable in COUNTS)


def refuse_idle_processes(name: str) -> None:
    """Raises InputError where mpirun started several processes for a solver that uses one."""
    started = processes()
    if started > 1 and not shares_processes(name):
        raise InputError(
            f'stokes.solver: "{name}" works in one process, and mpirun started {started}: leave '
            "mpirun out, or choose mumps."
        )
