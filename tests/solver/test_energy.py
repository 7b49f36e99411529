"""The energy step: kernels against plain loops, heat budget, maximum principle."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.numerics import GRIDS, between, flow_of, random_psi, rough_field, worst_difference
from helpers.physics_cases import at_rest
from helpers.reference_energy import WEIGHTS, additive_step, advection_rate, heun_step, tendency
from tellus.solver.diagnostics import Diagnostics, diagnose
from tellus.solver.direct import DirectSolver
from tellus.solver.energy import EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import hot, linear, random_perturbation
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem, StokesReport

CONVECTING = Grid(64, 16, 4.0)
ROUNDING = 1e-14
WALLS = {"bottom": 0.9, "top": 0.2, "heating": 3.0}


def convect(
    grid: Grid, temperature: Array, steps: int, heating: float = 0.0, gamma_T: float = 1e7
) -> list[tuple[ThermalState, Flow, float, Diagnostics]]:
    """States of a run at the largest stable step, with the flow, dt and diagnostics of each."""
    solver, energy = DirectSolver(grid), EnergyEquation(grid, heating=heating)
    state, run = ThermalState(temperature), []
    for _ in range(steps):
        problem = StokesProblem(grid, state.temperature, FrankKamenetskii(gamma_T, gamma_p=3.0))
        flow = solver.solve(problem)
        dt = energy.stable_dt(flow, courant=0.5)
        after = energy.step(state, flow, dt)
        run.append((after, flow, dt, diagnose(state, after, flow, grid, dt)))
        state = after
    return run


@pytest.mark.parametrize("direction", [1.0, -1.0])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_step_equals_the_plain_loops(grid: Grid, direction: float) -> None:
    temperature, flow = rough_field(grid), flow_of(direction * random_psi(grid), grid)
    energy = EnergyEquation(grid, between(0.9, 0.2), heating=3.0)
    dt = energy.stable_dt(flow, courant=0.5)
    state = energy.step(ThermalState(temperature), flow, dt)
    expected, heat_in, heat_out = heun_step(
        temperature, flow.u, flow.v, grid.hx, grid.hy, dt=dt, **WALLS
    )
    assert worst_difference(state.temperature, expected) < 1e-13
    assert state.heat_in == pytest.approx(heat_in, rel=1e-13)
    assert state.heat_out == pytest.approx(heat_out, rel=1e-13)


@pytest.mark.parametrize("capacity", [None, 0.7, 1e-3])
def test_implicit_step_equals_the_tableaux(capacity: float | None) -> None:
    """ARK2 for T and, where there is a core, its temperature: one system of equations."""
    grid, dt = Grid(6, 5, 1.2), 0.02
    temperature, flow = rough_field(grid), flow_of(10.0 * random_psi(grid), grid)
    walls, cells = {"top": 0.2, "heating": 0.0}, temperature.size

    def rates(state: Array, speed: float) -> tuple[Array, float, float]:
        u, v = speed * flow.u, speed * flow.v
        field = state[:-1].reshape(grid.cells)
        return tendency(field, u, v, grid.hx, grid.hy, bottom=float(state[-1]), **walls)

    def diffusion(state: Array) -> Array:
        rate, heat_in, _ = rates(state, 0.0)
        return np.append(rate, 0.0 if capacity is None else -heat_in / capacity)

    def transport(state: Array) -> Array:
        return np.append(3.0 + rates(state, 1.0)[0] - rates(state, 0.0)[0], 0.0)

    expected, stages = additive_step(np.append(temperature, 0.9), transport, diffusion, dt)
    energy = EnergyEquation(grid, between(0.9, 0.2), 3.0, "implicit", core_capacity=capacity)
    state = energy.step(ThermalState(temperature, bottom_temperature=0.9), flow, dt)
    assert worst_difference(state.temperature.ravel(), expected[:cells]) < 1e-13
    heat = WEIGHTS @ np.array([rates(stage, 0.0)[1:] for stage in stages])
    assert (state.heat_in, state.heat_out) == pytest.approx(tuple(heat), rel=1e-12)
    if capacity is None:
        assert state.bottom_temperature is None
    else:
        assert state.bottom_temperature == pytest.approx(expected[-1], rel=1e-13)


@pytest.mark.parametrize("scheme", ["explicit", "implicit"])
def test_a_velocity_with_divergence_makes_no_heat(scheme: str) -> None:
    """Uniform T stays what it is, and no T leaves the range that there was; walls are closed."""
    grid = Grid(24, 12, 2.0)
    random = np.random.default_rng(5)
    u, v = np.zeros((grid.ny, grid.nx + 1)), np.zeros((grid.ny + 1, grid.nx))
    u[:, 1:-1], v[1:-1] = random.normal(size=(grid.ny, grid.nx - 1)), random.normal(size=(11, 24))
    flow = Flow(np.zeros(grid.nodes), 100 * u, 100 * v, StokesReport("noise"), divergent=True)
    energy = EnergyEquation(grid, between(0.7, 0.7), scheme=scheme)
    dt = energy.stable_dt(flow, courant=0.5)
    unmarked = energy.step(
        ThermalState(np.full(grid.cells, 0.7)), replace(flow, divergent=False), dt
    )
    assert np.ptp(unmarked.temperature) > 0.01
    uniform = energy.step(ThermalState(np.full(grid.cells, 0.7)), flow, dt)
    np.testing.assert_allclose(uniform.temperature, 0.7, rtol=0, atol=1e-13)
    state = ThermalState(0.7 + 0.3 * random.uniform(-1, 1, grid.cells))
    low, high = state.temperature.min(), state.temperature.max()
    for _ in range(20):
        state = energy.step(state, flow, dt)
        assert low - 1e-3 < state.temperature.min() < state.temperature.max() < high + 1e-3


def test_step_leaves_the_state_before_it_alone() -> None:
    temperature = rough_field(CONVECTING)
    before = temperature.copy()
    EnergyEquation(CONVECTING).step(ThermalState(temperature), at_rest(CONVECTING), 1e-5)
    np.testing.assert_array_equal(temperature, before)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_stable_step_bounds_advection_and_diffusion_together(grid: Grid) -> None:
    flow = flow_of(random_psi(grid), grid)
    dt = EnergyEquation(grid).stable_dt(flow, courant=0.5)
    advection = dt * advection_rate(flow.u, flow.v, grid.hx, grid.hy) / 0.5
    diffusion = dt * (2.0 / grid.hx**2 + 3.0 / grid.hy**2)
    assert advection + diffusion == pytest.approx(1.0, rel=1e-14)


def test_heat_budget_closes_to_rounding_at_every_step_and_over_a_whole_run() -> None:
    start = linear(CONVECTING) + 0.05 * random_perturbation(CONVECTING, seed=3)
    run = convect(CONVECTING, start, steps=300, heating=5.0)
    assert max(row.vrms for *_, row in run) > 50.0
    assert max(abs(row.heat_budget) for *_, row in run) < 2e-15
    gain = sum(dt * (state.heat_in - state.heat_out + 5.0) for state, _, dt, _ in run)
    assert np.mean(run[-1][0].temperature) - np.mean(start) == pytest.approx(gain, abs=1e-13)


@pytest.mark.parametrize("kind", ["rough", "hot"])
def test_vigorous_runs_keep_the_range_of_temperature(kind: str) -> None:
    """Courant 0.5 and no other limit: the largest step at which the scheme is monotone."""
    rough = rough_field(CONVECTING) ** 0.1
    smooth = hot(CONVECTING) - 0.01 * (1.0 + random_perturbation(CONVECTING, seed=0))
    start = {"rough": rough, "hot": smooth}[kind]
    run = convect(CONVECTING, start, steps=400, gamma_T=1e9)
    assert max(row.vrms for *_, row in run) > 1000.0
    assert min(row.temperature_min for *_, row in run) >= -ROUNDING
    assert max(row.temperature_max for *_, row in run) <= 1.0 + ROUNDING


@pytest.mark.parametrize("peak", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_one_step_in_a_random_flow_makes_no_new_extremum(grid: Grid, peak: float) -> None:
    energy = EnergyEquation(grid)
    for seed in range(20):
        # Zeros and ones leave no slack: every overshoot shows.
        temperature = np.round(rough_field(grid, seed))
        flow = flow_of(peak * random_psi(grid, seed), grid)
        dt = energy.stable_dt(flow, courant=0.5)
        after = energy.step(ThermalState(temperature), flow, dt).temperature
        assert np.min(after) >= -ROUNDING
        assert np.max(after) <= 1.0 + ROUNDING
