"""Orders of convergence of the energy step, in space and in time.

In space the scheme is second order where its limiter does not act. At smooth extrema van Leer's
slope is zero, so the tendency is first order in the few cells around them: orders are those of
the mean error (L1), which such cells do not spoil.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import expm

from helpers.numerics import cell_flow, observed_orders
from tellus.solver import energy_kernels
from tellus.solver.direct import DirectSolver
from tellus.solver.energy import EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem

ASPECT = 1.5
GRIDS = [Grid(n, n // 2, ASPECT) for n in (32, 64, 128)]
# psi in units of its amplitude: two cells of different size, so that no symmetry helps.
FLOW_MODES = [(1, 1, 0.7), (2, 1, 0.4), (1, 2, -0.3)]
# T - (1 - y): amplitudes of cos(k pi x / aspect) sin(m pi y).
START_MODES = {(0, 1): 0.1, (1, 1): 0.2, (2, 1): -0.1, (1, 2): 0.05}
ORDER = 16
MODES = [(k, m) for k in range(ORDER) for m in range(1, ORDER + 1)]


def given_flow(grid: Grid, peak: float) -> Flow:
    return cell_flow(grid, peak, FLOW_MODES)


def basis(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """The modes and their x and y derivatives at the points, one row per mode."""
    k = np.array([k for k, _ in MODES])[:, None] * np.pi / ASPECT
    m = np.array([m for _, m in MODES])[:, None] * np.pi
    across, up = np.cos(k * x), np.sin(m * y)
    return across * up, -k * np.sin(k * x) * up, across * m * np.cos(m * y)


def points(n: int) -> tuple[Array, Array]:
    """Midpoints of n x n cells, on which products of up to n modes are integrated exactly."""
    middles = (np.arange(n) + 0.5) / n
    x, y = np.meshgrid(ASPECT * middles, middles)
    return x.ravel(), y.ravel()


def exact_velocity(x: Array, y: Array, peak: float) -> tuple[Array, Array]:
    u, v = np.zeros_like(x), np.zeros_like(x)
    for k, m, amplitude in FLOW_MODES:
        kx, ky = k * np.pi / ASPECT, m * np.pi
        u += peak / np.pi * amplitude * ky * np.sin(kx * x) * np.cos(ky * y)
        v -= peak / np.pi * amplitude * kx * np.cos(kx * x) * np.sin(ky * y)
    return u, v


def start_coefficients() -> Array:
    return np.array([START_MODES.get(mode, 0.0) for mode in MODES])


@cache
def exact_coefficients(peak: float, time: float) -> Array:
    """Amplitudes of the modes at `time` by a Galerkin method, good to 2e-7 (24 x 24 modes agree).

    The modes satisfy the boundary conditions and the flow keeps their symmetries about the walls,
    so that the series converges faster than any power; the matrix exponential is exact in time.
    """
    x, y = points(64)
    values, d_dx, d_dy = basis(x, y)
    u, v = exact_velocity(x, y, peak)
    weights = np.array([2.0 if k == 0 else 4.0 for k, _ in MODES])[:, None] / x.size
    advection = weights * values @ (u * d_dx + v * d_dy).T
    # The flow makes a source of the perturbation, +v, from the conductive profile 1 - y.
    source = weights * values @ v[:, None]
    n = len(MODES)
    system = np.block([[-advection - np.diag(decay_rates()), source], [np.zeros((1, n + 1))]])
    amplitudes: Array = (expm(time * system) @ np.append(start_coefficients(), 1.0))[:n]
    return amplitudes


def decay_rates() -> Array:
    """Rates at which diffusion alone damps the modes."""
    return np.array([(k * np.pi / ASPECT) ** 2 + (m * np.pi) ** 2 for k, m in MODES])


def exact_temperature(grid: Grid, peak: float, time: float) -> Array:
    """T at the cell centres in the steady flow of amplitude `peak`."""
    across = np.cos(np.outer(np.arange(ORDER) * np.pi / ASPECT, grid.x_cells))
    up = np.sin(np.outer(np.arange(1, ORDER + 1) * np.pi, grid.y_cells))
    amplitudes = exact_coefficients(peak, time).reshape(ORDER, ORDER)
    return conductive(grid) + up.T @ amplitudes.T @ across


def run(grid: Grid, flow: Flow, temperature: Array, time: float, steps: int) -> Array:
    """T after `steps` equal steps to `time` in a steady flow."""
    energy, state = EnergyEquation(grid), ThermalState(temperature)
    assert time / steps <= energy.stable_dt(flow, courant=0.5)
    for _ in range(steps):
        state = energy.step(state, flow, time / steps)
    return state.temperature


def mean_error(found: Array, expected: Array) -> float:
    return float(np.mean(np.abs(found - expected)))


def test_diffusion_is_second_order_everywhere() -> None:
    """One decaying mode: largest error over all cells, those at the walls included."""
    errors, time, k, m = [], 0.05, 1, 2
    decay = (k * np.pi / ASPECT) ** 2 + (m * np.pi) ** 2
    for n, grid in enumerate(GRIDS):
        x, y = np.meshgrid(grid.x_cells, grid.y_cells)
        mode = np.cos(k * np.pi * x / ASPECT) * np.sin(m * np.pi * y)
        still = cell_flow(grid, 0.0, FLOW_MODES)
        found = run(grid, still, conductive(grid) + mode, time, 100 * 4**n)
        errors.append(np.max(np.abs(found - conductive(grid) - np.exp(-decay * time) * mode)))
    assert min(observed_orders(errors)) >= 1.9
    assert errors[-1] < 2e-3 * np.exp(-decay * time)


@pytest.mark.parametrize("peak", [30.0, -30.0])
def test_advection_and_diffusion_in_a_steady_flow_are_second_order(peak: float) -> None:
    errors, time = [], 0.01
    for n, grid in enumerate(GRIDS):
        start = exact_temperature(grid, peak, 0.0)
        found = run(grid, given_flow(grid, peak), start, time, 40 * 4**n)
        errors.append(mean_error(found, exact_temperature(grid, peak, time)))
    assert min(observed_orders(errors)) >= 1.9


@pytest.mark.parametrize("peak", [1000.0, -1000.0])
def test_tendency_is_second_order_in_the_mean(peak: float) -> None:
    """-u . grad T + laplace T, with advection far stronger than diffusion, against the formula."""
    errors = []
    for grid in GRIDS:
        x, y = (a.ravel() for a in np.meshgrid(grid.x_cells, grid.y_cells))
        values, d_dx, d_dy = basis(x, y)
        c, (u, v) = start_coefficients(), exact_velocity(x, y, peak)
        laplace = -c * decay_rates() @ values
        expected = (laplace - u * (c @ d_dx) - v * (c @ d_dy - 1.0)).reshape(grid.cells)
        flow, found = given_flow(grid, peak), np.empty(grid.cells)
        temperature = conductive(grid) + (c @ values).reshape(grid.cells)
        fixed, value = np.array([False, False, True, True]), np.array([0.0, 0.0, 1.0, 0.0])
        hx, hy = grid.hx, grid.hy
        energy_kernels.advect(temperature, flow.u, flow.v, hx, hy, fixed, value, found)
        energy_kernels.diffuse(temperature, hx, hy, fixed, value, found)
        errors.append(mean_error(found, expected))
    assert min(observed_orders(errors)) >= 1.9


def successive_differences(solution: Callable[[int], Array], steps: int) -> list[float]:
    """Mean change of the solution each time the number of steps is doubled."""
    solutions = [solution(steps * 2**n) for n in range(4)]
    return [mean_error(a, b) for a, b in pairwise(solutions)]


def test_runge_kutta_is_second_order_in_time_for_a_given_velocity() -> None:
    grid = Grid(24, 16, ASPECT)
    flow, start = given_flow(grid, 50.0), exact_temperature(grid, 50.0, 0.0)
    errors = successive_differences(lambda steps: run(grid, flow, start, 0.02, steps), 80)
    assert min(observed_orders(errors)) >= 1.9


def test_a_velocity_frozen_over_the_step_is_first_order_in_time() -> None:
    grid = Grid(24, 16, ASPECT)
    energy, solver = EnergyEquation(grid), DirectSolver(grid)
    start = conductive(grid) + 0.1 * mode_perturbation(grid, mode=1)

    def convected(steps: int) -> Array:
        state = ThermalState(start)
        for _ in range(steps):
            rheology = FrankKamenetskii(gamma_T=10.0, gamma_p=1.0)
            problem = StokesProblem(grid, state.temperature, rheology, rayleigh=1e4)
            state = energy.step(state, solver.solve(problem), 0.02 / steps)
        return state.temperature

    assert 0.9 <= min(observed_orders(successive_differences(convected, 160))) <= 1.2
