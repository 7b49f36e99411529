"""What is measured at the surface, against exact flows; published values are in verification."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.numerics import cell_flow, observed_orders
from helpers.physics_cases import at_rest, ran_unheated, slip_walls
from tellus.benchmarks.analytic import CONTRAST, fields, solkz
from tellus.solver.boundaries import FLUX, BoundaryConditions, Wall
from tellus.solver.derived import dynamic_topography, mobility, plateness, surface_heat_flux
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import Given
from tellus.solver.stokes import Flow, StokesProblem


def problem_of(grid: Grid, temperature: Array, **more: object) -> StokesProblem:
    return StokesProblem(grid, temperature, Given(np.ones(grid.cells)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("aspect", [1.0, 4.0])
def test_topography_of_one_wave_is_exact_to_second_order(aspect: float) -> None:
    """T = sin(pi y) cos(k x): sigma_yy / Ra = -pi (pi^2 + 3 k^2) / (pi^2 + k^2)^2 cos(k x)."""
    k, errors = np.pi / aspect, []
    for n in (16, 32, 64):
        grid = Grid(2 * n, n, aspect)
        x, y = np.meshgrid(grid.x_cells, grid.y_cells)
        problem = problem_of(grid, np.sin(np.pi * y) * np.cos(k * x), rayleigh=1e3)
        flow = DirectSolver(grid).solve(problem)
        height = dynamic_topography(flow, problem, np.ones(grid.cells))
        wave = np.pi * (np.pi**2 + 3 * k**2) / (np.pi**2 + k**2) ** 2
        errors.append(np.max(np.abs(height - wave * np.cos(k * grid.x_cells))) / wave)
    assert min(observed_orders(errors)) > 1.9
    assert errors[-1] < 2e-3


def test_topography_above_a_stiff_lid_is_that_of_solkz() -> None:
    """Viscosity grows a million times upwards: 2 eta dv/dy counts as much as the pressure."""
    exact, errors = solkz(), []
    for n in (32, 64, 128):
        grid = Grid(n, n, 1.0)
        buoyancy, eta = fields("solkz", grid)
        problem = StokesProblem(grid, buoyancy, Given(eta))
        height = dynamic_topography(DirectSolver(grid).solve(problem), problem, eta)
        x, top, h = grid.x_cells, np.ones(n), 1e-4
        pressure = exact(x, top)[2]
        stretching = (exact(x + h, top)[0] - exact(x - h, top)[0]) / (2 * h)  # -dv/dy
        wanted = pressure + 2 * CONTRAST * stretching
        wanted -= np.mean(wanted)
        errors.append(np.max(np.abs(height - wanted)) / np.max(np.abs(wanted)))
    assert errors[-1] < 1.5e-3
    assert observed_orders(errors)[-1] > 1.6


def test_heat_flux_is_the_slope_of_the_temperature_to_fourth_order() -> None:
    """Of cell means of T = (1 + x) sin(3 (1 - y)), whose slope at the top is -3 (1 + x)."""
    errors = []
    for n in (16, 32, 64):
        grid = Grid(4, n, 1.0)
        means = np.diff(np.cos(3.0 * (1.0 - grid.y_nodes)) / 3.0) / grid.hy
        problem = problem_of(grid, means[:, None] * (1.0 + grid.x_cells))
        flux = surface_heat_flux(at_rest(grid), problem)
        errors.append(np.max(np.abs(flux - 3.0 * (1.0 + grid.x_cells))))
    assert min(observed_orders(errors)) > 3.8
    assert errors[-1] < 1e-5


def test_heat_flux_through_a_wall_that_prescribes_it_is_that() -> None:
    walls = BoundaryConditions(top=Wall(thermal=FLUX, value=-2.5))
    grid = Grid(8, 8, 1.0)
    problem = problem_of(grid, np.random.default_rng(0).random(grid.cells), boundaries=walls)
    np.testing.assert_allclose(surface_heat_flux(at_rest(grid), problem), 2.5)


@pytest.mark.parametrize("aspect", [1.0, 4.0])
def test_mobility_of_one_cell(aspect: float) -> None:
    """psi = sin(pi y) sin(k x): surface rms pi / sqrt(2), that of the box half |(pi, k)|."""
    grid = Grid(128, 64, aspect)
    exact = np.sqrt(2.0 / (1.0 + 1.0 / aspect**2))
    flow = cell_flow(grid, 1.0, [(1, 1, 1.0)])
    problem = problem_of(grid, np.zeros(grid.cells))
    assert mobility(flow, problem) == pytest.approx(exact, rel=1e-3)
    assert np.isnan(mobility(at_rest(grid), problem))
    lid = problem_of(grid, np.zeros(grid.cells), boundaries=slip_walls(("no-slip",) * 4))
    assert mobility(flow, lid) == 0.0


def test_plateness_of_one_wave_and_of_rigid_plates() -> None:
    """Of |cos|, 80 % of the integral lies within 2/pi asin(0.8) of the width; of plates, nowhere.

    The first is what 0.6 stands for.
    """
    grid = Grid(256, 64, 1.0)
    problem = problem_of(grid, np.zeros(grid.cells))
    wave = plateness(cell_flow(grid, 1.0, [(1, 1, 1.0)]), problem)
    assert wave == pytest.approx(1.0 - 2.0 / np.pi * np.arcsin(0.8) / 0.6, abs=1e-4)
    assert np.isnan(plateness(at_rest(grid), problem))
    edges = np.zeros(257)
    edges[65:192] = 1.0  # one plate that leaves one cell and goes under at another
    plates = Flow(
        np.zeros(grid.nodes), np.tile(edges, (64, 1)), np.zeros(grid.v_faces), at_rest(grid).report
    )
    assert plateness(plates, problem) == pytest.approx(1.0 - 1.6 / 256 / 0.6)


def test_a_run_writes_them_and_goes_on(tmp_path: Path) -> None:
    """The mean flux is the Nusselt number of about then, mobility that of the stored velocity."""
    wanted = ("surface_heat_flux", "dynamic_topography", "mobility", "plateness")
    settings = [f"output.derived={json.dumps(wanted)}", "output.every=4e-5", "energy.advection=mp5"]
    ran_unheated(tmp_path, *settings, "time.max_steps=4")
    run = ran_unheated(tmp_path, *settings, "time.max_steps=8", resume=True)
    fields = run.fields
    for name in wanted:
        assert np.isfinite(fields[name]).all()
    surface = (9.0 * fields["u"][:, -1] - fields["u"][:, -2]) / 8.0
    rms = np.sqrt((surface**2).sum("x_face") / fields.sizes["x"])
    whole = np.sqrt((fields["vrms_profile"] ** 2).mean("y"))
    np.testing.assert_allclose(fields["mobility"], rms / whole, rtol=1e-4)
    assert np.abs(fields["dynamic_topography"].mean("x")).max() < 1e-7
    nusselt = run.series["nusselt_top"]
    assert float(fields["surface_heat_flux"][-1].mean()) == pytest.approx(nusselt[-1], rel=1e-2)
