"""Viscosity laws and the Picard iteration around those that depend on the strain rate."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from helpers.numerics import flow_of, random_psi, rough_field, worst_difference
from helpers.physics_cases import slip_walls, unheated
from helpers.sequences import assert_resumes
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.solvers.names import make_solver
from tellus.errors import SolverError
from tellus.solver.boundaries import NO_SLIP
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.krylov import refined_solver
from tellus.solver.picard import PicardSettings, PicardSolver
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import (
    Arrhenius,
    Constant,
    FrankKamenetskii,
    Layered,
    Rheology,
    Viscoplastic,
)
from tellus.solver.stokes import Flow, StokesProblem, relative_velocity_error
from tellus.solver.strain import effective_viscosity, strain_rate

GRID = Grid(12, 10, 1.2)
DEPTH = np.repeat(1.0 - GRID.y_cells[:, None], GRID.nx, axis=1)
LINEAR = FrankKamenetskii(1e3, 1.0)
YIELDING = Viscoplastic(LINEAR, yield_stress=1.0, eta_star=1e-3)
BLOCK = ("grid.nx=12", "grid.ny=8", "grid.aspect=1.5", "rheology.yield_stress=3.0")


def problem_of(rheology: Rheology, rayleigh: float = 100.0) -> StokesProblem:
    """A smooth temperature with one plume."""
    x, y = GRID.x_cells / GRID.aspect, GRID.y_cells[:, None]
    temperature = 1.0 - y + 0.3 * np.cos(np.pi * x) * np.sin(np.pi * y)
    return StokesProblem(GRID, temperature, rheology, rayleigh)


def nonlinear_residual(problem: StokesProblem, flow: Flow) -> float:
    """|A(eta(psi)) psi - b| / |b|, eta taken at the flow itself."""
    operator = PsiOperator(problem.grid, problem.boundaries)
    b = operator.right_hand_side(problem.temperature, problem.rayleigh)
    product = operator.apply(effective_viscosity(problem, flow), flow.psi)
    return float(np.linalg.norm(product - b) / np.linalg.norm(b))


def test_constant_frank_kamenetskii_and_arrhenius_are_their_formulae() -> None:
    temperature = rough_field(GRID)
    np.testing.assert_array_equal(Constant(2.5).viscosity(temperature, GRID), 2.5)
    np.testing.assert_allclose(
        FrankKamenetskii(1e6, 30.0).viscosity(temperature, GRID),
        1e6**-temperature * 30.0**DEPTH,
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        Arrhenius(12.0, 3.0, 0.2).viscosity(temperature, GRID),
        np.exp((12.0 + 3.0 * DEPTH) / (temperature + 0.2) - 15.0 / 1.2),
        rtol=1e-12,
    )


def test_arrhenius_is_one_at_the_hot_bottom_and_rises_to_the_cold_top() -> None:
    """Without a volume it is one wherever T = 1, at any depth."""
    grid, hot = Grid(4, 2000, 1.0), np.ones((2000, 4))
    law = Arrhenius(12.0, 3.0, 0.2)
    np.testing.assert_allclose(law.viscosity(hot, grid)[0], 1.0, rtol=1e-3)
    np.testing.assert_allclose(Arrhenius(12.0, 0.0, 0.2).viscosity(hot, grid), 1.0, rtol=1e-14)
    cold = law.viscosity(np.zeros((2000, 4)), grid)
    np.testing.assert_allclose(cold[-1], np.exp(12.0 / 0.2 - 15.0 / 1.2), rtol=1e-2)


@pytest.mark.parametrize("below", [0.0, 1e-12, 1e-3, 5.0])
def test_below_absolute_zero_the_viscosity_is_that_of_absolute_zero(below: float) -> None:
    """The formula has a pole there, and beyond it the smallest viscosity of all."""
    cold = np.full(GRID.cells, -0.1 - below)
    bounds = Arrhenius(9.0, 2.0, 0.1, 1e-3, 1e3)
    for law, expected in (
        (bounds, 1e3),
        (replace(bounds, ceiling=None), np.inf),
        (Arrhenius(0.0, 0.0, 0.1), 1.0),
        (Layered(bounds, (0.5,), (2.0, 2.0)), 2e3),
        (Viscoplastic(bounds), 1e3),
    ):
        np.testing.assert_array_equal(law.viscosity(cold, GRID), expected)
    plastic = Viscoplastic(replace(bounds, ceiling=None), 1.0, 1e-3)
    assert np.max(np.abs(plastic.viscosity(cold, GRID, np.ones(GRID.cells)) - 2.002)) < 1e-14


@pytest.mark.parametrize(
    "law", [FrankKamenetskii(1e6, 1.0, 1e-3, 0.1), Arrhenius(9, 0, 0.1, 2, 50)]
)
def test_floor_and_ceiling_bound_what_they_are_given_to(law: FrankKamenetskii | Arrhenius) -> None:
    viscosity = law.viscosity(rough_field(GRID), GRID)
    assert law.floor is not None
    assert law.ceiling is not None
    assert (viscosity.min(), viscosity.max()) == (law.floor, law.ceiling)
    free = replace(law, floor=None, ceiling=None).viscosity(rough_field(GRID), GRID)
    inside = (free > law.floor) & (free < law.ceiling)
    np.testing.assert_array_equal(viscosity[inside], free[inside])


def test_layers_count_from_the_top_and_multiply() -> None:
    law = Layered(FrankKamenetskii(1e3, 10.0), (0.3, 0.7), (1.0, 0.1, 30.0))
    temperature = rough_field(GRID)
    factor = np.where(DEPTH < 0.3, 1.0, np.where(DEPTH < 0.7, 0.1, 30.0))
    expected = factor * FrankKamenetskii(1e3, 10.0).viscosity(temperature, GRID)
    np.testing.assert_allclose(law.viscosity(temperature, GRID), expected, rtol=1e-14)
    assert factor[0, 0] == 30.0


def test_viscoplastic_is_its_formula() -> None:
    temperature, rate = rough_field(GRID), 10.0 ** rough_field(GRID, 7)
    linear = LINEAR.viscosity(temperature, GRID)
    plastic = 1e-3 + 1.0 / rate
    expected = 1.0 / (0.5 * (1.0 / linear + 1.0 / plastic))
    np.testing.assert_allclose(YIELDING.viscosity(temperature, GRID, rate), expected, rtol=1e-13)


def test_viscoplastic_limits() -> None:
    """At rest or with no yielding twice the linear law; yielding all the way down to eta_star."""
    temperature, rate = rough_field(GRID), 10.0 ** rough_field(GRID, 7)
    linear = LINEAR.viscosity(temperature, GRID)
    at_rest = YIELDING.viscosity(temperature, GRID, np.zeros(GRID.cells))
    np.testing.assert_allclose(at_rest, 2.0 * linear, rtol=1e-14)
    strong = Viscoplastic(LINEAR, yield_stress=1e14).viscosity(temperature, GRID, rate)
    np.testing.assert_allclose(strong, 2.0 * linear, rtol=1e-10)
    weak = Viscoplastic(LINEAR, yield_stress=1e-14).viscosity(temperature, GRID, rate)
    np.testing.assert_allclose(weak, 2.0 / (1.0 / linear + 1e3), rtol=1e-8)
    np.testing.assert_array_equal(YIELDING.viscosity(temperature, GRID), linear)


def test_stress_never_exceeds_twice_the_yield_stress_by_more_than_eta_star() -> None:
    """2 eta |e| <= 4 (eta_star |e| + sigma): the plastic branch bounds the harmonic mean."""
    rate = 10.0 ** (6.0 * rough_field(GRID, 7) - 2.0)
    stress = 2.0 * YIELDING.viscosity(rough_field(GRID), GRID, rate) * rate
    assert np.all(stress <= 4.0 * (1e-3 * rate + 1.0))


def test_no_yielding_halves_the_velocity_of_the_linear_law() -> None:
    strong = problem_of(Viscoplastic(LINEAR, yield_stress=1e14))
    flow = PicardSolver(DirectSolver(GRID)).solve(strong)
    linear = DirectSolver(GRID).solve(problem_of(LINEAR))
    assert worst_difference(flow.u, 0.5 * linear.u) < 1e-9
    assert flow.report.iterations == 3


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_picard_converges_to_the_nonlinear_solution(tolerance: float) -> None:
    problem = problem_of(YIELDING)
    exact = PicardSolver(DirectSolver(GRID), PicardSettings(1e-11, 500)).solve(problem)
    assert nonlinear_residual(problem, exact) < 1e-7
    flow = PicardSolver(DirectSolver(GRID), PicardSettings(tolerance, 200)).solve(problem)
    assert flow.report.status == "solved"
    assert 3 <= flow.report.iterations < 100
    # With solves that would stop early, too.
    loose = PicardSolver(refined_solver(GRID, tolerance=0.3), PicardSettings(tolerance, 200))
    for found in (flow, loose.solve(problem)):
        # The iteration is linear: what is left is a few times the last change.
        assert relative_velocity_error(found, exact) < 10.0 * tolerance
    linear = DirectSolver(GRID).solve(problem_of(LINEAR))
    assert worst_difference(flow.u, linear.u) > 0.1


def test_picard_converges_under_a_no_slip_lid() -> None:
    problem = replace(problem_of(YIELDING), boundaries=slip_walls([NO_SLIP] * 4))
    flow = PicardSolver(DirectSolver(GRID), PicardSettings(1e-7, 200)).solve(problem)
    assert nonlinear_residual(problem, flow) < 1e-6


def test_picard_starts_from_the_last_flow() -> None:
    solver = PicardSolver(DirectSolver(GRID), PicardSettings(1e-6, 200))
    first = solver.solve(problem_of(YIELDING)).report.iterations
    again = solver.solve(problem_of(YIELDING)).report.iterations
    assert again == 1
    assert first > 5
    assert solver.solve(problem_of(YIELDING, 101.0)).report.iterations < first


def test_picard_says_where_it_stopped_short() -> None:
    solver = PicardSolver(DirectSolver(GRID), PicardSettings(1e-10, 4))
    flow = solver.solve(problem_of(YIELDING))
    assert (flow.report.status, flow.report.iterations) == ("unconverged", 4)
    strict = PicardSolver(DirectSolver(GRID), PicardSettings(1e-10, 4, required=True))
    with pytest.raises(SolverError, match="stopped after 4 solves at a change of"):
        strict.solve(problem_of(YIELDING))


def test_linear_laws_pass_straight_through() -> None:
    solver = PicardSolver(DirectSolver(GRID))
    np.testing.assert_array_equal(
        solver.solve(problem_of(LINEAR)).psi, DirectSolver(GRID).solve(problem_of(LINEAR)).psi
    )
    assert solver.state() == {}


def test_a_fluid_at_rest_needs_no_iterations() -> None:
    problem = replace(problem_of(YIELDING), temperature=np.full(GRID.cells, 0.5))
    flow = PicardSolver(DirectSolver(GRID)).solve(problem)
    assert flow.report.status == "solved"
    assert not np.any(flow.psi)
    assert flow.report.iterations <= 2


def test_memory_of_picard_can_be_taken_and_given_back() -> None:
    solver, other = (PicardSolver(DirectSolver(GRID), PicardSettings(1e-3)) for _ in range(2))
    solver.solve(problem_of(YIELDING))
    assert_resumes(solver, other, [problem_of(YIELDING, 150.0)])


def test_skip_keeps_the_memory_of_the_solver_it_asks() -> None:
    whole = make_solver("skip:3", GRID, PicardSettings(1e-3))
    for rayleigh in (100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0, 170.0):
        other = make_solver("skip:3", GRID, PicardSettings(1e-3))
        assert_resumes(whole, other, [problem_of(YIELDING, rayleigh)])
    assert {"inner/picard", "last_psi", "last_time", "calls"} == set(whole.state())


def test_iterations_are_counted_over_a_run() -> None:
    simulation = Simulation.from_config(unheated(*BLOCK))
    counts = []
    for _ in range(5):
        counts.append(simulation.flow().report.iterations)
        simulation.step()
    assert counts[0] > 1
    assert simulation.statistics.iterations == sum(counts)
    assert simulation.statistics.statuses == {"solved": 3, "corrected": 2}
    few = Simulation.from_config(unheated(*BLOCK, "stokes.picard_limit=1"))
    few.step()
    assert few.statistics.statuses == {"unconverged": 1}


@dataclass(frozen=True)
class PowerLaw(Rheology):
    """A law of one's own: strain-rate weakening of any linear law."""

    linear: Rheology
    exponent: float = 3.0
    nonlinear: ClassVar[bool] = True

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        viscosity = self.linear.viscosity(temperature, grid)
        if strain_rate is None:
            return viscosity
        weakened: Array = viscosity * (1.0 + strain_rate) ** (1.0 / self.exponent - 1.0)
        return weakened


