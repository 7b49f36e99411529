"""The implicit diffusion solver and the scheme around it."""

from itertools import pairwise, product

import numpy as np
import pytest

from helpers.numerics import flow_of, observed_orders, rough_field
from helpers.physics_cases import THERMAL, at_rest, covering, roll, thermal_walls
from tellus.errors import InputError
from tellus.solver.boundaries import INSULATING, TEMPERATURE, BoundaryConditions
from tellus.solver.core import Core
from tellus.solver.diffusion import DiffusionSolver
from tellus.solver.energy import EXPLICIT, IMPLICIT, MP5, EnergyEquation, ThermalState
from tellus.solver.energy_kernels import diffuse
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.diffusion import MeanDiffusion
from tellus.solver.transport.means import MeanTransport

VALUES = (0.7, -0.4, 1.3, 0.2)
COLD = thermal_walls([TEMPERATURE] * 4, [0.0] * 4)


@pytest.mark.parametrize(
    ("kinds", "grid"), covering(THERMAL, [Grid(12, 7, 1.7), Grid(6, 11, 1.7), Grid(4, 4, 1.0)])
)
def test_solution_satisfies_the_explicit_operator(kinds: tuple[str, ...], grid: Grid) -> None:
    walls, rhs = thermal_walls(kinds, VALUES), rough_field(grid)
    fixed = np.array([kind == TEMPERATURE for kind in kinds])
    values = np.array([wall.value for wall in walls.walls.values()])
    for a in (1e-8, 0.03, 10.0):
        temperature, bottom = DiffusionSolver(grid, walls).solve(rhs, a, values[2])
        assert bottom == values[2]
        laplacian = np.zeros(grid.cells)
        diffuse(temperature, grid.hx, grid.hy, fixed, values, laplacian)
        assert np.max(np.abs(temperature - a * laplacian - rhs)) < 1e-12 * (1.0 + 100.0 * a)


@pytest.mark.parametrize("kinds", [k for k in covering(THERMAL) if k[2] == TEMPERATURE])
def test_the_core_is_one_more_row_of_the_system(kinds: tuple[str, ...]) -> None:
    """With every kind of sides: a bottom of one temperature heats the mean, or many modes."""
    grid, rhs = Grid(6, 11, 1.7), rough_field(Grid(6, 11, 1.7))
    walls, fixed = thermal_walls(kinds, VALUES), np.array([kind == TEMPERATURE for kind in kinds])
    for capacity, a in product((1e-6, 0.7, 1e6), (1e-8, 0.03, 10.0)):
        core = Core.under_half_cells(capacity, grid.hy)
        values = np.array([wall.value for wall in walls.walls.values()])
        temperature, bottom = DiffusionSolver(grid, walls, core).solve(rhs, a, VALUES[2])
        values[2], laplacian = bottom, np.zeros(grid.cells)
        diffuse(temperature, grid.hx, grid.hy, fixed, values, laplacian)
        assert np.max(np.abs(temperature - a * laplacian - rhs)) < 1e-12 * (1.0 + 100.0 * a)
        lost = a * 2.0 / grid.hy * (bottom - np.mean(temperature[0]))
        assert capacity * (bottom - VALUES[2]) + lost == pytest.approx(
            0.0, abs=1e-14 * (capacity + 100.0 * a)
        )


@pytest.mark.parametrize(
    ("kinds", "grid"), covering(THERMAL, [Grid(12, 7, 1.7), Grid(6, 11, 1.7), Grid(4, 4, 1.0)])
)
def test_conduction_of_high_order_is_that_of_its_fluxes(kinds: tuple[str, ...], grid: Grid) -> None:
    """Solved, with and without a core, and as what the fluxes of a fluid at rest bring in."""
    walls, rhs = thermal_walls(kinds, VALUES), rough_field(grid)
    transport, given = MeanTransport(grid, walls), walls.bottom.value
    for a in (1e-8, 0.03, 10.0):
        implicit = MeanDiffusion(grid, walls)
        temperature, bottom = implicit.solve(rhs, a, given)
        assert bottom == given
        gained = transport.fluxes(temperature, given, at_rest(grid)).gain(grid)
        np.testing.assert_allclose(implicit.rate(temperature, given), gained, rtol=0, atol=1e-10)
        assert np.max(np.abs(temperature - a * gained - rhs)) < 1e-12 * (1.0 + 100.0 * a)
    if kinds[2] != TEMPERATURE:
        return
    for capacity, a in product((1e-6, 0.7, 1e6), (1e-8, 0.03, 10.0)):
        implicit = MeanDiffusion(grid, walls, transport.core(capacity))
        temperature, bottom = implicit.solve(rhs, a, given)
        fluxes = transport.fluxes(temperature, bottom, at_rest(grid))
        wrong = temperature - a * fluxes.gain(grid) - rhs
        assert np.max(np.abs(wrong)) < 1e-12 * (1.0 + 100.0 * a)
        assert capacity * (bottom - VALUES[2]) + a * fluxes.heat()[2] == pytest.approx(
            0.0, abs=1e-13 * (capacity + 100.0 * a)
        )


