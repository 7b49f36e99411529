"""Closures: what they add is conserved, bounded, mirrored; what the finer grid is shown."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.numerics import flow_of, random_psi, rough_field
from helpers.physics_cases import assert_heat_is_kept, assert_same_arrays, unheated
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.solver.closure import Closure, checked_fluxes, interpolated
from tellus.solver.energy import EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii, Given
from tellus.solver.stokes import Flow, StokesProblem
from tellus.solver.transport.means import Fluxes

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "eddies.py"
Example: Any = runpy.run_path(str(EXAMPLE))["Eddies"]


class Eddies(Example):
    """The example; with heat through the bottom, if asked for."""

    def __init__(self, strength: float = 0.3, below: float = 0.0) -> None:
        super().__init__(strength)
        self.below = below

    def fluxes(self, problem: StokesProblem, flow: Flow) -> Fluxes:
        found: Fluxes = super().fluxes(problem, flow)
        found.along_y[0] += self.below
        return found


def test_the_page_shows_the_example() -> None:
    _, _, code = EXAMPLE.read_text().partition('"""\n\n')
    assert code in (ROOT / "docs" / "use" / "extending.md").read_text()


def run_with(closure: Closure | None, *overrides: str, start: Array | None = None) -> Simulation:
    config = unheated("stokes.solver=direct", *overrides)
    simulation = Simulation.from_config(config, temperature=start)
    simulation.closure = closure
    return simulation


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("time.scheme=implicit",),
        ("model.core_capacity=0.1",),
        ("stokes.solver=fine:2", "time.scheme=implicit"),
        ("stokes.solver=richardson:direct",),
    ],
)
def test_the_heat_budget_closes(overrides: tuple[str, ...]) -> None:
    assert_heat_is_kept(run_with(Eddies(below=2.0), *overrides), run_with(None, *overrides))


def test_what_is_added_keeps_t_within_its_bounds() -> None:
    """Ten times what a step can diffuse: without limits T would swing out of its range."""
    grid = Grid(24, 16, 1.5)
    energy = EnergyEquation(grid, advection="mp5")
    flow = flow_of(300.0 * random_psi(grid), grid)
    state = ThermalState(np.round(rough_field(grid)))
    problem = StokesProblem(grid, state.temperature, FrankKamenetskii())
    added = Eddies(10.0).fluxes(problem, flow)
    dt = energy.stable_dt(flow, 0.5)
    free = energy.step(state, flow, dt, added=added)
    held = energy.step(state, flow, dt, bounds=(0.0, 1.0), added=added)
    assert np.max(np.abs(free.temperature - 0.5)) > 0.6
    assert np.max(np.abs(held.temperature - 0.5)) < 0.5 + 1e-14


def test_a_mirrored_run_is_the_mirror_image() -> None:
    run = run_with(Eddies())
    image = run_with(Eddies(), start=run.temperature[:, ::-1])
    for simulation in (run, image):
        simulation.run(steps=10)
    np.testing.assert_allclose(image.temperature[:, ::-1], run.temperature, rtol=0, atol=1e-12)


def test_a_run_goes_on_bitwise() -> None:
    whole, pieces = (run_with(Eddies(), "stokes.solver=richardson:2") for _ in range(2))
    for _ in range(6):
        snapshot = pieces.snapshot()
        pieces = run_with(Eddies(), "stokes.solver=richardson:2")
        pieces.restore(snapshot)
        for simulation in (whole, pieces):
            simulation.step()
    assert_same_arrays(pieces.snapshot(), whole.snapshot())


class Warmer(Closure):
    """What a finer grid sees is warmer by a half."""

    name = "warmer"

    def refined(self, problem: StokesProblem, finer: Grid) -> StokesProblem:
        seen = interpolated(problem, finer)
        return StokesProblem(finer, seen.temperature + 0.5, problem.rheology, problem.rayleigh)


@pytest.mark.parametrize("name", ["fine:2:direct", "richardson:direct"])
def test_a_finer_solve_sees_what_the_closure_shows_it(name: str) -> None:
    grid, law = Grid(16, 8, 2.0), FrankKamenetskii(1e4)
    solver, cold = make_solver(name, grid), rough_field(grid)
    shown = solver.solve(StokesProblem(grid, cold, law, 1e4, closure=Warmer()))
    plain = solver.solve(StokesProblem(grid, cold, law, 1e4))
    # Viscosity is a hundredth, which makes the finer solution a hundred times as fast.
    weight = 1.0 if name.startswith("fine") else 4.0 / 3.0
    coarse = make_solver("direct", grid).solve(StokesProblem(grid, cold, law, 1e4))
    fine = (plain.psi + (weight - 1.0) * coarse.psi) / weight
    np.testing.assert_allclose(shown.psi - plain.psi, weight * 99.0 * fine, rtol=1e-6, atol=1e-6)


class Softer(Closure):
    """What cells show is a hundredth of the viscosity of their mean T."""

    name = "softer"
    of_own_grid = True

    def viscosity(self, problem: StokesProblem, found: Array) -> Array:
        return 0.01 * found


@pytest.mark.parametrize(
    ("name", "faster"),
    [("direct", 100.0), ("refined", 100.0), ("fine:2:direct", 1.0), ("richardson:direct", 1.0)],
)
def test_a_solve_on_its_own_grid_alone_sees_the_viscosity_it_is_shown(
    name: str, faster: float
) -> None:
    grid = Grid(16, 8, 2.0)
    problem = StokesProblem(grid, rough_field(grid), FrankKamenetskii(1e4), 1e4)
    plain = make_solver(name, grid).solve(problem)
    found = make_solver(name, grid).solve(replace(problem, closure=Softer()))
    np.testing.assert_allclose(found.psi, faster * plain.psi, rtol=1e-6, atol=1e-9)


