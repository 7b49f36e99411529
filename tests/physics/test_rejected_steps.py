"""Steps that break the bounds are taken again, shorter, and counted."""

from pathlib import Path

import numpy as np
import pytest

from helpers.physics_cases import (
    THERMAL,
    covering,
    initials,
    ran_unheated,
    roll,
    run_in_pieces,
    thermal_walls,
    unheated,
)
from helpers.rollouts import SIMPLEST, GivenFlow, summary
from tellus.coupling.simulation.loop import HELD, MOST_REJECTIONS, Simulation
from tellus.coupling.simulation.stepping import Stepping, TemperatureBounds
from tellus.errors import RunFailedError
from tellus.solver.boundaries import FLUX, INSULATING, TEMPERATURE, BoundaryConditions
from tellus.solver.energy import IMPLICIT, VAN_LEER, ExtendedBoussinesq
from tellus.solver.grid import Grid
from tellus.solver.rheology import Constant
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver

GRID = Grid(8, 8, 1.0)
TIGHT = thermal_walls([INSULATING] * 4, [0.0] * 4)
# The implicit scheme overshoots at the jump under the cold top when a step is long: the hot
# box at rest leaves its bounds by about a tenth at the first step.
OVERSHOOTING = (
    *SIMPLEST,
    "grid.nx=8",
    "grid.ny=8",
    "grid.aspect=1.0",
    "initial.kind=hot",
    "initial.amplitude=0",
    "time.scheme=implicit",
    "time.dt_initial=0.1",
    "time.dt_max=0.1",
    "time.end=0.2",
    "output.every=0.2",
)


class Piling(StokesSolver):
    """All of the box flows to the left, and piles up there."""

    name = "piling"

    def solve(self, problem: StokesProblem) -> Flow:
        ny, nx = problem.grid.cells
        u = np.zeros((ny, nx + 1))
        u[:, 1:-1] = -100.0
        nowhere = np.zeros((ny + 1, nx))
        return Flow(np.zeros(problem.grid.nodes), u, nowhere, StokesReport("p"), divergent=True)


def closed(**options: object) -> Simulation:
    """A box at rest at T = 0.5."""
    return Simulation(
        GRID,
        Constant(),
        GivenFlow(np.zeros(GRID.nodes)),
        np.full(GRID.cells, 0.5),
        **options,  # type: ignore[arg-type]
    )


def test_a_step_out_of_bounds_is_halved_until_it_is_within() -> None:
    simulation = Simulation.from_config(unheated(*OVERSHOOTING))
    record = simulation.step()
    rejected = simulation.statistics.rejected
    assert 1 <= rejected <= MOST_REJECTIONS
    assert record.dt == record.time == 0.1 / 2**rejected
    assert record.diagnostics.temperature_max <= 1.0 + 1e-3
    assert abs(record.diagnostics.heat_budget) < 1e-14
    # The one before, twice as long, would not have been: no more halvings than needed.
    fresh = Simulation.from_config(unheated(*OVERSHOOTING))
    twice = fresh.energy.step(fresh.state, fresh.flow(), 2.0 * record.dt)
    heated = 0.0
    assert fresh.bounds.violation(twice.temperature, fresh.temperature, heated, fresh.grid)


def test_the_next_step_grows_from_the_one_taken() -> None:
    simulation = Simulation.from_config(unheated(*OVERSHOOTING))
    first = simulation.step()
    simulation.statistics.rejected = 0
    second = simulation.step()
    assert second.dt == pytest.approx(1.2 * first.dt / 2**simulation.statistics.rejected, rel=1e-12)


def test_a_step_cut_at_an_output_is_halved_from_there() -> None:
    simulation = Simulation.from_config(unheated(*OVERSHOOTING))
    record = simulation.step(until=0.09)
    assert record.time == 0.09 / 2**simulation.statistics.rejected
    assert simulation.statistics.rejected >= 1


def test_rejected_steps_are_counted_in_the_run_and_across_a_resume(tmp_path: Path) -> None:
    whole = ran_unheated(tmp_path / "whole", *OVERSHOOTING)
    assert whole["status"] == "done"
    assert whole["solver_report"]["rejected"] >= 1
    run_in_pieces(tmp_path / "pieces", *OVERSHOOTING)
    pieces = summary(tmp_path / "pieces")
    assert pieces["solver_report"] == whole["solver_report"]
    assert pieces["steps"] == whole["steps"]


def hopeless(**limits: float) -> Simulation:
    """It cools and must not."""
    stepping = Stepping(bounds_tolerance=0.0, dt_initial=1e-4, **limits)
    simulation = closed(heating=-1.0, stepping=stepping, boundaries=TIGHT)
    simulation.bounds = TemperatureBounds(0.5, 0.5, 0.0)
    return simulation


def test_a_run_that_no_step_can_save_fails_and_says_so() -> None:
    simulation = hopeless()
    with pytest.raises(RunFailedError, match="falls below its physical bound") as failure:
        simulation.step()
    sentence = str(failure.value)
    assert sentence.startswith("step 1, t = 0: ")
    assert f"after {MOST_REJECTIONS} halvings of the time step" in sentence
    assert "time.courant" in sentence
    assert simulation.statistics.rejected == MOST_REJECTIONS + 1
    # The state is the one before the step.
    assert (simulation.time, simulation.steps) == (0.0, 0)
    np.testing.assert_array_equal(simulation.temperature, 0.5)


