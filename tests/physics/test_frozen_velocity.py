"""A velocity is held over a step: what that asks of the step where lighter lies over heavier."""

from pathlib import Path

import numpy as np
import pytest

from helpers.physics_cases import assert_resumes_bitwise, unheated
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.stepping import longest_without_overshoot
from tellus.solver.grid import Grid
from tellus.solver.history import PastFlow


def upside_down(tmp_path: Path, *overrides: str) -> tuple[str, ...]:
    """Settings of a box that is cold below and hot above, as its walls are, hardly perturbed."""
    profile = tmp_path / "profile.txt"
    profile.write_text("0 0\n1 1\n")
    walls = ("boundaries.bottom_value=0.0", "boundaries.top_value=1.0", "rheology.kind=constant")
    start = ("initial.kind=profile", f"initial.path={profile}", "initial.amplitude=1e-3")
    return (*walls, *start, "initial.perturbation=mode", "model.rayleigh=1e6", *overrides)


@pytest.mark.parametrize("scheme", ["explicit", "implicit"])
def test_a_stable_layer_comes_to_rest(scheme: str, tmp_path: Path) -> None:
    """Held longer than twice the time in which it falls, its velocity grew thirtyfold."""
    settings = (f"time.scheme={scheme}", "time.dt_max=1e-3", "time.dt_initial=1e-6")
    simulation = Simulation.from_config(unheated(*upside_down(tmp_path, *settings)))
    vigour = [simulation.step().diagnostics.vrms for _ in range(150)]
    assert vigour[0] > 10.0
    assert max(vigour) == vigour[0]
    assert vigour[-1] < 1e-3 * vigour[0]


def test_a_run_of_a_stable_layer_resumes_bitwise(tmp_path: Path) -> None:
    settings = ("time.dt_initial=1e-4", "time.dt_max=1e-3", "time.end=4e-3", "output.every=2e-3")
    assert assert_resumes_bitwise(unheated(*upside_down(tmp_path, *settings))).steps > 5


def test_convection_knows_no_such_limit() -> None:
    simulation = Simulation.from_config(unheated("energy.velocity=held"))
    for _ in range(100):
        flow = simulation.flow()
        stable = simulation.energy.stable_dt(flow, simulation.stepping.courant)
        free = simulation.stepping.next_dt(stable, simulation._last_dt)
        assert simulation.step().dt == free


def test_the_limit_is_measured_on_the_last_step() -> None:
    """psi falls by 1 - sigma dt; what grows, stands or is rounding sets none."""
    grid, psi = Grid(4, 4, 1.0), np.ones((5, 5))
    before = PastFlow(2.0, psi)
    for sigma in (0.1, 10.0, 400.0):
        now = PastFlow(2.01, (1.0 - 0.01 * sigma) * psi)
        assert longest_without_overshoot(before, now, grid) == pytest.approx(1.0 / sigma)
    for factor in (1.0, 1.5):
        assert longest_without_overshoot(before, PastFlow(2.01, factor * psi), grid) == np.inf
    tiny = PastFlow(2.0, 1e-12 * psi)
    assert longest_without_overshoot(tiny, PastFlow(2.01, -3e-12 * psi), grid) == np.inf
    nothing = PastFlow(2.0, 0.0 * psi)
    assert longest_without_overshoot(nothing, PastFlow(2.01, psi), grid) == np.inf
