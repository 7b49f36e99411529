"""Decaying heat sources and a core that cools."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm

import tellus
from helpers.numerics import flow_of, observed_orders, rough_field
from helpers.physics_cases import THERMAL, at_rest, covering, roll, thermal_walls
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.solver.boundaries import INSULATING, TEMPERATURE, BoundaryConditions
from tellus.solver.energy import EXPLICIT, IMPLICIT, EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.heating import ConstantHeating, DecayingHeating

GRID = Grid(12, 8, 1.5)
# Agarwal et al. (2025): c and lambda of the four isotopes.
FRACTIONS = (0.13045, 0.23453, 0.07981, 0.55521)
DECAYS = (14.2008, 90.1668, 4.5341, 50.7819)
ISOTOPES = DecayingHeating(7.0, FRACTIONS, DECAYS)
TIGHT = thermal_walls([INSULATING] * 4, [0.0] * 4)


def heating_at(time: float) -> float:
    """H(t) as it is written in the paper."""
    terms = zip(FRACTIONS, DECAYS, strict=True)
    return 7.0 * sum(c * float(np.exp(-decay * time)) for c, decay in terms)


def test_mean_of_decaying_heating_is_its_integral() -> None:
    for start, end in ((0.0, 1e-4), (0.0, 1.0), (0.03, 0.05), (2.0, 2.001)):
        integral, _ = quad(heating_at, start, end, epsabs=0.0, epsrel=1e-12)
        assert ISOTOPES.mean(start, end) == pytest.approx(integral / (end - start), rel=1e-11)
    for time in (0.0, 0.02):
        assert ISOTOPES.mean(time, time) == pytest.approx(heating_at(time), rel=1e-14)
        # Where 1 - exp(-x) would have lost all its digits.
        assert ISOTOPES.mean(time, time + 1e-15) == pytest.approx(heating_at(time), rel=1e-12)
    steady = DecayingHeating(2.0, [0.25, 0.75], [0.0, 0.0])
    assert steady.mean(0.3, 0.7) == ConstantHeating(2.0).mean(0.3, 0.7) == 2.0


@pytest.mark.parametrize("scheme", [EXPLICIT, IMPLICIT])
def test_steps_of_any_length_add_the_exact_integral(scheme: str) -> None:
    energy = EnergyEquation(GRID, TIGHT, ISOTOPES, scheme)
    times = np.concatenate([[0.0], np.cumsum([1e-6, 3e-4, 1e-3, 2e-5, 5e-4])])
    state = ThermalState(rough_field(GRID))
    before = float(np.mean(state.temperature))
    for start, end in pairwise(times.tolist()):
        state = energy.step(state, at_rest(GRID), end - start, start)
    gained = float(np.mean(state.temperature)) - before
    assert gained == pytest.approx(quad(heating_at, 0.0, times[-1], epsrel=1e-12)[0], rel=1e-10)


def core_gains(
    energy: EnergyEquation, before: ThermalState, after: ThermalState, dt: float, tolerance: float
) -> float:
    """Heat of a core over a step: C T_b + <T> changes by what else comes in, and no more."""
    assert energy.core_capacity is not None
    assert after.bottom_temperature is not None
    assert before.bottom_temperature is not None
    core = energy.core_capacity * (after.bottom_temperature - before.bottom_temperature)
    mantle = float(np.mean(after.temperature) - np.mean(before.temperature))
    entered = after.heat_sides / energy.grid.aspect - after.heat_out + after.source
    assert core + mantle == pytest.approx(dt * entered, abs=tolerance)
    assert core == pytest.approx(-dt * after.heat_in, abs=0.5 * tolerance)
    return core


@pytest.mark.parametrize(
    ("kinds", "scheme"),
    [c for c in covering(THERMAL, [EXPLICIT, IMPLICIT]) if c[0][2] == TEMPERATURE],
)
def test_core_and_mantle_together_keep_their_heat(kinds: tuple[str, ...], scheme: str) -> None:
    walls, dt = thermal_walls(kinds, (0.7, -0.4, 1.3, 0.2)), 1e-3
    energy = EnergyEquation(GRID, walls, 2.0, scheme, core_capacity=0.7)
    flow = flow_of(roll(GRID, 20.0), GRID)
    state = ThermalState(rough_field(GRID), bottom_temperature=1.3)
    for _ in range(5):
        after = energy.step(state, flow, dt)
        assert core_gains(energy, state, after, dt, 2e-15) != 0.0
        state = after


def test_the_wall_follows_the_core() -> None:
    """The flux at the bottom is taken from the core's present temperature."""
    energy = EnergyEquation(GRID, core_capacity=1.0)
    cool = energy.step(
        ThermalState(np.zeros(GRID.cells), bottom_temperature=0.1), at_rest(GRID), 1e-9
    )
    assert cool.heat_in == pytest.approx(0.1 * 2.0 / GRID.hy, rel=1e-6)


