"""The velocity within a step: order in time, what is held, resumed runs."""

from dataclasses import replace
from itertools import pairwise
from math import inf

import numpy as np
import pytest

from helpers.numerics import flow_of, observed_orders, random_psi
from helpers.physics_cases import assert_resumes_bitwise, unheated
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.mid_step import MidStep
from tellus.coupling.simulation.stepping import Stepping
from tellus.solver.boundaries import TEMPERATURE, BoundaryConditions, Wall
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesReport

GRID = Grid(24, 16, 1.5)
COLD, WARM = (Wall(thermal=TEMPERATURE, value=value) for value in (0.0, 1.0))


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


@pytest.mark.parametrize(("scheme", "order"), [("explicit", 3.0), ("implicit", 2.0)])
def test_the_order_of_the_coupled_scheme_in_time(scheme: str, order: float) -> None:
    """With the velocity of the start of the step, of first: `test_energy_order`."""
    solutions = [convected(steps, scheme) for steps in (80, 160, 320)]
    errors = [float(np.mean(np.abs(one - other))) for one, other in pairwise(solutions)]
    (observed,) = observed_orders(errors)
    assert observed > order - 0.1


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
    config = unheated("energy.velocity=mid-step", "time.end=4e-4", *settings)
    assert assert_resumes_bitwise(config).steps > 5


def flow_at(
    time: float, status: str = "solved", divergent: bool = False, curved: float = 0.0
) -> Flow:
    """A parabola in time; one that is divergent does not follow from its psi."""
    psi = random_psi(GRID, 1) + time * random_psi(GRID, 2) + curved * time**2 * random_psi(GRID, 3)
    report = StokesReport("made up", status=status)
    flow = replace(flow_of(psi, GRID), report=report, divergent=divergent)
    return replace(flow, u=flow.u + 3.0 * time) if divergent else flow


def over(middle: MidStep, start: float, dt: float, flow: Flow) -> Flow:
    """The mean velocity of a step that may be as long as it likes and solves for nothing more."""

    def end() -> Flow:
        raise AssertionError

    return middle.over(start, dt, flow, inf, end).mean


@pytest.mark.parametrize("divergent", [False, True])
def test_a_flow_that_changes_linearly_is_met_exactly(divergent: bool) -> None:
    middle = MidStep(GRID)
    for time in (0.1, 0.3):
        middle.add(time, flow_at(time, divergent=divergent))
    found = over(middle, 0.3, 0.2, flow_at(0.3, divergent=divergent))
    exact = flow_at(0.4, divergent=divergent)
    for name in ("psi", "u", "v"):
        np.testing.assert_allclose(getattr(found, name), getattr(exact, name), rtol=0, atol=1e-11)
    assert found.divergent == divergent


def test_a_parabola_is_met_exactly_at_all_stages() -> None:
    middle = MidStep(GRID)
    for time in (0.05, 0.25, 0.5):
        middle.add(time, flow_at(time, curved=2.0))
    found = middle.over(0.5, 0.3, flow_at(0.5, curved=2.0), inf, lambda: flow_at(0.0))
    for time, stage in zip((0.5, 0.8, 0.65), found.stages, strict=True):
        np.testing.assert_allclose(stage.psi, flow_at(time, curved=2.0).psi, rtol=0, atol=1e-11)


def test_the_mean_over_a_step_of_a_parabola_is_met_exactly() -> None:
    middle = MidStep(GRID)
    for time in (0.1, 0.25, 0.3, 0.5):
        middle.add(time, flow_at(time, curved=2.0))
    found = over(middle, 0.5, 0.3, flow_at(0.5, curved=2.0))
    # The mean of the square of time from 0.5 to 0.8 is that of its middle and a twelfth of 0.09.
    exact = flow_at(0.65, curved=2.0).psi + 2.0 * 0.0075 * random_psi(GRID, 3)
    np.testing.assert_allclose(found.psi, exact, rtol=0, atol=1e-11)


