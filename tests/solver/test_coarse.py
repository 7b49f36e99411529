"""The solve on a coarser grid: orders at every wall, coarse viscosity, what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.numerics import observed_orders, rough_viscosity
from helpers.physics_cases import initials, slip_walls
from tellus.coupling.solvers.names import make_solver
from tellus.solver.boundaries import FREE_SLIP, NO_SLIP
from tellus.solver.coarse import CoarseSolver, spline_matrix
from tellus.solver.coarse_means import coarse_means
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.initial import conductive, mode_perturbation
from tellus.solver.rheology import FrankKamenetskii, Given, Viscoplastic
from tellus.solver.stokes import StokesProblem, relative_velocity_error

FINE = Grid(128, 64, 2.0)
# All slippery, all fast, and each pair of opposite walls of two kinds.
WALLS = [
    (FREE_SLIP,) * 4,
    (NO_SLIP,) * 4,
    (NO_SLIP, FREE_SLIP, FREE_SLIP, NO_SLIP),
]


def smooth(grid: Grid) -> StokesProblem:
    temperature = conductive(grid) + 0.2 * mode_perturbation(grid, mode=2)
    return StokesProblem(grid, temperature, FrankKamenetskii(1e3, 10.0))


@pytest.mark.parametrize("walls", WALLS, ids=initials)
def test_second_order_in_the_coarse_cells_at_all_walls(walls: tuple[str, ...]) -> None:
    problem = replace(smooth(FINE), boundaries=slip_walls(walls))
    direct = DirectSolver(FINE).solve(problem)
    flows = [CoarseSolver(FINE, factor).solve(problem) for factor in (8, 4, 2)]
    for flow in flows:
        walls_of_psi = [*flow.psi[[0, -1]].ravel(), *flow.psi[:, [0, -1]].ravel()]
        assert not np.any(walls_of_psi)
    # Against the direct solution, which is off by the second order of its own cells.
    errors = [
        relative_velocity_error(flow, direct) / (factor**2 - 1)
        for flow, factor in zip(flows, (8, 4, 2), strict=True)
    ]
    assert max(errors) < 0.01
    assert max(errors) / min(errors) < 1.5


@pytest.mark.parametrize("clamped", [(False, False), (True, True), (False, True), (True, False)])
def test_splines_are_fourth_order_up_to_both_kinds_of_wall(clamped: tuple[bool, bool]) -> None:
    """On cosines of a phase that has the derivative vanish that should."""
    low, high = clamped
    # sin has no second derivative at 0, 1 - cos no first: a quarter wave more for each clamp.
    waves = 1.0 + 0.5 * (low != high)

    def exact(x: np.ndarray) -> np.ndarray:
        return np.cos(np.pi * waves * x) if low else np.sin(np.pi * waves * x)

    errors = []
    for cells in (8, 16, 32):
        matrix = spline_matrix(cells, 4, clamped)
        coarse, fine = np.arange(cells + 1) / cells, np.arange(4 * cells + 1) / (4 * cells)
        errors.append(float(np.max(np.abs(matrix @ exact(coarse) - exact(fine)))))
    assert observed_orders(errors)[-1] > 3.7


def test_a_coarse_cell_holds_the_mean_of_its_fine_ones() -> None:
    cells = np.arange(128.0).reshape(8, 16)
    assert coarse_means(cells, Grid(8, 4))[1, 3] == cells[2:4, 6:8].mean()


def test_a_rough_given_viscosity_is_averaged_geometrically() -> None:
    problem = replace(smooth(FINE), rheology=Given(rough_viscosity(FINE, 1e8)))
    flow = CoarseSolver(FINE, 4).solve(problem)
    assert isinstance(problem.rheology, Given)
    blocks = problem.rheology.values.reshape(16, 4, 32, 4).transpose(0, 2, 1, 3).reshape(16, 32, 16)
    coarse = Grid(32, 16, 2.0)
    expected = DirectSolver(coarse).solve(
        StokesProblem(
            coarse,
            coarse_means(problem.temperature, coarse),
            Given(np.prod(blocks ** (1 / 16), axis=2)),
        )
    )
    np.testing.assert_allclose(flow.psi[::4, ::4], expected.psi, rtol=1e-10, atol=1e-16)


def test_a_yielding_law_is_iterated_on_the_fine_grid() -> None:
    law = Viscoplastic(FrankKamenetskii(1e3, 1.0), yield_stress=1.0)
    problem = replace(smooth(FINE), rheology=law, rayleigh=100.0)
    flow = make_solver("coarse:2", FINE).solve(problem)
    direct = make_solver("direct", FINE).solve(problem)
    linear = make_solver("direct", FINE).solve(replace(problem, rheology=law.linear))
    assert flow.report.iterations > 1
    assert flow.report.status == "solved"
    assert relative_velocity_error(flow, direct) < 0.02
    # Not because nothing yields.
    assert relative_velocity_error(linear, direct) > 0.2


def test_phases_are_those_of_a_coarse_solve() -> None:
    report = make_solver("coarse:4", FINE).solve(smooth(FINE)).report
    assert report.solver == "coarse:4"
    assert list(report.seconds) == [
        "project", "assemble", "factor", "solve", "residual", "transfer",
    ]  # fmt: skip
    assert np.isnan(report.residual)