def test_halving_stops_at_the_shortest_step() -> None:
    simulation = hopeless(dt_min=3e-5)
    with pytest.raises(RunFailedError, match=r"halvings of the time step to 5e-05"):
        simulation.step()
    assert simulation.statistics.rejected == 2


def test_a_failed_run_leaves_the_sentence_in_its_summary(tmp_path: Path) -> None:
    tight = [*OVERSHOOTING, "time.bounds_tolerance=0", "time.dt_min=0.09"]
    with pytest.raises(RunFailedError, match="halvings of the time step to"):
        ran_unheated(tmp_path / "run", *tight)
    failed = summary(tmp_path / "run")
    assert failed["status"] == "failed"
    assert "still so after 0 halvings of the time step to 0.1" in failed["message"]


def test_what_a_divergence_takes_from_the_mean_does_not_lower_the_bound() -> None:
    """Where it is hot the flow ends, where it is cold it begins: the mean falls, no T does."""
    hot_left = np.zeros(GRID.cells)
    hot_left[:, :4] = 1.0
    simplest = {"advection": VAN_LEER, "velocity": HELD, "stepping": Stepping(courant=0.5)}
    simulation = Simulation(GRID, Constant(), Piling(), hot_left, boundaries=TIGHT, **simplest)
    simulation.bounds = TemperatureBounds(0.0, 1.0, 1e-9)
    lost = 0.0
    while lost > -0.1:
        record = simulation.step()
        lost += record.dt * simulation.state.source
        assert record.diagnostics.temperature_max <= 1.0 + 1e-9
    assert simulation.statistics.rejected == 0
    assert record.diagnostics.temperature_max > 0.95


@pytest.mark.parametrize("kinds", covering(THERMAL), ids=initials)
def test_bounds_hold_only_where_no_heat_flows_through_a_wall(kinds: tuple[str, ...]) -> None:
    initial = np.linspace(0.2, 0.9, 64).reshape(GRID.cells)
    for values, low, high in (((1.3,) * 4, True, False), ((-0.4,) * 4, False, True)):
        bounds = TemperatureBounds.of(initial, thermal_walls(kinds, values), True, 1e-3)
        fixed = [values[0]] if TEMPERATURE in kinds else []
        coldest, hottest = min([0.2, *fixed]), max([0.9, *fixed])
        assert bounds.lowest == (coldest if low or FLUX not in kinds else -np.inf)
        assert bounds.highest == (hottest if high or FLUX not in kinds else np.inf)


def test_adiabatic_heating_has_no_bounds_and_growth_is_watched_all_the_same() -> None:
    extended = ExtendedBoussinesq(0.5, 0.1, 1e4)
    simulation = closed(extended=extended)
    bounds = simulation.bounds
    assert (bounds.lowest, bounds.highest) == (-np.inf, np.inf)
    before = np.full(GRID.cells, 5.0)
    assert bounds.violation(before * 1.099, before, 0.0, GRID) is None
    assert "|T| grew from 5 to 5.55" in str(bounds.violation(before * 1.11, before, 0.0, GRID))
    assert "|T| grew from 5 to 5.55" in str(bounds.violation(before * -1.11, before, 0.0, GRID))
    # From rest at zero the limit is absolute: a flux may start to heat a cold box.
    cold = np.zeros(GRID.cells)
    assert bounds.violation(cold + 0.09, cold, 0.0, GRID) is None
    assert bounds.violation(cold + 0.11, cold, 0.0, GRID) is not None


def test_growth_that_is_too_fast_is_taken_in_shorter_steps() -> None:
    """A flux of 1000 into a cold box: the first step is cut until |T| rises by a tenth at most."""
    walls = thermal_walls((TEMPERATURE, TEMPERATURE, FLUX, TEMPERATURE), (0.0, 0.0, 1000.0, 0.0))
    simulation = Simulation(
        GRID,
        Constant(),
        GivenFlow(roll(GRID, 1.0)),
        np.zeros(GRID.cells),
        boundaries=walls,
        scheme=IMPLICIT,
        stepping=Stepping(dt_initial=1e-3, dt_max=1e-3),
    )
    record = simulation.step()
    assert simulation.statistics.rejected >= 1
    assert 0.0 < record.diagnostics.temperature_max <= 0.1


def test_internal_heating_raises_the_upper_bound_as_it_heats() -> None:
    tight = BoundaryConditions()
    stepping = Stepping(dt_initial=1e-3, dt_max=1e-3)
    simulation = closed(heating=10.0, boundaries=tight, stepping=stepping, advection=VAN_LEER)
    for _ in range(60):
        simulation.step()
    assert simulation.statistics.rejected == 0
    arrays = simulation.snapshot()
    np.testing.assert_allclose(arrays["bounds"], [0.0, 1.0, 10.0 * simulation.time])
