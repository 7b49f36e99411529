"""The velocity of the middle of a step: order in time, what is held, resumed runs."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numerics import flow_of, observed_orders, random_psi
from physics_cases import assert_resumes_bitwise, case

from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.mid_step import MidStep
from tellus.coupling.simulation.stepping import Stepping
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesReport

GRID = Grid(24, 16, 1.5)


def convected(steps: int, scheme: str) -> Array:
    """T after so many equal steps over a time in which a plume rises."""
    dt = 0.02 / steps
    simulation = Simulation(
        GRID,
        FrankKamenetskii(gamma_T=10.0, gamma_p=1.0),
        DirectSolver(GRID),
        conductive(GRID) + 0.1 * mode_perturbation(GRID, mode=1),
        rayleigh=1e4,
        scheme=scheme,
        advection="mp5",
        velocity="mid-step",
        stepping=Stepping(courant=100.0, dt_initial=dt, dt_max=dt, growth=1.0),
    )
    simulation.run(steps=steps)
    assert simulation.time == pytest.approx(0.02)
    return simulation.temperature


@pytest.mark.parametrize("scheme", ["explicit", "implicit"])
def test_the_coupled_scheme_is_of_second_order_in_time(scheme: str) -> None:
    """With the velocity of the start of the step, of first: `test_energy_order`."""
    solutions = [convected(steps, scheme) for steps in (80, 160, 320, 640)]
    errors = [float(np.mean(np.abs(one - other))) for one, other in pairwise(solutions)]
    assert observed_orders(errors) == pytest.approx([2.0, 2.0], abs=0.15)


@pytest.mark.parametrize(
    "settings",
    [
        ("stokes.solver=direct",),
        ("stokes.solver=skip:3", "energy.advection=mp5"),
        ("stokes.solver=skip:3:linear",),
        ("stokes.solver=fine:2", "time.scheme=implicit", "energy.advection=mp5"),
        ("stokes.solver=lagged", "model.core_capacity=0.1", "energy.advection=mp5"),
    ],
    ids=" ".join,
)
def test_a_run_resumes_bitwise(settings: tuple[str, ...]) -> None:
    config = case("energy.velocity=mid-step", "time.end=4e-4", *settings)
    assert assert_resumes_bitwise(config).steps > 5


def flow_at(time: float, status: str = "solved", divergent: bool = False) -> Flow:
    """Linear in time; one that is divergent does not follow from its psi."""
    psi = random_psi(GRID, 1) + time * random_psi(GRID, 2)
    report = StokesReport("made up", status=status)
    flow = replace(flow_of(psi, GRID), report=report, divergent=divergent)
    return replace(flow, u=flow.u + 3.0 * time) if divergent else flow


@pytest.mark.parametrize("divergent", [False, True])
def test_a_flow_that_changes_linearly_is_met_exactly(divergent: bool) -> None:
    middle = MidStep(GRID)
    assert middle.first
    for time in (0.1, 0.3):
        middle.add(time, flow_at(time, divergent=divergent))
    found, exact = (
        middle.at(0.4, flow_at(0.3, divergent=divergent)),
        flow_at(0.4, divergent=divergent),
    )
    for name in ("psi", "u", "v"):
        np.testing.assert_allclose(getattr(found, name), getattr(exact, name), atol=1e-11)
    assert found.divergent == divergent


def test_what_is_held_stays_and_what_is_extrapolated_is_so_once() -> None:
    middle = MidStep(GRID)
    middle.add(0.1, flow_at(0.1))
    middle.add(0.3, flow_at(0.3))
    held = flow_at(0.3, "held")
    middle.add(0.5, held)
    assert middle.at(0.6, held) is held
    wrong = flow_at(7.0, "extrapolated")
    middle.add(0.5, wrong)
    np.testing.assert_allclose(middle.at(0.6, wrong).psi, flow_at(0.6).psi, atol=1e-11)


def test_a_step_cut_short_amplifies_nothing() -> None:
    """Solved a moment after the one before, with its error: the one before that serves."""
    middle = MidStep(GRID)
    for time in (0.1, 0.3):
        middle.add(time, flow_at(time))
    noise = 1e-3 * random_psi(GRID, 5)
    last = flow_of(flow_at(0.3 + 1e-6).psi + noise, GRID)
    middle.add(0.3 + 1e-6, last)
    error = np.max(np.abs(middle.at(0.4, last).psi - flow_at(0.4).psi))
    assert error < 2.0 * np.max(np.abs(noise))
