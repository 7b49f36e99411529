"""What is measured of a step: heat flow, vigour, budget, profiles, resolution."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.numerics import between, cell_flow, flow_of, observed_orders, random_psi, rough_field
from tellus.solver import diagnostics
from tellus.solver.derived import surface_velocity
from tellus.solver.energy import EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, linear
from tellus.solver.stokes import Flow, relative_velocity_error, vrms

GRID = Grid(48, 16, 3.0)


def single_cell(n: int, aspect: float) -> tuple[Grid, Flow]:
    """psi = sin(pi x / aspect) sin(pi y) / pi: |u| <= 1, |v| <= 1 / aspect."""
    grid = Grid(2 * n, n, aspect)
    return grid, cell_flow(grid, 1.0, [(1, 1, 1.0)])


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_velocities_of_a_known_flow_are_of_second_order(aspect: float) -> None:
    exact, whole, surface = 0.5 * np.sqrt(1.0 + 1.0 / aspect**2), [], []
    for grid, flow in (single_cell(n, aspect) for n in (8, 16, 32)):
        whole.append(abs(vrms(flow, grid) - exact))
        along = -np.sin(np.pi * grid.x_nodes / aspect)
        surface.append(float(np.max(np.abs(surface_velocity(flow) - along))))
    assert min(observed_orders(whole) + observed_orders(surface)) >= 1.9
    assert whole[-1] < 1e-3 * exact
    assert surface[-1] < 1e-2


def test_surface_velocity_is_exact_where_u_is_a_parabola_about_the_wall() -> None:
    u = 2.0 - 0.7 * (1.0 - GRID.y_cells[:, None]) ** 2 + np.zeros(GRID.nx + 1)
    flow = Flow(np.zeros(GRID.nodes), u, np.zeros(GRID.v_faces), single_cell(4, 1.0)[1].report)
    np.testing.assert_allclose(surface_velocity(flow), 2.0, rtol=1e-14)


def test_profiles_are_means_along_x() -> None:
    flow = flow_of(random_psi(GRID), GRID)
    profile = diagnostics.vrms_profile(flow)
    assert profile.shape == (GRID.ny,)
    assert np.mean(profile**2) == pytest.approx(vrms(flow, GRID) ** 2, rel=1e-13)
    field = conductive(GRID) + np.cos(np.pi * GRID.x_cells / GRID.aspect)
    np.testing.assert_allclose(diagnostics.temperature_profile(field), 1.0 - GRID.y_cells)


def test_the_row_of_a_step_holds_what_the_step_did() -> None:
    before, flow = ThermalState(rough_field(GRID)), flow_of(random_psi(GRID), GRID)
    after = EnergyEquation(GRID, heating=2.0).step(before, flow, 1e-5)
    row = diagnostics.diagnose(before, after, flow, GRID, 1e-5)
    assert (row.nusselt_top, row.nusselt_bottom) == (after.heat_out, after.heat_in)
    assert row.mean_temperature == pytest.approx(float(np.mean(after.temperature)))
    assert row.temperature_min == np.min(after.temperature)
    assert row.temperature_max == np.max(after.temperature)
    assert row.vrms == vrms(flow, GRID)
    surface = surface_velocity(flow)
    assert row.surface_velocity == pytest.approx(float(np.sqrt(np.sum(surface**2) / GRID.nx)))
    # Heat that appears from nowhere shows in the budget.
    assert abs(row.heat_budget) < 1e-14
    warmed = replace(after, temperature=after.temperature + 1e-9)
    row = diagnostics.diagnose(before, warmed, flow, GRID, 1e-5)
    assert row.heat_budget == pytest.approx(1e-9, rel=1e-5)


@pytest.mark.parametrize("thickness", [0.125, 0.25, 0.5, 1.0])
def test_the_thinnest_layer_is_counted_in_cells(thickness: float) -> None:
    """A layer that takes up the whole range of T spans thickness / hy cells."""
    layer = linear(GRID, interior=1.0, thickness=thickness) if thickness < 1.0 else conductive(GRID)
    assert cells_across(layer, 1.0, 0.0) == pytest.approx(thickness * GRID.ny)


def cells_across(temperature: Array, bottom: float, top: float) -> float:
    return diagnostics.cells_across_thinnest(temperature, between(bottom, top))


def test_a_sharp_plume_is_one_cell_wide_and_uniform_temperature_has_no_layer() -> None:
    field = np.zeros(GRID.cells)
    field[:, 20] = 1.0
    assert cells_across(field, 0.0, 0.0) == pytest.approx(0.5)
    assert cells_across(field[:, :22] * 0.5, 1.0, 0.0) == pytest.approx(0.5)
    assert cells_across(np.ones(GRID.cells), 1.0, 1.0) == float("inf")


def test_relative_velocity_error_is_that_of_all_faces_together() -> None:
    flow = flow_of(random_psi(GRID), GRID)
    assert relative_velocity_error(flow_of(1.03 * flow.psi, GRID), flow) == pytest.approx(0.03)