def test_lighter_fluid_comes_to_rest_over_heavier() -> None:
    """Between walls that keep it so; extrapolated over steps as long as these it would swing."""
    grid = Grid(16, 16, 1.0)
    sizes = []
    start = grid.y_cells[:, None] + 0.02 * mode_perturbation(grid, mode=1)
    walls = BoundaryConditions(bottom=COLD, top=WARM)
    simulation = Simulation(
        grid,
        FrankKamenetskii(gamma_T=1.0, gamma_p=1.0),
        DirectSolver(grid),
        start,
        rayleigh=1e6,
        boundaries=walls,
        advection="mp5",
        velocity="mid-step",
        stepping=Stepping(courant=1.0, dt_initial=1e-5, dt_max=1e-3),
    )
    for _ in range(60):
        record = simulation.step()
        sizes.append(record.diagnostics.vrms)
    assert max(sizes[12:]) < 1e-4 * sizes[0]
    assert sizes[-1] < 1e-5 * sizes[0]


def test_the_first_step_takes_the_mean_of_both_its_ends() -> None:
    middle = MidStep(GRID)
    middle.add(0.3, flow_at(0.3))
    found = middle.over(0.3, 0.2, flow_at(0.3), inf, lambda: flow_at(0.5))
    np.testing.assert_allclose(found.mean.psi, flow_at(0.4).psi, rtol=0, atol=1e-11)
    for time, stage in zip((0.3, 0.5, 0.4), found.stages, strict=True):
        np.testing.assert_allclose(stage.psi, flow_at(time).psi, rtol=0, atol=1e-11)


def test_what_is_held_stays_and_what_is_extrapolated_is_so_once() -> None:
    middle = MidStep(GRID)
    middle.add(0.05, flow_at(0.05))
    middle.add(0.3, flow_at(0.3))
    held = flow_at(0.3, "held")
    middle.add(0.5, held)
    assert over(middle, 0.5, 0.2, held) is held
    wrong = flow_at(7.0, "extrapolated")
    middle.add(0.5, wrong)
    np.testing.assert_allclose(
        over(middle, 0.5, 0.2, wrong).psi, flow_at(0.6).psi, rtol=0, atol=1e-11
    )


def test_a_step_cut_short_amplifies_nothing() -> None:
    """Solved a moment after the one before, with its error: the one before that serves."""
    middle = MidStep(GRID)
    for time in (0.0, 0.15, 0.3):
        middle.add(time, flow_at(time))
    noise = 1e-3 * random_psi(GRID, 5)
    last = flow_of(flow_at(0.3 + 1e-6).psi + noise, GRID)
    middle.add(0.3 + 1e-6, last)
    error = np.max(np.abs(over(middle, 0.3 + 1e-6, 0.2, last).psi - flow_at(0.4).psi))
    assert error < 7.0 * np.max(np.abs(noise))


def test_a_velocity_that_does_not_follow_from_its_psi_is_carried_along_whoever_says_so() -> None:
    """A solver of one's own may forget to mark its flow as divergent."""
    middle = MidStep(GRID)
    for time in (0.1, 0.3):
        flow = replace(flow_at(time, divergent=True), divergent=False)
        middle.add(time, flow)
    found, exact = over(middle, 0.3, 0.2, flow), flow_at(0.4, divergent=True)
    np.testing.assert_allclose(found.u, exact.u, rtol=0, atol=1e-11)
    plain = flow_at(0.5)
    middle.add(0.5, plain)  # of another kind: nothing to extrapolate from
    assert middle.over(0.5, 0.2, plain, inf, lambda: flow).mean is plain


def test_a_step_that_its_stages_cut_is_the_same_wherever_the_run_ends() -> None:
    """The end may lie between the step that the velocity at its start allows and the one taken."""
    config = unheated("energy.advection=mp5", "energy.velocity=mid-step", "stokes.solver=direct")
    simulation = Simulation.from_config(config)
    cut = 0
    for _ in range(60):
        before = simulation.snapshot()
        flow = simulation.flow()
        allowed = simulation.energy.stable_dt(flow, simulation.stepping.courant)
        start = simulation.time
        free = simulation.step()
        if allowed > 1.0001 * free.dt and free.dt < simulation.stepping.dt_max:
            after, cut = simulation.temperature, cut + 1
            simulation.restore(before)
            until = start + 0.5 * (allowed + free.dt)
            assert not simulation.reaches(until)
            assert simulation.step(until).dt == free.dt
            np.testing.assert_array_equal(simulation.temperature, after)
    assert cut > 3