def test_a_law_of_ones_own_plugs_in() -> None:
    problem = problem_of(PowerLaw(LINEAR))
    flow = PicardSolver(DirectSolver(GRID), PicardSettings(1e-8, 500)).solve(problem)
    assert nonlinear_residual(problem, flow) < 1e-6
    simulation = Simulation(
        GRID,
        PowerLaw(LINEAR),
        make_solver("direct", GRID),
        problem.temperature,
        rayleigh=100.0,
    )
    simulation.step()
    assert simulation.statistics.iterations > 1


def test_layers_of_a_yielding_law_yield() -> None:
    """A wrapper passes on that the law inside it depends on the strain rate."""
    layered = Layered(YIELDING, (0.5,), (1.0, 1.0))
    flow = PicardSolver(DirectSolver(GRID)).solve(problem_of(layered))
    plain = PicardSolver(DirectSolver(GRID)).solve(problem_of(YIELDING))
    np.testing.assert_array_equal(flow.psi, plain.psi)


def test_strain_rate_is_that_of_pure_and_simple_shear() -> None:
    """sqrt(e:e): psi = x y strains by sqrt(2) du/dx; psi = y^2 / 2 shears by du/dy / sqrt(2)."""
    grid = Grid(8, 8, 1.0)
    x, y = grid.x_nodes[None], grid.y_nodes[:, None]
    pure = flow_of(x * y, grid)
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(
        strain_rate(pure, grid, slip_walls([NO_SLIP] * 4))[inside], np.sqrt(2)
    )
    simple = flow_of(0.5 * y**2 + 0.0 * x, grid)
    rate = strain_rate(simple, grid, slip_walls([NO_SLIP] * 4))
    np.testing.assert_allclose(rate[inside], 1.0 / np.sqrt(2))


def test_strain_rate_does_not_depend_on_rigid_signs() -> None:
    flow, back = (flow_of(sign * random_psi(GRID), GRID) for sign in (1.0, -1.0))
    walls = slip_walls([NO_SLIP] * 4)
    np.testing.assert_array_equal(strain_rate(flow, GRID, walls), strain_rate(back, GRID, walls))
