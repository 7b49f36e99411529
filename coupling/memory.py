"""What solvers that ask other solvers remember, as arrays that a checkpoint can hold."""

import numpy as np

from tellus.solver.grid import Array
from tellus.solver.history import Moment
from tellus.solver.stokes import SolverState


def packed(name: str, moment: Moment | None) -> dict[str, Array]:
    """A moment as arrays called after it; nothing for None."""
    if moment is None:
        return {}
    return {f"{name}/time": np.array(moment.time), f"{name}/psi": moment.psi}


def unpacked(name: str, state: SolverState) -> Moment | None:
    """The inverse of `packed`."""
    if f"{name}/psi" not in state:
        return None
    return Moment(float(state[f"{name}/time"]), np.asarray(state[f"{name}/psi"], dtype=np.float64))


def prefixed(prefix: str, state: SolverState) -> SolverState:
    """The memory of a solver that is asked, under names of its own."""
    return {f"{prefix}/{name}": value for name, value in state.items()}


def of_prefix(prefix: str, state: SolverState) -> SolverState:
    """The inverse of `prefixed`: what belongs to that solver."""
    start = f"{prefix}/"
    return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
