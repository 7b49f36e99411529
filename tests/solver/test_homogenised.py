"""Viscosity that varies within cells: its means to stretching and to shear, and what they mend."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.numerics import rough_field
from tellus.benchmarks import analytic
from tellus.coupling.solvers.names import make_solver
from tellus.solver.closure import Homogenised, homogenised
from tellus.solver.coarse_means import coarse_means
from tellus.solver.derived import surface_rms
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive
from tellus.solver.picard import PicardSettings, PicardSolver
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import FrankKamenetskii, Given, Viscoplastic
from tellus.solver.stokes import StokesProblem, relative_velocity_error
from tellus.solver.strain import dissipation, effective_viscosity
from tellus.surrogate.closure import network

INSIDE = slice(1, -1)


@pytest.mark.parametrize(
    ("up", "across", "swapped"), [(3.0, 0.0, False), (0.0, 2.0, False), (1.5, 1.5, True)]
)
def test_layers_show_their_means(up: float, across: float, swapped: bool) -> None:
    """Arithmetic to stretching and harmonic to shear; the other way round at 45 degrees."""
    rows, columns = np.arange(6) + 0.5, np.arange(8) + 0.5
    found = homogenised(np.exp(up * rows[:, None] + across * columns))
    within = (np.arange(200) + 0.5) / 200
    viscosity = np.exp(up * (2 + within)[:, None] + across * (3 + within))
    means = [np.mean(viscosity), 1.0 / np.mean(1.0 / viscosity)]
    np.testing.assert_allclose(found[:, 2, 3], means[::-1] if swapped else means, rtol=1e-4)


def test_what_does_not_vary_stays_and_mirror_images_are_mirrored() -> None:
    np.testing.assert_allclose(homogenised(np.full((4, 6), 7.0)), 7.0, rtol=1e-10)
    rough: Array = np.exp(np.random.default_rng(0).normal(size=(8, 12)))
    found = homogenised(rough)
    np.testing.assert_array_equal(
        homogenised(np.ascontiguousarray(rough[:, ::-1])), found[..., ::-1]
    )
    in_torch = network.homogenised(torch.from_numpy(np.log(rough))[None])[0].numpy()
    np.testing.assert_allclose(in_torch, np.log(found), atol=1e-12)


def lid(grid: Grid) -> StokesProblem:
    """Hot below a steep, cold lid that bulges, 17 orders of e more viscous at its top."""
    x, y = np.pi * grid.x_cells[None] / grid.aspect, grid.y_cells[:, None]
    T = np.clip(conductive(grid) * 3.0 + 0.2 * np.cos(x) * np.sin(np.pi * y), None, 1.0)
    return StokesProblem(grid, T, FrankKamenetskii(np.exp(17.0)), 1.0)


def test_the_velocity_of_a_lid_of_few_cells() -> None:
    finest = Grid(256, 128, 2.0)
    whole = lid(finest)
    truth = make_solver("direct", finest).solve(whole)
    surface = surface_rms(truth, finest)
    errors = []
    for ratio in (8, 4):
        grid = Grid(finest.nx // ratio, finest.ny // ratio, finest.aspect)
        coarse = replace(whole, grid=grid, temperature=coarse_means(whole.temperature, grid))
        for closure in (None, Homogenised()):
            flow = make_solver("direct", grid).solve(replace(coarse, closure=closure))
            errors.append(abs(np.log(surface_rms(flow, grid) / surface)))
    plain, shown, plain_finer, shown_finer = errors
    assert plain > 0.25
    assert shown < 0.2 * plain
    assert shown_finer < 0.3 * plain_finer


def test_solkz_is_second_order_and_its_stiff_end_nearer() -> None:
    """Viscosity grows exponentially to the top (Zhong 1996), by six orders."""
    whole, top = [], []
    for cells in (32, 64):
        grid = Grid(cells, cells, 1.0)
        forces, viscosity = analytic.fields("solkz", grid)
        problem = StokesProblem(grid, forces, Given(viscosity), 1.0)
        x, y = grid.x_cells, grid.y_cells[:, None]
        u = analytic.solkz()(grid.x_nodes[None], y)[0]
        v = analytic.solkz()(x[None], grid.y_nodes[:, None])[1]
        flows = [
            make_solver("direct", grid).solve(replace(problem, closure=closure))
            for closure in (None, Homogenised())
        ]
        whole.append([relative_velocity_error(f, replace(f, u=u, v=v)) for f in flows])
        top.append([np.linalg.norm(f.u[-1] - u[-1]) / np.linalg.norm(u[-1]) for f in flows])
    assert np.log2(whole[0][1] / whole[1][1]) > 1.8
    assert np.log2(top[0][1] / top[1][1]) > 1.8
    assert top[1][1] < 0.5 * top[1][0]


def test_of_a_yielding_law_dissipation_is_the_work_of_buoyancy() -> None:
    grid = Grid(16, 8, 2.0)
    law = Viscoplastic(FrankKamenetskii(1e2), yield_stress=1.0)
    problem = StokesProblem(grid, rough_field(grid), law, 1e3, closure=Homogenised())
    flow = PicardSolver(DirectSolver(grid), PicardSettings(1e-9, 300)).solve(problem)
    viscosity = effective_viscosity(problem, flow)
    heat = np.sum(dissipation(flow, viscosity, grid, problem.boundaries)) * grid.hx * grid.hy
    work = np.sum(flow.psi * PsiOperator(grid).right_hand_side(problem.temperature, 1e3))
    np.testing.assert_allclose(heat, work, rtol=1e-5)
