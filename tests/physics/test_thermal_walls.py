"""Fixed temperatures, heat fluxes and insulation, wall by wall, in every combination."""

from dataclasses import replace

import numpy as np
import pytest
from allpairspy import AllPairs

from helpers.numerics import flow_of, random_psi, rough_field
from helpers.physics_cases import THERMAL, at_rest, covering, roll, thermal_walls
from tellus.solver.boundaries import FLUX, INSULATING, TEMPERATURE, BoundaryConditions
from tellus.solver.diagnostics import diagnose
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
from tellus.solver.heating import DecayingHeating, Heating
from tellus.solver.strain import dissipation

GRID = Grid(12, 8, 1.5)
SCHEMES = (EXPLICIT, IMPLICIT)
VALUES = (0.7, -0.4, 1.3, 0.2)
SOURCES: dict[str, tuple[Heating | float, ExtendedBoussinesq | None]] = {
    "constant": (3.0, None),
    "decaying": (DecayingHeating(3.0, [0.4, 0.6], [1.0, 300.0]), None),
    "extended": (2.0, ExtendedBoussinesq(0.3, 0.1, 100.0)),
}


@pytest.mark.parametrize(
    ("kinds", "scheme", "source", "advection"),
    covering(THERMAL, SCHEMES, [*SOURCES], (VAN_LEER, MP5)),
)
def test_heat_budget_closes_to_rounding_at_every_step(
    kinds: tuple[str, ...], scheme: str, source: str, advection: str
) -> None:
    walls = thermal_walls(kinds, VALUES)
    heating, extended = SOURCES[source]
    energy = EnergyEquation(GRID, walls, heating, scheme, extended, None, advection)
    flow = flow_of(0.3 * random_psi(GRID), GRID)
    heat = dissipation(flow, np.ones(GRID.cells), GRID, walls)
    state, time, dt = ThermalState(rough_field(GRID)), 0.02, energy.stable_dt(flow, 0.5)
    for _ in range(3):
        after = energy.step(state, flow, dt, time, heat)
        measured = diagnose(state, after, flow, GRID, dt, walls)
        # The mean by the fluxes and sources, against the mean of the field itself.
        assert abs(measured.heat_budget) < 2e-15
        assert abs(after.source) * dt > 1e-6
        state, time = after, time + dt


@pytest.mark.parametrize(("kinds", "scheme"), covering(THERMAL, SCHEMES))
def test_fluxes_into_the_box_are_those_of_the_walls(kinds: tuple[str, ...], scheme: str) -> None:
    """A wall hotter than the box heats it, a flux is what was given, insulation is tight."""
    energy = EnergyEquation(GRID, thermal_walls(kinds, VALUES), scheme=scheme)
    dt, level = 1e-9, 0.25
    after = energy.step(ThermalState(np.full(GRID.cells, level)), at_rest(GRID), dt)
    spacings = (GRID.hx, GRID.hx, GRID.hy, GRID.hy)
    left, right, bottom, top = (
        {TEMPERATURE: 2.0 * (value - level) / h, FLUX: value, INSULATING: 0.0}[kind]
        for kind, value, h in zip(kinds, VALUES, spacings, strict=True)
    )
    assert after.heat_in == pytest.approx(bottom, rel=1e-6, abs=1e-12)
    assert after.heat_out == pytest.approx(-top, rel=1e-6, abs=1e-12)
    assert after.heat_sides == pytest.approx(left + right, rel=1e-6, abs=1e-12)
    # The implicit step rounds the temperature to 1e-16 and so its rate of change to 1e-7.
    warmed = np.round((after.temperature - level) / dt, 4)
    assert np.sign(warmed[0, 5]) == np.sign(bottom)
    assert np.sign(warmed[-1, 5]) == np.sign(top)
    assert np.sign(warmed[4, 0]) == np.sign(left)
    assert np.sign(warmed[4, -1]) == np.sign(right)


def conduction(along_x: bool, kinds: tuple[str, str], grid: Grid) -> tuple[EnergyEquation, Array]:
    """Walls that a linear temperature satisfies, and that temperature."""
    slope, start, length = -0.8, 1.1, grid.aspect if along_x else 1.0
    low = start if kinds[0] == TEMPERATURE else -slope
    high = start + slope * length if kinds[1] == TEMPERATURE else slope
    tight = (INSULATING, INSULATING)
    walls = thermal_walls(
        (*kinds, *tight) if along_x else (*tight, *kinds),
        (low, high, 0.0, 0.0) if along_x else (0.0, 0.0, low, high),
    )
    heights = grid.x_cells if along_x else grid.y_cells[:, None]
    return EnergyEquation(grid, walls), np.broadcast_to(start + slope * heights, grid.cells).copy()


@pytest.mark.parametrize(
    ("low", "high", "along_x", "scheme"),
    list(AllPairs([(TEMPERATURE, FLUX), (TEMPERATURE, FLUX), (False, True), SCHEMES])),
)
def test_linear_conduction_is_steady_to_rounding(
    low: str, high: str, along_x: bool, scheme: str
) -> None:
    energy, exact = conduction(along_x, (low, high), GRID)
    energy = replace(energy, scheme=scheme)
    state, dt = ThermalState(exact), 1e-3
    for _ in range(20):
        state = energy.step(state, at_rest(GRID), dt)
    np.testing.assert_allclose(state.temperature, exact, rtol=0, atol=1e-13)
    if not along_x:
        assert state.heat_in == pytest.approx(0.8, abs=1e-12)
        assert state.heat_out == pytest.approx(0.8, abs=1e-12)
    else:
        assert state.heat_sides == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("along_x", [False, True], ids=["up", "across"])