class Layered(Closure):
    """Layers of viscosity 1 and 100, as thin as halves of cells: their means."""

    name = "layered"

    def viscosity(self, problem: StokesProblem, found: Array) -> Array:
        return np.stack([np.full(problem.grid.cells, mean) for mean in (50.5, 2.0 / 1.01)])


def smooth(grid: Grid) -> Array:
    x, y = np.pi * grid.x_cells[None] / grid.aspect, np.pi * grid.y_cells[:, None]
    field: Array = 0.5 + 0.5 * np.cos(x) * np.sin(y)
    return field


def test_layers_within_cells_resist_stretching_and_shear_with_their_means() -> None:
    errors = []
    for grid in (Grid(16, 8, 2.0), Grid(32, 16, 2.0)):
        fine = grid.finer(8)
        layers = np.where(np.arange(fine.ny) // 4 % 2, 100.0, 1.0)[:, None] * np.ones(fine.cells)
        resolved = StokesProblem(fine, smooth(fine), Given(layers), 1e4)
        truth = make_solver("direct", fine).solve(resolved).psi[::8, ::8]
        mean = StokesProblem(grid, smooth(grid), Given(np.full(grid.cells, 10.0)), 1e4)
        plain, shown = (
            make_solver("direct", grid).solve(replace(mean, closure=closure)).psi
            for closure in (None, Layered())
        )
        size = np.max(np.abs(truth))
        errors.append(np.max(np.abs(shown - truth)) / size)
        assert np.max(np.abs(plain - truth)) > size  # with the geometric mean alone
    assert errors[0] < 0.15
    assert errors[1] < 0.6 * errors[0]


ONES = np.ones((8, 16))


@pytest.mark.parametrize(
    "wrong",
    [np.ones(3), -ONES, np.nan * ONES, ONES.tolist(), 1j * ONES, ONES.astype(object), (ONES, ONES)],
)
def test_no_viscosity_is_refused(wrong: Array) -> None:
    class Broken(Closure):
        name = "broken"

        def viscosity(self, problem: StokesProblem, found: Array) -> Array:
            return wrong

    grid = Grid(16, 8, 2.0)
    problem = StokesProblem(grid, rough_field(grid), FrankKamenetskii(), closure=Broken())
    with pytest.raises(InputError, match="closure broken: viscosity must return positive"):
        make_solver("direct", grid).solve(problem)


@pytest.mark.parametrize("shown", [None, "same", "nan"])
def test_what_a_closure_may_not_show(shown: str | None) -> None:
    grid = Grid(16, 8, 2.0)

    class Blind(Closure):
        name = "blind"

        def refined(self, problem: StokesProblem, finer: Grid) -> StokesProblem:
            unknown = np.full(finer.cells, np.nan)
            found = {"same": problem, "nan": StokesProblem(finer, unknown, problem.rheology)}
            return found.get(str(shown))  # type: ignore[return-value]

    problem = StokesProblem(grid, rough_field(grid), FrankKamenetskii(), closure=Blind())
    with pytest.raises(InputError, match="closure blind: "):
        make_solver("fine:2:direct", grid).solve(problem)


def test_what_a_closure_may_not_add() -> None:
    grid = Grid(16, 8, 2.0)
    problem = StokesProblem(grid, rough_field(grid), FrankKamenetskii())
    flow = flow_of(random_psi(grid), grid)

    class Wrong(Closure):
        name = "wrong"

        def __init__(self, found: Fluxes) -> None:
            self.found = found

        def fluxes(self, problem: StokesProblem, flow: Flow) -> Fluxes:
            return self.found

    through, nan, short = Fluxes.zero(grid), Fluxes.zero(grid), Fluxes.zero(Grid(8, 8, 2.0))
    through.along_x[3, 0], nan.along_y[2, 2] = 1.0, np.nan
    for found, said in ((through, "the left wall"), (nan, "NaN"), (short, "shape (8, 17)")):
        with pytest.raises(InputError, match="closure wrong") as refusal:
            checked_fluxes(Wrong(found), problem, flow)
        assert said in str(refusal.value)
    unreal = Fluxes(*(part.astype(complex) for part in Fluxes.zero(grid)))
    for other, said in ((unreal, "real numbers"), (tuple(unreal), "must return Fluxes or None")):
        with pytest.raises(InputError, match=said):
            checked_fluxes(Wrong(other), problem, flow)
    loud = Wrong(Fluxes.zero(grid))
    loud.silent = 1.5
    with pytest.raises(InputError, match=r"closure wrong: silent must be .* at most 1, not 1\.5"):
        checked_fluxes(loud, problem, flow)
    usual = grid, problem.rheology, make_solver("direct", grid), problem.temperature
    with pytest.raises(InputError, match="closure eddies adds to the fluxes"):
        Simulation(*usual, advection="van-leer", closure=Eddies())
    nameless = type("Nameless", (Closure,), {})()

    class Elsewhere(Closure):
        name = "elsewhere"

        def check(self, problem: StokesProblem) -> list[str]:
            raise InputError("not in this box.")

    for none, said in (
        (Elsewhere(), "not in this box"),
        (object(), "closure must be an object of a subclass"),
        (Eddies, "closure must be an object of a subclass"),
        ("eddies", "closure must be an object of a subclass"),
        (nameless, "the closure Nameless has no name"),
    ):
        with pytest.raises(InputError, match=said):
            Simulation(*usual, closure=none)
