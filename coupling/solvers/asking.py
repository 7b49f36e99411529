"""What all solvers that ask other solvers share: warnings, weights and memory."""

from collections.abc import Mapping

import numpy as np

from tellus.solver.grid import Array
from tellus.solver.history import Moment
from tellus.solver.stokes import SolverState, StokesProblem, StokesSolver


class AskingSolver(StokesSolver):
    """A solver that asks others, held by name in `asked`, and may remember something itself.

    Subclasses write `solve` and, where they remember, `memory` and `recall`; what the solvers
    asked remember goes along under their names.
    """

    asked: Mapping[str, StokesSolver]

    def memory(self) -> SolverState:
        """What this solver itself remembers, as arrays."""
        return {}

    def recall(self, memory: SolverState) -> None:
        """Take back what `memory` handed out."""
        return None

    def check(self, problem: StokesProblem) -> list[str]:
        """What the solvers asked have to say."""
        return [warning for solver in self.asked.values() for warning in solver.check(problem)]

    @property
    def weights_sha256(self) -> str | None:
        """That of a solver asked, where one has weights."""
        found = (getattr(solver, "weights_sha256", None) for solver in self.asked.values())
        return next(filter(None, found), None)

    def state(self) -> SolverState:
        """Its own memory and that of the solvers asked."""
        theirs = {
            f"{asked}/{name}": value
            for asked, solver in self.asked.items()
            for name, value in solver.state().items()
        }
        return {**self.memory(), **theirs}

    def restore(self, state: SolverState) -> None:
        """Take back what `state` handed out."""
        self.recall(state)
        for asked, solver in self.asked.items():
            start = f"{asked}/"
            theirs = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
            solver.restore(theirs)


def packed(name: str, moment: Moment | None) -> dict[str, Array]:
    """A moment as arrays called after it; nothing for None."""
    if moment is None:
        return {}
    return {f"{name}_time": np.array(moment.time), f"{name}_psi": moment.psi}


def unpacked(name: str, memory: SolverState) -> Moment | None:
    """The inverse of `packed`."""
    if f"{name}_psi" not in memory:
        return None
    return Moment(float(memory[f"{name}_time"]), np.asarray(memory[f"{name}_psi"], np.float64))
