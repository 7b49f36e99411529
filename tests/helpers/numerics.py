"""What several tests of the numerics share: random fields and flows, orders of convergence."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from tellus.solver.boundaries import NO_SLIP, TEMPERATURE, BoundaryConditions, Wall
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, flow_from_psi

FREE = BoundaryConditions()
HELD = BoundaryConditions(top=Wall(NO_SLIP), left=Wall(NO_SLIP))
free_and_held = pytest.mark.parametrize("boundaries", [FREE, HELD], ids=["free", "held"])
"""Walls that let the fluid slip, and such that hold it fast on two sides."""

# Long and flat, tall and narrow, unequal spacings, the smallest allowed.
GRIDS = [Grid(12, 8, 2.0), Grid(7, 12, 0.7), Grid(4, 4, 1.0), Grid(4, 9, 1.0), Grid(9, 4, 4.0)]


def rough_field(grid: Grid, seed: int = 0) -> Array:
    """Uniform random numbers in 0..1 at the cells: no two neighbours alike."""
    return np.random.default_rng(seed).random(grid.cells)


def rough_viscosity(grid: Grid, contrast: float, seed: int = 1) -> Array:
    """Viscosity between 1/contrast and 1, log-uniform, jumping from cell to cell."""
    return contrast ** -rough_field(grid, seed)


def plume(grid: Grid, gamma_T: float = 1e6, boundaries: BoundaryConditions = FREE) -> StokesProblem:
    """Currents that rise and sink in a conductive layer, T in 0..1."""
    temperature = conductive(grid) + 0.2 * mode_perturbation(grid, mode=3)
    return StokesProblem(grid, temperature, FrankKamenetskii(gamma_T), 1.0, boundaries)


def random_psi(grid: Grid, seed: int = 2) -> Array:
    """A random stream function at the nodes, zero on the walls."""
    psi = np.zeros(grid.nodes)
    psi[1:-1, 1:-1] = np.random.default_rng(seed).standard_normal((grid.ny - 1, grid.nx - 1))
    return psi


def flow_of(psi: Array, grid: Grid) -> Flow:
    return flow_from_psi(psi, grid, StokesReport("given"))


def cell_flow(grid: Grid, peak: float, modes: Sequence[tuple[int, int, float]]) -> Flow:
    """psi = peak / pi times a sum of sines: k half waves across, m up, and an amplitude each."""
    x, y = grid.x_nodes / grid.aspect, grid.y_nodes[:, None]
    psi = sum(a * np.sin(k * np.pi * x) * np.sin(m * np.pi * y) for k, m, a in modes)
    assert isinstance(psi, np.ndarray)
    psi[[0, -1]], psi[:, [0, -1]] = 0.0, 0.0
    return flow_of(peak / np.pi * psi, grid)


def divergence(u: Array, v: Array, grid: Grid) -> Array:
    """What flows out of each cell, over its area."""
    found: Array = np.diff(u, axis=1) / grid.hx + np.diff(v, axis=0) / grid.hy
    return found


def worst_difference(found: Array, expected: Array) -> float:
    """Largest difference, relative to the largest expected value."""
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


def observed_orders(errors: Sequence[float]) -> list[float]:
    """Orders of convergence between successive halvings of the step."""
    return [float(np.log2(a / b)) for a, b in pairwise(errors)]


def between(bottom: float, top: float) -> BoundaryConditions:
    """Free-slip walls of these temperatures, insulating sides."""
    return BoundaryConditions(
        bottom=Wall(thermal=TEMPERATURE, value=bottom), top=Wall(thermal=TEMPERATURE, value=top)
    )
