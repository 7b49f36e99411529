"""The velocity within a step, from those that were solved at its start and before."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tellus.solver.grid import Array, Grid
from tellus.solver.history import PastFlow, extended, extrapolated, stacked, unstacked, well_apart
from tellus.solver.stokes import Flow, SolverState, velocity

NOT_SOLVED = ("held", "extrapolated")
"""What a report's status says of a velocity that was not solved at its time."""

KEPT = 4
"""Solved velocities, of which the last and two well apart from it are gone on from."""

APART = 0.5
"""The least distance between solved velocities that are extrapolated, over the step. Their errors
are then multiplied by 17 at most, at the end of the step, and by 8 on average over it."""

STABLE = 0.25
"""The longest step that is extrapolated, over the longest that a decaying velocity may be held for:
beyond 6/11 of that an extrapolated one swings, as the third-order method of Adams and Bashforth
does. In convection the longest is a hundred times the steps taken."""


class StepVelocity(NamedTuple):
    """The velocities that carry T through a step.

    `mean` is that over the step; `stages`, where it is not held, those at the start, the end and
    the middle, of which by Simpson's rule it is the mean.
    """

    mean: Flow
    stages: tuple[Flow, ...] = ()


class MidStep:
    """Goes on into a step with a parabola in time, so that steps are of second order or higher.

    A parabola through three velocities makes the error several times smaller than a straight line
    through two does. A velocity that its solver holds is held, as that solver's name promises.
    One that it extrapolates is extrapolated once, linearly, from what was solved.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._solved: list[PastFlow] = []

    def add(self, time: float, flow: Flow) -> None:
        """Take note of the velocity at the start of a step; again at the same time is no harm."""
        if flow.report.status in NOT_SOLVED:
            return
        vector = self._vector(flow)
        alike = [past for past in self._solved if past.psi.size == vector.size]
        self._solved = extended(alike, PastFlow(time, vector), KEPT)

    def over(
        self, start: float, dt: float, flow: Flow, longest: float, end: Callable[[], Flow]
    ) -> StepVelocity:
        """The velocities within a step.

        Parameters
        ----------
        start, dt : float
            Model time at which the step begins, and its length.
        flow : Flow
            The velocity at its start.
        longest : float
            The step over which that may be held, see `longest_without_overshoot`.
        end : callable
            Solves for the velocity that a step with `flow` ends with: asked where there is no
            earlier one to extrapolate from.
        """
        solved = flow.report.status not in NOT_SOLVED
        if dt > STABLE * longest:
            # What was solved before a velocity that falls steeply says nothing of those after it.
            self._solved = []
            return StepVelocity(flow)
        if len(self._solved) < 2 and solved:
            first, last = self._vector(flow), self._vector(end())
            if first.size != last.size:
                return StepVelocity(flow)
            return self._step_velocity(first, last, 0.5 * (first + last), flow)
        kept = well_apart(self._solved, start + dt, APART) if self._solved else []
        kept = kept[: 3 if solved else 2]
        if flow.report.status == "held" or len(kept) < 2:
            return StepVelocity(flow)
        first, last, middle = (extrapolated(kept, start + part * dt) for part in (0.0, 1.0, 0.5))
        return self._step_velocity(first, last, middle, flow)

    def _step_velocity(self, first: Array, last: Array, middle: Array, like: Flow) -> StepVelocity:
        mean = self._flow((first + 4.0 * middle + last) / 6.0, like)
        return StepVelocity(mean, tuple(self._flow(one, like) for one in (first, last, middle)))

    def _vector(self, flow: Flow) -> Array:
        """psi, and u and v where they do not follow from it."""
        parts = [flow.psi, flow.u, flow.v] if self._own_velocity(flow) else [flow.psi]
        return np.concatenate([part.ravel() for part in parts])

    def _own_velocity(self, flow: Flow) -> bool:
        """Whether u and v are those of a solver that may not even say that they are its own."""
        return flow.divergent or not all(
            np.array_equal(ours, theirs, equal_nan=True)
            for ours, theirs in zip(velocity(flow.psi, self._grid), (flow.u, flow.v), strict=True)
        )

    def _flow(self, vector: Array, like: Flow) -> Flow:
        """The inverse of `_vector`."""
        grid = self._grid
        shapes = (grid.nodes, grid.u_faces, grid.v_faces)
        ends = np.cumsum([ny * nx for ny, nx in shapes])[:-1]
        psi, *faces = np.split(vector, [end for end in ends if end < vector.size])
        psi = psi.reshape(grid.nodes)
        if faces:
            u, v = (part.reshape(shape) for part, shape in zip(faces, shapes[1:], strict=True))
        else:
            u, v = velocity(psi, grid)
        return Flow(psi, u, v, like.report, like.p, like.divergent)

    def state(self) -> SolverState:
        """The solved velocities as arrays, for a checkpoint."""
        kept = stacked(self._solved)
        return {"times": kept["times"], "solved": kept["psi"]}

    def restore(self, state: SolverState) -> None:
        """Take back what `state` handed out; nothing where there is none."""
        self._solved = []
        if "solved" in state:
            self._solved = unstacked({"times": state["times"], "psi": state["solved"]})
