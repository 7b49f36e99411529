"""What every solver of A psi = b does alike: the direct velocity at any walls, and clear errors."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

from helpers import stand_in_nvmath
from helpers.numerics import GRIDS, divergence, rough_field, rough_viscosity, worst_difference
from helpers.petsc_needed import has_mkl, need
from helpers.physics_cases import SLIP, covering, initials, slip_walls
from helpers.sequences import SMALL, States, circulating, rising
from tellus.coupling.solvers.names import make_solver
from tellus.errors import SolverError
from tellus.solver.boundaries import NO_SLIP
from tellus.solver.closure import Closure
from tellus.solver.cudss import CudssSolver
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive
from tellus.solver.picard import PicardSettings, PicardSolver
from tellus.solver.pressure import pressure
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.rheology import FrankKamenetskii, Given, Viscoplastic
from tellus.solver.stokes import StokesProblem, StokesSolver, relative_velocity_error
from tellus.solver.strain import dissipation, effective_viscosity

NAMES = [
    "pardiso",
    "cudss",
    "lagged",
    "refined",
    "iterative:tol=1e-8",
    "mumps",
    "mumps:analyse",
    *(f"mumps:ldlt:{ordering}" for ordering in ("amd", "amf", "qamd")),
    *(f"mumps:lu:{ordering}" for ordering in ("dissection", "pord", "amf")),
    "mumps-psi",
    "mumps-psi:amf",
]
KINDS = ["direct", "pardiso", "cudss", "lagged", "refined", "iterative", "mumps", "mumps-psi"]
ITERATED = ("lagged", "refined", "iterative")
"""They stop at a tolerance."""
BETWEEN = {
    "anchored:3:coarse:2": 0.02,
    "anchored:tol=2e-2:coarse:2": 0.02,
    "skip:tol=2e-2": 0.02,
    "reduced:2": 0.1,
}
"""They approximate, most of them between solves; within so much of the direct velocity."""


@pytest.fixture(autouse=True)
def nvmath(request: pytest.FixtureRequest) -> Iterator[None]:
    """SciPy in cuDSS's place."""
    name = request.node.callspec.params.get("name", "")
    with stand_in_nvmath.nvmath() if name == "cudss" else nullcontext():
        yield


def make(name: str, grid: Grid) -> StokesSolver:
    """By name; a test of what is not installed is skipped."""
    if name == "cudss":
        return PicardSolver(CudssSolver(grid, "cpu"), CLOSELY)
    if name == "pardiso" and not has_mkl():
        pytest.skip("needs pip install 'tellus-mantle[mkl]'")
    if name.startswith("mumps"):
        need(find_spec("petsc4py") is not None, "petsc4py is not installed: make petsc")
    return make_solver(name, grid, CLOSELY)


CLOSELY = PicardSettings(1e-5, 200)


@pytest.mark.parametrize(
    ("kinds", "name", "grid", "contrast"),
    covering(SLIP, NAMES, [*GRIDS, Grid(40, 16, 4.0)], [1.0, 1e6, 1e10]),
)
def test_the_velocity_is_the_direct_solvers(
    kinds: tuple[str, ...], name: str, grid: Grid, contrast: float
) -> None:
    """No two cells alike in temperature, nor in viscosity; all walls and contrasts."""
    if name.startswith("refined"):
        grid = Grid(4 * grid.nx, 4 * grid.ny, grid.aspect)
    contrast = min(contrast, 1e4) if name.startswith(ITERATED) else contrast
    solver, law = make(name, grid), Given(rough_viscosity(grid, contrast))
    problem = StokesProblem(grid, rough_field(grid), law, 5.0, slip_walls(kinds))
    assert solver.name == name
    flow, reference = solver.solve(problem), DirectSolver(grid).solve(problem)
    assert relative_velocity_error(flow, reference) < (1e-6 if name in ITERATED else 1e-7)
    assert flow.report.residual < 1e-3
    outflow = divergence(flow.u, flow.v, grid)
    assert np.max(np.abs(outflow)) < 1e-11 * np.max(np.abs(flow.u)) / min(grid.hx, grid.hy)
    if flow.p is not None:
        assert worst_difference(flow.p, pressure(reference, problem, law.values)) < 1e-7
        assert abs(np.mean(flow.p)) < 1e-12 * np.max(np.abs(flow.p))


class Anisotropic(Closure):
    """Cells resist shear with another viscosity than stretching, each by a factor of its own."""

    name = "anisotropic"

    def viscosity(self, problem: StokesProblem, found: Array) -> Array:
        return np.stack([found, found * np.linspace(0.2, 3.0, found.size).reshape(found.shape)])