def test_grids_that_take_hours_to_diagonalise_are_refused() -> None:
    EnergyEquation(Grid(2048, 4), scheme=IMPLICIT, advection=MP5)
    EnergyEquation(Grid(4096, 4), scheme=EXPLICIT, advection=MP5)
    EnergyEquation(Grid(4096, 4), scheme=IMPLICIT)
    with pytest.raises(InputError, match=r'time\.scheme = "implicit" with .* not 4096'):
        EnergyEquation(Grid(4096, 4), scheme=IMPLICIT, advection=MP5)


def test_it_leaves_its_argument_alone() -> None:
    grid = Grid(8, 6, 1.0)
    rhs = rough_field(grid)
    DiffusionSolver(grid, COLD).solve(rhs, 0.1, 1.3)
    np.testing.assert_array_equal(rhs, rough_field(grid))


def stepped(energy: EnergyEquation, start: Array, psi: Array, end: float, steps: int) -> Array:
    """T after `steps` equal steps to `end`."""
    state, flow = ThermalState(start), flow_of(psi, energy.grid)
    for _ in range(steps):
        state = energy.step(state, flow, end / steps)
    return state.temperature


def decaying_mode(grid: Grid) -> tuple[Array, float]:
    """An eigenvector of the discrete Laplacian between cold ends, and its rate of decay."""
    x, y = grid.x_cells / grid.aspect, grid.y_cells[:, None]
    field = np.cos(2 * np.pi * x) * np.sin(np.pi * y)
    across = (2.0 * np.sin(np.pi / grid.nx) / grid.hx) ** 2
    up = (2.0 * np.sin(0.5 * np.pi / grid.ny) / grid.hy) ** 2
    return field, across + up


def test_implicit_diffusion_is_second_order_in_time() -> None:
    """Against the exact decay of a discrete mode: no error in space."""
    grid, end = Grid(16, 12, 1.5), 0.05
    field, rate = decaying_mode(grid)
    energy, conductive = EnergyEquation(grid, scheme=IMPLICIT), 1.0 - grid.y_cells[:, None]
    exact = conductive + np.exp(-rate * end) * field
    errors = [
        float(
            np.max(np.abs(stepped(energy, conductive + field, 0.0 * roll(grid, 1), end, n) - exact))
        )
        for n in (4, 8, 16, 32)
    ]
    assert min(observed_orders(errors)) >= 1.85
    assert errors[-1] < 1e-3


@pytest.mark.parametrize(("scheme", "steps"), [(EXPLICIT, 128), (IMPLICIT, 64)])
def test_advection_and_diffusion_are_second_order_in_time(scheme: str, steps: int) -> None:
    """Successive halvings differ by a quarter; the limiter's kinks cost a little."""
    grid = Grid(16, 16, 1.0)
    field = decaying_mode(grid)[0]
    start, psi = 1.0 - grid.y_cells[:, None] + 0.2 * field, roll(grid, 10.0)
    energy = EnergyEquation(grid, scheme=scheme)
    found = [stepped(energy, start, psi, 0.05, steps * 2**k) for k in range(4)]
    changes = [float(np.mean(np.abs(b - a))) for a, b in pairwise(found)]
    assert min(observed_orders(changes)) >= 1.7


