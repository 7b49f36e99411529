"""Orders of convergence of high-order transport: steady advection, diffusion and sources."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from helpers.numerics import flow_of, observed_orders
from tellus.config import load_config
from tellus.coupling.simulation.loop import Simulation
from tellus.solver.boundaries import FLUX, TEMPERATURE, BoundaryConditions, Wall
from tellus.solver.energy import EXPLICIT, IMPLICIT, MP5, EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.regridding import regridded

Function = Callable[[Array, Array], Array]


def means(of: Function, grid: Grid) -> Array:
    """Cell means by Gauss quadrature, exact to rounding for what is smooth."""
    points, shares = np.polynomial.legendre.leggauss(6)
    x = (np.arange(grid.nx)[:, None] + 0.5 + 0.5 * points) * grid.hx
    y = (np.arange(grid.ny)[:, None] + 0.5 + 0.5 * points) * grid.hy
    values = of(x[None, None], y[:, :, None, None])
    found: Array = np.einsum("jaib,a,b->ji", values, shares / 2.0, shares / 2.0)
    return found


@dataclass(frozen=True)
class Steady:
    """T = 1 - y + f(x) g(y) carried by psi = peak X(x) Y(y) on the unit square.

    X and Y are sin(pi s), or its square where walls hold the fluid. The bottom has a temperature,
    or, with g' = 0 there, a `flux`.
    """

    power: int
    flux: bool = False
    peak: float = 10.0

    @staticmethod
    def f(x: Array, order: int = 0) -> Array:
        terms = [(0.5, 0), (0.3, 1), (0.1, 2)]
        return np.asarray(
            sum(
                a * (k * np.pi) ** order * np.cos(k * np.pi * x + order * np.pi / 2.0)
                for a, k in terms
            )
        )

    def g(self, y: Array, order: int = 0) -> Array:
        coefficients = [0.0, 0.0, 1.0, -1.0] if self.flux else [0.0, 1.0, 0.0, -1.0]
        return np.asarray(np.polynomial.Polynomial(coefficients).deriv(order)(y))

    def shape(self, s: Array, order: int = 0) -> Array:
        if self.power == 1:
            return np.asarray(np.pi**order * np.sin(np.pi * s + order * np.pi / 2.0))
        squared = 0.5 * (1.0 - np.cos(2.0 * np.pi * s))
        return squared if order == 0 else np.pi * np.sin(2.0 * np.pi * s)

    def psi(self, x: Array, y: Array) -> Array:
        return self.peak * self.shape(x) * self.shape(y)

    def temperature(self, x: Array, y: Array) -> Array:
        return 1.0 - y + self.f(x) * self.g(y)

    def source(self, x: Array, y: Array) -> Array:
        u = self.peak * self.shape(x) * self.shape(y, 1)
        v = -self.peak * self.shape(x, 1) * self.shape(y)
        T_x, T_y = self.f(x, 1) * self.g(y), self.f(x) * self.g(y, 1) - 1.0
        laplacian = self.f(x, 2) * self.g(y) + self.f(x) * self.g(y, 2)
        return u * T_x + v * T_y - laplacian


class Sourced(EnergyEquation):
    """An energy equation with a source of its own at the cells."""

    given: Array

    def _sources(self, *_: object) -> Array:
        return self.given


def error(case: Steady, n: int, scheme: str) -> float:
    """Of the steady state, started from the exact one; the largest over the cells."""
    grid = Grid(n, n, 1.0)
    exact = means(case.temperature, grid)
    bottom = Wall(thermal=FLUX if case.flux else TEMPERATURE, value=1.0)
    energy = Sourced(grid, BoundaryConditions(bottom), scheme=scheme, advection=MP5)
    object.__setattr__(energy, "given", means(case.source, grid))
    x, y = np.meshgrid(grid.x_nodes, grid.y_nodes)
    flow = flow_of(np.ascontiguousarray(case.psi(x, y)), grid)
    state = ThermalState(exact)
    dt = min(energy.stable_dt(flow, 1.0), 2e-3)
    for _ in range(int(0.5 / dt)):
        after = energy.step(state, flow, dt)
        moved = float(np.max(np.abs(after.temperature - state.temperature))) / dt
        state = after
        if moved < 1e-8:
            break
    return float(np.max(np.abs(state.temperature - exact)))


@pytest.mark.parametrize(
    ("case", "scheme"),
    [
        (Steady(1), EXPLICIT),
        (Steady(2), IMPLICIT),
        (Steady(1, flux=True), EXPLICIT),
        (Steady(1, flux=True), IMPLICIT),
    ],
    ids=str,
)
def test_a_steady_state_is_of_fourth_order_in_space(case: Steady, scheme: str) -> None:
    errors = [error(case, n, scheme) for n in (16, 32)]
    assert observed_orders(errors)[0] > 3.7
    assert errors[-1] < 1e-5


def developing(grid: Grid, temperature: Array | None = None) -> Simulation:
    settings = ("grid.aspect=2", "rheology.gamma_T=1e4", "initial.kind=linear")
    more = ("initial.amplitude=0.1", f"energy.advection={MP5}")
    sizes = (f"grid.nx={grid.nx}", f"grid.ny={grid.ny}")
    return Simulation.from_config(load_config(None, [*settings, *more, *sizes]), None, temperature)


def test_a_developed_state_starts_on_another_grid_without_a_burst() -> None:
    """Its heat flows as it did, to a hundredth, and none of it is lost."""
    before = developing(Grid(32, 16, 2.0))
    before.run(0.02)
    developed = before.temperature
    expected = before.step().diagnostics
    for grid in (Grid(64, 32, 2.0), Grid(128, 64, 2.0), Grid(48, 20, 2.0)):
        start = regridded(developed, before.grid, grid, before.boundaries)
        assert abs(np.mean(start) - np.mean(developed)) < 1e-14
        found = developing(grid, start).step().diagnostics
        assert found.nusselt_top == pytest.approx(expected.nusselt_top, rel=1e-2)
        assert found.nusselt_bottom == pytest.approx(expected.nusselt_bottom, rel=1e-2)