def conduction(
    cells: int, capacity: float, end: float
) -> tuple[EnergyEquation, ThermalState, Array]:
    """A core of one degree under a mantle that conducts: the start, and (T(y), T_b) at `end`.

    The system of ordinary equations that the grid makes of it, solved by its exponential.
    """
    grid = Grid(4, cells, 4 / cells)
    energy = EnergyEquation(grid, core_capacity=capacity)
    lines = np.diag(np.full(cells, -2.0)) + np.diag(np.ones(cells - 1), 1)
    system = np.zeros((cells + 1, cells + 1))
    system[:cells, :cells] = (lines + np.diag(np.ones(cells - 1), -1)) / grid.hy**2
    system[0, 0], system[cells - 1, cells - 1] = (-3.0 / grid.hy**2,) * 2
    system[0, cells] = 2.0 / grid.hy**2
    system[cells, [0, cells]] = 2.0 / (capacity * grid.hy) * np.array([1.0, -1.0])
    start = 1.0 - grid.y_cells
    field = np.repeat(start[:, None], grid.nx, axis=1)
    exact = expm(end * system) @ np.append(start, 1.0)
    return energy, ThermalState(field, bottom_temperature=1.0), exact


def cooled(energy: EnergyEquation, state: ThermalState, dt: float, steps: int) -> list[float]:
    """The core's temperature after each step of conduction; core and mantle keep their heat."""
    fallen = []
    for _ in range(steps):
        after = energy.step(state, at_rest(energy.grid), dt)
        core_gains(energy, state, after, dt, 1e-14)
        state = after
        fallen.append(float(state.bottom_temperature or 0.0))
    return fallen


@pytest.mark.parametrize("capacity", [1e-6, 1e-3, 0.02, 0.7])
@pytest.mark.parametrize(("scheme", "cells", "dt"), [(EXPLICIT, 24, 3e-4), (IMPLICIT, 64, 1e-3)])
def test_a_core_of_any_capacity_falls_all_the_way(
    scheme: str, cells: int, dt: float, capacity: float
) -> None:
    """Held over a step, T_b of the smaller ones would swing, to 39 reversals here and beyond."""
    end = 0.048
    energy, state, exact = conduction(cells, capacity, end)
    fallen = cooled(replace(energy, scheme=scheme), state, dt, round(end / dt))
    assert np.all(np.diff([1.0, *fallen]) < 0.0)
    assert fallen[-1] == pytest.approx(exact[-1], abs=2e-5)


@pytest.mark.parametrize("capacity", [0.02, 0.7])
@pytest.mark.parametrize(("scheme", "steps"), [(EXPLICIT, 256), (IMPLICIT, 16)])
def test_cooling_is_second_order_in_time(scheme: str, steps: int, capacity: float) -> None:
    end = 0.04
    energy, state, exact = conduction(12, capacity, end)
    errors = [
        abs(cooled(replace(energy, scheme=scheme), state, end / n, n)[-1] - exact[-1])
        for n in (steps, 2 * steps, 4 * steps)
    ]
    assert min(observed_orders(errors)) >= 1.8
    assert errors[-1] < 1e-5


