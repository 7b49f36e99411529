"""What all solvers that are made of other solvers share: warnings, weights and state."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from numpy.typing import NDArray

from .stokes import SolverState, StokesProblem, StokesSolver, warnings_of


def joined(states: Mapping[str, SolverState]) -> dict[str, NDArray[Any]]:
    """The states of several parts in one, the arrays of each under its name."""
    return {f"{part}/{name}": v for part, state in states.items() for name, v in state.items()}


def state_of(part: str, state: SolverState) -> dict[str, NDArray[Any]]:
    """The state of one part of what was `joined`; other arrays may lie beside it."""
    under = f"{part}/"
    return {k.removeprefix(under): v for k, v in state.items() if k.startswith(under)}


class CompositeSolver(StokesSolver):
    """A solver that calls others, held by name in `inner`, and may have a state of its own.

    Subclasses write `solve` and, where they have one, `own_state` and `restore_own`; the states
    of the inner solvers go along under their names.
    """

    inner: Mapping[str, StokesSolver]

    def own_state(self) -> SolverState:
        """The state of this solver without that of the inner ones, as arrays."""
        return {}

    def restore_own(self, state: SolverState) -> None:
        return None

    def check(self, problem: StokesProblem) -> list[str]:
        found = (warnings_of(solver, problem) for solver in self.inner.values())
        return list(chain.from_iterable(found))

    @property
    def weights_sha256(self) -> str | None:
        found = (solver.weights_sha256 for solver in self.inner.values())
        return next(filter(None, found), None)

    @property
    def shares_processes(self) -> bool:
        return any(solver.shares_processes for solver in self.inner.values())

    def state(self) -> SolverState:
        theirs = {name: solver.state() for name, solver in self.inner.items()}
        return {**self.own_state(), **joined(theirs)}

    def restore(self, state: SolverState) -> None:
        self.restore_own(state)
        for name, solver in self.inner.items():
            solver.restore(state_of(name, state))
