"""What solvers that ask other solvers remember, as arrays that a checkpoint can hold."""

import numpy as np

from tellus.solver.grid import Array
from tellus.solver.stokes import SolverState

Moment = tuple[float, Array]
"""A model time and the stream function then, shape (ny+1, nx+1)."""


def packed(name: str, moment: Moment | None) -> dict[str, Array]:
    """A moment as arrays called after it; nothing for None."""
    return {} if moment is None else {f"{name}/time": np.array(moment[0]), f"{name}/psi": moment[1]}


def unpacked(name: str, state: SolverState) -> Moment | None:
    """The inverse of `packed`."""
    if f"{name}/psi" not in state:
        return None
    return float(state[f"{name}/time"]), np.asarray(state[f"{name}/psi"], dtype=np.float64)


def prefixed(prefix: str, state: SolverState) -> SolverState:
    """The memory of a solver that is asked, under names of its own."""
    return {f"{prefix}/{name}": value for name, value in state.items()}


def of_prefix(prefix: str, state: SolverState) -> SolverState:
    """The inverse of `prefixed`: what belongs to that solver."""
    start = f"{prefix}/"
    return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}


def extrapolated(before: Moment, last: Moment, time: float) -> Array:
    """The straight line through two moments, at a third time."""
    beyond = (time - last[0]) / (last[0] - before[0])
    psi: Array = last[1] + beyond * (last[1] - before[1])
    return psi