@pytest.mark.parametrize("capacity", [1e-6, 1e-3, 0.02])
@pytest.mark.parametrize("scheme", [EXPLICIT, IMPLICIT])
def test_a_short_step_measures_the_heat_flow_of_its_time(scheme: str, capacity: float) -> None:
    """A step cut short for an output tells the Nusselt numbers that the whole step tells."""
    cells, dt = 24, 3e-4
    energy, state, _ = conduction(cells, capacity, 0.0)
    energy = replace(energy, scheme=scheme)
    for _ in range(100):
        state = energy.step(state, at_rest(energy.grid), dt)
    whole, short = (energy.step(state, at_rest(energy.grid), part * dt) for part in (1.0, 0.03))
    assert short.heat_in == pytest.approx(whole.heat_in, rel=1e-2)
    assert short.heat_out == pytest.approx(whole.heat_out, rel=1e-2)


def test_core_under_a_closed_mantle_comes_to_one_temperature_with_it() -> None:
    walls = thermal_walls((INSULATING, INSULATING, TEMPERATURE, INSULATING), (0, 0, 1, 0))
    energy = EnergyEquation(GRID, walls, scheme=IMPLICIT, core_capacity=0.5)
    state = ThermalState(np.zeros(GRID.cells), bottom_temperature=1.0)
    for _ in range(600):
        state = energy.step(state, at_rest(GRID), 0.01)
    together = 0.5 / (0.5 + 1.0)
    assert state.bottom_temperature == pytest.approx(together, abs=1e-9)
    np.testing.assert_allclose(state.temperature, together, rtol=0, atol=1e-9)


def test_a_huge_core_keeps_its_temperature() -> None:
    plain, cooled = EnergyEquation(GRID), EnergyEquation(GRID, core_capacity=1e15)
    flow, start = flow_of(roll(GRID, 20.0), GRID), rough_field(GRID)
    one, other = ThermalState(start), ThermalState(start, bottom_temperature=1.0)
    for _ in range(5):
        one, other = plain.step(one, flow, 1e-3), cooled.step(other, flow, 1e-3)
    assert one.bottom_temperature is None
    assert other.bottom_temperature == pytest.approx(1.0, abs=1e-13)
    np.testing.assert_allclose(other.temperature, one.temperature, rtol=0, atol=1e-13)


def test_a_wall_that_has_no_core_keeps_its_own_temperature() -> None:
    energy = EnergyEquation(GRID, BoundaryConditions())
    after = energy.step(ThermalState(np.zeros(GRID.cells)), at_rest(GRID), 1e-9)
    assert after.bottom_temperature is None
    assert after.heat_in == pytest.approx(2.0 / GRID.hy, rel=1e-6)


def test_a_source_of_ones_own_runs_as_the_page_has_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "use" / "extending.md").read_text()
    (block,) = (b for b in page.split("```python") if "class Pulse(Heating)" in b)
    grid = Grid(16, 8, 2.0)
    given = {
        "tellus": tellus,
        "grid": grid,
        "solver": make_solver("direct", grid),
        "start": np.full(grid.cells, 0.5),
    }
    exec(block.partition("```")[0], given)
    simulation = given["simulation"]
    assert simulation.steps == 1  # the block takes one
    while simulation.time < 4e-6:
        simulation.step()
    walls_alone = tellus.Simulation(
        grid, tellus.FrankKamenetskii(), given["solver"], given["start"]
    )
    while walls_alone.steps < simulation.steps:
        walls_alone.step()
    assert walls_alone.time == simulation.time
    gained = simulation.temperature.mean() - walls_alone.temperature.mean()
    assert gained == pytest.approx(1000.0 * 2e-6, rel=1e-3)


def test_a_source_without_a_mean_over_no_time_is_named() -> None:
    class Careless:
        def mean(self, start: float, end: float) -> float:
            return (end**2 - start**2) / (end - start)

    grid = Grid(16, 8, 2.0)
    simulation = tellus.Simulation(
        grid,
        tellus.FrankKamenetskii(),
        make_solver("direct", grid),
        np.full(grid.cells, 0.5),
        heating=Careless(),
    )
    with pytest.raises(InputError, match=r"Careless\.mean"):
        simulation.step()
