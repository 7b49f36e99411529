"""Momentum problems of a short run, one after another, for solvers that live on the last ones."""

from functools import cache

import numpy as np

from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.stepping import Stepping
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, relative_velocity_error

SMALL = Grid(64, 16, 4.0)


States = tuple[tuple[StokesProblem, Flow], ...]
"""Momentum problems of successive steps, and their direct solutions."""


@cache
def circulating(steps: int) -> States:
    """Plumes that the grid resolves: contrast 1e5, the flow changes by one per cent a step."""
    return _states(steps, FrankKamenetskii(1e5, 1.0), 10.0, courant=0.5)


@cache
def rising(steps: int) -> States:
    """Plumes that it does not: contrast 1e9, the flow changes by up to a third a step."""
    return _states(steps, FrankKamenetskii(1e8, 10.0), 1.0, courant=1.0)


def _states(steps: int, law: FrankKamenetskii, rayleigh: float, courant: float) -> States:
    temperature = conductive(SMALL) + 0.3 * mode_perturbation(SMALL, mode=3)
    simulation = Simulation(
        SMALL,
        law,
        DirectSolver(SMALL),
        np.clip(temperature, 0.0, 1.0),
        rayleigh=rayleigh,
        stepping=Stepping(dt_initial=1e-4, courant=courant),
        advection="van-leer",
        velocity="held",
    )
    states = []
    for _ in range(steps):
        states.append((simulation.problem, simulation.flow()))
        simulation.step()
    return tuple(states)


def errors(solver: StokesSolver, states: States) -> list[float]:
    """Relative velocity errors of a solver that is asked for one state after another."""
    return [relative_velocity_error(solver.solve(problem), flow) for problem, flow in states]


def assert_resumes(
    solver: StokesSolver, fresh: StokesSolver, problems: list[StokesProblem]
) -> None:
    """`fresh`, given the memory of `solver`, goes on with the same bits, and so does its memory."""
    memory = {name: np.array(value) for name, value in solver.state().items()}
    fresh.restore(memory)
    for problem in problems:
        ours, theirs = fresh.solve(problem), solver.solve(problem)
        np.testing.assert_array_equal(ours.psi, theirs.psi)
        assert ours.report.status == theirs.report.status
        assert ours.report.iterations == theirs.report.iterations
    ours_now, theirs_now = fresh.state(), solver.state()
    assert ours_now.keys() == theirs_now.keys()
    for name, value in ours_now.items():
        np.testing.assert_array_equal(value, theirs_now[name])
