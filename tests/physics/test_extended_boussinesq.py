"""Adiabatic and shear heating: King et al. (2010)."""

from itertools import product

import numpy as np
import pytest

from helpers.numerics import flow_of, random_psi, rough_field, rough_viscosity
from helpers.physics_cases import at_rest, roll, thermal_walls, unheated
from tellus.coupling.simulation.loop import Simulation
from tellus.solver.boundaries import INSULATING
from tellus.solver.direct import DirectSolver
from tellus.solver.energy import (
    EXPLICIT,
    IMPLICIT,
    MP5,
    VAN_LEER,
    EnergyEquation,
    ExtendedBoussinesq,
    ThermalState,
)
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import Given
from tellus.solver.stokes import Flow, StokesProblem
from tellus.solver.strain import dissipation, effective_viscosity

GRID = Grid(12, 8, 1.5)
SCHEMES = (EXPLICIT, IMPLICIT)
EXTENDED = ("model.dissipation_number=0.5", "model.surface_temperature=0.1")


def work_and_dissipation(problem: StokesProblem, flow: Flow) -> tuple[float, float]:
    """psi . b and the integral of the viscous dissipation."""
    grid, viscosity = problem.grid, effective_viscosity(problem, flow)
    b = PsiOperator(grid).right_hand_side(problem.temperature, problem.rayleigh)
    heat = dissipation(flow, viscosity, grid, problem.boundaries)
    return float(np.sum(flow.psi * b)), float(np.sum(heat)) * grid.hx * grid.hy


@pytest.mark.parametrize("scheme", SCHEMES)
def test_work_equals_dissipation_at_every_step_of_a_run(scheme: str) -> None:
    solved = "stokes.solver=direct"
    simulation = Simulation.from_config(unheated(*EXTENDED, f"time.scheme={scheme}", solved))
    for _ in range(20):
        work, heat = work_and_dissipation(simulation.problem, simulation.flow())
        assert work == pytest.approx(heat, rel=1e-11)
        record = simulation.step()
        assert abs(record.diagnostics.heat_budget) < 1e-15
    assert record.diagnostics.vrms > 10.0


@pytest.mark.parametrize(("scheme", "advection"), [*product(SCHEMES, (VAN_LEER, MP5))])
def test_sources_cancel_for_any_flow_that_is_nearly_right(scheme: str, advection: str) -> None:
    """Di integral(T v) = Di / Ra integral(Phi): what is left over is the heating H alone.

    Of a flow from another grid, a network or an earlier time, over a step in which T changes, too.
    T0 drops out, for as much rises as sinks.
    """
    eta, rayleigh = rough_viscosity(GRID, 100.0), 1e4
    problem = StokesProblem(GRID, rough_field(GRID), Given(eta), rayleigh)
    psi = DirectSolver(GRID).solve(problem).psi
    flow = flow_of(psi * (1.0 + 0.1 * GRID.x_nodes / GRID.aspect), GRID)
    extended = ExtendedBoussinesq(0.5, 0.3, rayleigh)
    energy = EnergyEquation(
        GRID, heating=2.0, scheme=scheme, extended=extended, advection=advection
    )
    heat = dissipation(flow, eta, GRID, problem.boundaries)
    dt = 0.5 * energy.stable_dt(flow, 0.5)
    after = energy.step(ThermalState(problem.temperature), flow, dt, 0.0, heat)
    assert np.max(np.abs(after.temperature - problem.temperature)) > 1e-2
    assert after.source == pytest.approx(2.0, abs=1e-12)


def test_each_source_is_what_the_equation_says() -> None:
    """dT/dt of a uniform T in a closed box: - Di (T + T0) v + (Di / Ra) Phi, nothing else."""
    tight = thermal_walls([INSULATING] * 4, [0.0] * 4)
    number, surface, rayleigh, level, dt = 0.4, 0.25, 50.0, 0.8, 1e-9
    energy = EnergyEquation(GRID, tight, extended=ExtendedBoussinesq(number, surface, rayleigh))
    flow, eta = flow_of(random_psi(GRID), GRID), rough_viscosity(GRID, 10.0)
    heat = dissipation(flow, eta, GRID, tight)
    after = energy.step(ThermalState(np.full(GRID.cells, level)), flow, dt, 0.0, heat)
    rate = (after.temperature - level) / dt
    up = 0.5 * (flow.v[1:] + flow.v[:-1])
    expected = -number * (level + surface) * up + number / rayleigh * heat
    np.testing.assert_allclose(rate, expected, atol=1e-5 * np.max(np.abs(expected)))


def test_what_rises_adiabatically_follows_the_adiabat() -> None:
    """Fast overturn of a closed box takes T + T0 to exp(-Di y), not to one temperature."""
    tight = thermal_walls([INSULATING] * 4, [0.0] * 4)
    grid, number = Grid(16, 16, 1.0), 0.5
    energy = EnergyEquation(grid, tight, extended=ExtendedBoussinesq(number, 0.3, 1.0))
    flow, state = flow_of(roll(grid, 400.0), grid), ThermalState(np.ones(grid.cells))
    dt = energy.stable_dt(flow, 0.5)
    for _ in range(400):
        state = energy.step(state, flow, dt, 0.0, np.zeros(grid.cells))
    profile = np.log(np.mean(state.temperature, axis=1) + 0.3)
    slope = np.polyfit(grid.y_cells, profile, 1)[0]
    assert slope == pytest.approx(-number, rel=0.15)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_dissipation_number_is_boussinesq_bit_by_bit(scheme: str) -> None:
    flow, start = flow_of(0.3 * random_psi(GRID), GRID), rough_field(GRID)
    plain = EnergyEquation(GRID, heating=2.0, scheme=scheme)
    none = EnergyEquation(
        GRID, heating=2.0, scheme=scheme, extended=ExtendedBoussinesq(0.0, 0.3, 1e4)
    )
    heat: Array = dissipation(flow, np.ones(GRID.cells), GRID, plain.boundaries)
    one, other = ThermalState(start), ThermalState(start)
    for _ in range(3):
        one, other = plain.step(one, flow, 1e-4), none.step(other, flow, 1e-4, 0.0, heat)
    np.testing.assert_array_equal(one.temperature, other.temperature)
    assert Simulation.from_config(unheated()).energy.extended is None


def test_adiabatic_cooling_bounds_the_step_where_cells_are_high() -> None:
    """dt Di |v| <= courant: T + T0 that only cools as it rises decays, whatever the grid."""
    tall = Grid(64, 4, 0.5)
    flow = flow_of(roll(tall, 400.0), tall)
    speed = float(np.max(np.abs(flow.v)))
    for number, binds in ((0.5, False), (100.0, True)):
        extended = ExtendedBoussinesq(number, 0.0, 1.0)
        for scheme in SCHEMES:
            plain = EnergyEquation(tall, scheme=scheme).stable_dt(flow, 0.5)
            dt = EnergyEquation(tall, scheme=scheme, extended=extended).stable_dt(flow, 0.5)
            assert dt * number * speed <= 0.5
            assert (dt < plain) == binds


def test_shear_heating_without_dissipation_is_refused() -> None:
    energy = EnergyEquation(GRID, extended=ExtendedBoussinesq(0.5, 0.0, 1.0))
    with pytest.raises(ValueError, match="needs the dissipation"):
        energy.step(ThermalState(rough_field(GRID)), at_rest(GRID), 1e-6)