def test_both_schemes_meet_at_short_steps() -> None:
    grid = Grid(16, 12, 1.5)
    start, psi = rough_field(grid), roll(grid, 30.0)
    explicit = EnergyEquation(grid, scheme=EXPLICIT)
    implicit = EnergyEquation(grid, scheme=IMPLICIT)
    differences = [
        float(
            np.mean(
                np.abs(
                    stepped(explicit, start, psi, 2e-3, n) - stepped(implicit, start, psi, 2e-3, n)
                )
            )
        )
        for n in (20, 40, 80)
    ]
    assert differences[-1] < 1e-4
    assert min(observed_orders(differences)) >= 1.5


def test_hundredfold_steps_are_stable_and_rough_fields_decay() -> None:
    """The norm falls at every step, for any field, at any step."""
    grid = Grid(24, 16, 1.5)
    explicit = EnergyEquation(grid, COLD, scheme=EXPLICIT)
    limit = explicit.stable_dt(at_rest(grid), 0.5)
    implicit = EnergyEquation(grid, COLD, scheme=IMPLICIT)
    assert implicit.stable_dt(at_rest(grid), 0.5) == np.inf
    for factor in (1.0, 10.0, 100.0, 1e4):
        state = ThermalState(rough_field(grid) - 0.5)
        for _ in range(10):
            after = implicit.step(state, at_rest(grid), factor * limit)
            assert np.linalg.norm(after.temperature) < np.linalg.norm(state.temperature)
            state = after
    unstable = ThermalState(rough_field(grid) - 0.5)
    for _ in range(30):
        unstable = explicit.step(unstable, at_rest(grid), 10.0 * limit)
    assert np.max(np.abs(unstable.temperature)) > 1e6


@pytest.mark.parametrize("peak", [1e2, 1e4, 1e6])
def test_a_front_in_a_roll_keeps_its_bounds_at_courant_one(peak: float) -> None:
    """The explicit half preserves strong stability: advection may be as fast as it likes."""
    grid = Grid(32, 16, 2.0)
    energy, flow = EnergyEquation(grid, scheme=IMPLICIT), flow_of(roll(grid, peak), grid)
    dt = energy.stable_dt(flow, 1.0)
    for place in (0.8, 1.3, 1.8):
        front = grid.x_cells[None, :] + grid.y_cells[:, None] > place
        state = ThermalState(np.where(front, 1.0, 0.0))
        for _ in range(30):
            state = energy.step(state, flow, dt)
            assert np.min(state.temperature) > -1e-12
            assert np.max(state.temperature) < 1.0 + 1e-12


def test_the_scheme_damps_what_it_cannot_resolve() -> None:
    """L-stability: a checkerboard is gone after one very long step, in proportion to its length."""
    grid = Grid(16, 12, 1.5)
    checkers = (-1.0) ** np.add.outer(np.arange(grid.ny), np.arange(grid.nx))
    energy = EnergyEquation(grid, COLD, scheme=IMPLICIT)
    left = [
        float(np.max(np.abs(energy.step(ThermalState(checkers), at_rest(grid), dt).temperature)))
        for dt in (1e1, 1e2, 1e3)
    ]
    assert left[0] < 0.02
    assert left[0] / left[1] == pytest.approx(10.0, rel=0.2)
    assert left[1] / left[2] == pytest.approx(10.0, rel=0.2)


def test_advection_alone_limits_the_implicit_step() -> None:
    grid = Grid(16, 12, 1.5)
    flow = flow_of(roll(grid, 30.0), grid)
    implicit, explicit = (EnergyEquation(grid, scheme=s) for s in (IMPLICIT, EXPLICIT))
    assert implicit.stable_dt(flow, 1.0) == pytest.approx(2.0 * implicit.stable_dt(flow, 0.5))
    assert explicit.stable_dt(flow, 1.0) < implicit.stable_dt(flow, 1.0)
    u = np.maximum(np.abs(flow.u[:, :-1]), np.abs(flow.u[:, 1:])) / grid.hx
    v = np.maximum(np.abs(flow.v[:-1]), np.abs(flow.v[1:])) / grid.hy
    assert implicit.stable_dt(flow, 1.0) * np.max(u + v) == pytest.approx(1.0)


def test_default_walls_are_those_of_the_design() -> None:
    walls = BoundaryConditions()
    assert walls.temperatures == [1.0, 0.0]
    thermal = [wall.thermal for wall in walls.walls.values()]
    assert thermal == [INSULATING, INSULATING, TEMPERATURE, TEMPERATURE]
    assert walls.velocity == "free-slip"