@pytest.mark.parametrize("kinds", [(TEMPERATURE, TEMPERATURE), (TEMPERATURE, FLUX)])
def test_anything_at_rest_becomes_linear_conduction(kinds: tuple[str, str], along_x: bool) -> None:
    energy, exact = conduction(along_x, kinds, GRID)
    energy, state = replace(energy, scheme=IMPLICIT), ThermalState(rough_field(GRID))
    for _ in range(40):
        state = energy.step(state, at_rest(GRID), 10.0)
    np.testing.assert_allclose(state.temperature, exact, rtol=0, atol=1e-12)


def heated_box(cells: int, scheme: str, dt: float, steps: int) -> tuple[float, Array]:
    """Steady heat flow at the cold top and T (y) of a box heated from within, H = 5."""
    grid = Grid(4, cells, 1.0)
    walls = thermal_walls((INSULATING, INSULATING, INSULATING, TEMPERATURE), (0, 0, 0, 0))
    energy = EnergyEquation(grid, walls, 5.0, scheme)
    state = ThermalState(np.repeat(heated_profile(cells)[:, None], 4, axis=1))
    for _ in range(steps):
        state = energy.step(state, at_rest(grid), dt)
    return state.heat_out, state.temperature[:, 0]


def heated_profile(cells: int) -> Array:
    """T = H (1 - y^2) / 2 and the H h^2 / 8 that the half cell at the wall adds."""
    y = (np.arange(cells) + 0.5) / cells
    return 2.5 * (1.0 - y**2) + 5.0 / (8.0 * cells**2)


def test_heated_box_loses_its_heating_through_the_cold_top() -> None:
    lost, profile = heated_box(8, EXPLICIT, 1e-3, 1000)
    assert lost == pytest.approx(5.0, rel=1e-6)
    np.testing.assert_allclose(profile, heated_profile(8), rtol=1e-4)


def test_steady_states_of_the_implicit_scheme_are_the_same_for_any_step() -> None:
    """Sources and diffusion are taken at the same times, so that what balances stays."""
    for dt in (1e-4, 5e-3, 0.02):
        lost, profile = heated_box(16, IMPLICIT, dt, steps=100)
        np.testing.assert_allclose(profile, heated_profile(16), rtol=0, atol=1e-12)
        assert lost == pytest.approx(5.0, rel=1e-12)


@pytest.mark.parametrize(("dt", "core"), [(0.02, None), (0.5, None), (0.5, 0.3)])
def test_high_order_conduction_comes_to_rest_with_any_step(dt: float, core: float | None) -> None:
    """From noise between its bounds, walls of every kind, without a limited step on the way."""
    grid, flow = Grid(16, 12, 1.0), at_rest(Grid(16, 12, 1.0))
    walls = thermal_walls((TEMPERATURE, INSULATING, TEMPERATURE, FLUX), (1.0, 0.0, 0.0, 0.0))
    energy = EnergyEquation(grid, walls, 0.0, IMPLICIT, None, core, MP5)
    state = ThermalState(rough_field(grid), bottom_temperature=None if core is None else 0.0)
    for _ in range(max(40, round(6.0 / dt))):
        state = energy.step(state, flow, dt)
    assert np.min(state.temperature) > -1e-3
    assert np.max(state.temperature) < 1.0 + 1e-3
    after = energy.step(state, flow, 0.1 * dt)
    np.testing.assert_allclose(after.temperature, state.temperature, rtol=0, atol=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("source", ["constant", "extended"])
def test_a_steady_state_in_a_flow_is_one_for_any_step(source: str, scheme: str) -> None:
    """A step that is cut short changes neither T nor the heat that is measured."""
    _, extended = SOURCES[source]
    energy = EnergyEquation(GRID, BoundaryConditions(), 3.0, scheme, extended)
    flow, heat = flow_of(roll(GRID, 20.0), GRID), np.ones(GRID.cells)
    state, dt = ThermalState(rough_field(GRID)), energy.stable_dt(flow, 0.5)
    for _ in range(round(3.0 / dt)):
        state = energy.step(state, flow, dt, 0.0, heat)
    for part in (0.01, 0.5, 1.0):
        after = energy.step(state, flow, part * dt, 0.0, heat)
        np.testing.assert_allclose(after.temperature, state.temperature, rtol=0, atol=1e-12)
        assert after.heat_in == pytest.approx(state.heat_in, rel=1e-11)
        assert after.heat_out == pytest.approx(state.heat_out, rel=1e-11)


@pytest.mark.parametrize(("kinds", "scheme"), covering(THERMAL, SCHEMES))
def test_turning_the_box_turns_the_temperature(kinds: tuple[str, ...], scheme: str) -> None:
    """x and y, left and bottom are treated alike: transposing everything changes nothing."""
    grid, turned = Grid(9, 7, 9 / 7), Grid(7, 9, 7 / 9)
    psi, temperature = 0.1 * random_psi(grid), rough_field(grid)
    left, right, bottom, top = kinds
    there = EnergyEquation(grid, thermal_walls(kinds, VALUES), scheme=scheme)
    # Lengths scale by 9 / 7 when the other side becomes 1 high, times by its square.
    scale = 9 / 7
    fluxes = [v * scale if k == FLUX else v for k, v in zip(kinds, VALUES, strict=True)]
    here = EnergyEquation(
        turned,
        thermal_walls((bottom, top, left, right), (fluxes[2], fluxes[3], fluxes[0], fluxes[1])),
        scheme=scheme,
    )
    dt, flow = 1e-4, flow_of(psi, grid)
    after = there.step(ThermalState(temperature), flow, dt)
    back = here.step(ThermalState(temperature.T), flow_of(-psi.T, turned), dt / scale**2)
    np.testing.assert_allclose(back.temperature.T, after.temperature, rtol=0, atol=1e-13)