@pytest.mark.parametrize(("kinds", "name"), covering(SLIP, KINDS))
def test_it_tells_what_resists_shear_from_what_resists_stretching(
    kinds: tuple[str, ...], name: str
) -> None:
    grid, walls = Grid(40, 16, 4.0), slip_walls(kinds)
    problem = StokesProblem(grid, rough_field(grid), FrankKamenetskii(1e2), 5.0, walls)
    problem = replace(problem, closure=Anisotropic())
    flow, reference = make(name, grid).solve(problem), DirectSolver(grid).solve(problem)
    assert relative_velocity_error(flow, reference) < (1e-6 if name in ITERATED else 1e-7)
    viscosity = effective_viscosity(problem, reference)
    heat = np.sum(dissipation(reference, viscosity, grid, walls)) * grid.hx * grid.hy
    work = PsiOperator(grid, walls).right_hand_side(problem.temperature, problem.rayleigh)
    np.testing.assert_allclose(heat, np.sum(reference.psi * work), rtol=1e-9)
    if flow.p is not None:
        assert worst_difference(flow.p, pressure(reference, problem, viscosity)) < 1e-7


@pytest.mark.parametrize("name", [*KINDS, *BETWEEN])
def test_it_follows_walls_that_change_and_rests_where_nothing_drives_it(name: str) -> None:
    solver, direct = make(name, SMALL), DirectSolver(SMALL)
    states, held = circulating(40)[15:18], slip_walls([NO_SLIP] * 4)
    for problem in (replace(problem, boundaries=held) for problem, _ in states):
        error = relative_velocity_error(solver.solve(problem), direct.solve(problem))
        assert error < BETWEEN.get(name, 2e-6)
    problem, expected = states[-1]
    assert relative_velocity_error(solver.solve(problem), expected) < BETWEEN.get(name, 2e-6)
    if name in BETWEEN:
        return
    still = solver.solve(replace(problem, temperature=conductive(SMALL), time=1.0))
    assert np.max(np.abs(still.psi)) < 1e-9 * np.max(np.abs(expected.psi))
    assert still.report.residual == 0.0


@cache
def yielding() -> States:
    """Momentum problems of a fluid that yields, and their solutions."""
    law = Viscoplastic(FrankKamenetskii(1e5, 1.0), yield_stress=5.0)
    problems = [replace(problem, rheology=law) for problem, _ in circulating(40)[15:27]]
    direct = make("direct", SMALL)
    states = tuple((problem, direct.solve(problem)) for problem in problems)
    problem, expected = states[0]
    rigid = direct.solve(replace(problem, rheology=law.linear))
    assert relative_velocity_error(rigid, expected) > 0.2
    return states


@pytest.mark.parametrize("name", [*KINDS, *BETWEEN])
def test_a_yielding_law_is_iterated_around_it(name: str) -> None:
    if name == "cudss":
        pytest.skip("as any other direct factor, and its stand-in is slow")
    solver, statuses = make(name, SMALL), set()
    for problem, expected in yielding()[: 12 if name in BETWEEN else 1]:
        flow = solver.solve(problem)
        statuses.add(flow.report.status)
        if flow.report.status == "solved":
            assert flow.report.iterations > 1
        assert relative_velocity_error(flow, expected) < BETWEEN.get(name, 1e-3)
    assert len(statuses) > 1 or not name.startswith(("anchored", "skip"))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", [*KINDS, "reduced:2"])
def test_an_impossible_viscosity_is_a_clear_error_and_spoils_nothing(
    name: str, value: float
) -> None:
    solver, problem = make(name, SMALL), rising(12)[0][0]
    before, after = solver.solve(problem).psi, replace(problem, time=2.0)
    everywhere, somewhere = np.full(SMALL.cells, value), problem.viscosity().copy()
    somewhere[2, 3] = value
    # A single cell without viscosity is no obstacle to most.
    for eta in (everywhere, somewhere) if value != 0.0 else (everywhere,):
        wrong = replace(problem, rheology=Given(eta), time=1.0)
        low, high = f"{np.min(eta):.3g}", f"{np.max(eta):.3g}"
        with pytest.raises(SolverError, match=f"viscosity ranges from {low} to {high}") as error:
            solver.solve(wrong)
        assert "rheology.floor" in str(error.value)
    assert worst_difference(solver.solve(after).psi, before) < (1e-5 if name in ITERATED else 1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_a_temperature_that_is_not_finite_is_a_clear_error(name: str) -> None:
    temperature = rough_field(SMALL)
    temperature[3, 5] = np.nan
    asked = StokesProblem(SMALL, temperature, Given(np.ones(SMALL.cells)), time=0.25)
    with pytest.raises(SolverError, match=r"t = 0\.25"):
        make(name, SMALL).solve(asked)


@pytest.mark.parametrize("kinds", [("free-slip",) * 4, (NO_SLIP,) * 4], ids=initials)
def test_walls_matter(kinds: tuple[str, ...]) -> None:
    """The agreement above is no accident of a stiff interior."""
    problem = replace(rising(12)[0][0], boundaries=slip_walls(kinds))
    other = replace(problem, boundaries=slip_walls(("free-slip", "free-slip", NO_SLIP, NO_SLIP)))
    direct = DirectSolver(SMALL)
    assert relative_velocity_error(direct.solve(other), direct.solve(problem)) > 0.1
