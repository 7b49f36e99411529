"""Steady-state detection as a stopping criterion."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from helpers.physics_cases import ran_unheated
from tellus.coupling.simulation.steady import STRIDE, WATCHED, SteadyWatch

WINDOW = 0.02
SETTLING = (
    "model.rayleigh=5e3",
    "rheology.kind=constant",
    "grid.nx=8",
    "grid.aspect=1.0",
    "initial.perturbation=mode",
    "initial.amplitude=0.3",
    "stokes.solver=direct",
    "time.dt_initial=1e-3",
    "time.scheme=implicit",
    "time.courant=1.0",
    "time.dt_max=2e-3",
    "time.end=2.0",
    "time.steady_tolerance=1e-2",
    f"time.steady_window={WINDOW}",
    "output.every=0.1",
)


def watched(times: Sequence[float], values: Sequence[float], column: int = 0) -> list[bool]:
    """What a watch says after each look; only one quantity moves."""
    watch, said = SteadyWatch(0.01, 1.0), []
    for k, (time, value) in enumerate(zip(times, values, strict=True)):
        looked = [1.0] * len(WATCHED)
        looked[column] = value
        watch.add(STRIDE * k, time, tuple(looked))
        said.append(watch.steady)
    return said


def test_nothing_is_steady_before_a_whole_window_has_passed() -> None:
    times = [0.0625 * k for k in range(20)]
    assert watched(times, [3.0] * 20) == [False] * 16 + [True] * 4


def test_long_steps_are_looked_at_ten_times_all_the_same() -> None:
    """Two looks a window would find nearly anything steady; the window reaches back for more."""
    times = [0.6 * k for k in range(40)]
    decay = [3.0 + 0.7**k for k in range(40)]
    said = watched(times, decay)
    assert said.index(True) == next(k for k in range(9, 40) if decay[k - 9] - decay[k] < 0.03)
    assert not any(watched(times, [3.0 + 0.005 * k for k in range(40)]))


def test_a_drift_or_an_oscillation_beyond_the_tolerance_is_not_steady() -> None:
    times = [0.1 * k for k in range(40)]
    assert not any(watched(times, [3.0 + 0.1 * t for t in times]))
    assert not any(watched(times, [3.0 + 0.1 * (-1) ** k for k in range(40)]))
    assert any(watched(times, [3.0 + 0.002 * t for t in times]))


def test_what_happened_before_the_window_is_forgotten() -> None:
    times = [0.125 * k for k in range(40)]
    said = watched(times, [5.0 if k == 10 else 3.0 for k in range(40)])
    # Once steady, then not for as long as the outlier lies in the window of 8 and 10 looks.
    assert said == [9 <= k < 10 or k > 19 for k in range(40)]


def test_steps_between_looks_are_passed_over() -> None:
    watch = SteadyWatch(0.01, 1.0)
    for step in range(1, 200):
        watch.add(step, 0.02 * step, (1.0 if step % STRIDE == 0 else 7.0, 1.0, 1.0, 1.0))
    assert watch.steady


def test_a_box_at_rest_is_steady() -> None:
    """Velocities of rounding size vary by more than any relative tolerance, and mean nothing."""
    watch, noise = SteadyWatch(1e-3, 1.0), np.random.default_rng(0)
    for k in range(30):
        watch.add(STRIDE * k, 0.1 * k, (0.5, 1.0, 1.0, 1e-11 * float(noise.random())))
    assert watch.steady


def vigour(values: Sequence[float]) -> list[bool]:
    """What it says while Vrms alone moves, ten looks in a window."""
    return watched([0.1 * k for k in range(len(values))], values, column=3)


@pytest.mark.parametrize("rate", [1e-3, 0.1, 5.0])
@pytest.mark.parametrize("start", [1e-14, 1e-9, 1e-5])
def test_a_perturbation_that_grows_is_not_steady_however_small(start: float, rate: float) -> None:
    """Nothing else moves for long, and it, for long, by less than any tolerance of what is one."""
    growth = start * np.exp(rate * 0.1 * np.arange(400))
    assert not any(vigour(growth[growth < 1e-3].tolist()))


def test_a_perturbation_that_falls_before_it_grows_is_not_steady() -> None:
    """Its short waves die first, and where the long ones take over it hardly moves."""
    t = 0.1 * np.arange(100)
    for size in (1e-4, 1e-6):
        assert not any(vigour((size * (np.exp(-t) + 0.02 * np.exp(0.2 * t))).tolist()))


def test_what_dies_out_is_steady_once_a_thousandth_is_left() -> None:
    for size in (1e-2, 1e-5):
        decay = size * np.exp(-0.1 * np.arange(200))
        said = vigour(decay.tolist())
        assert said.index(True) == pytest.approx(10 + np.argmax(decay <= 1e-3 * size), abs=1)
        assert all(said[said.index(True) :])


def test_a_slow_flow_that_settles_is_steady() -> None:
    """It comes from below, as what grows does, but to an end."""
    said = vigour((2e-4 * (1.0 - 0.5 * np.exp(-0.2 * np.arange(200)))).tolist())
    assert not any(said[:30])
    assert said[-1]


def test_a_run_is_not_steady_before_its_convection_sets_in(tmp_path: Path) -> None:
    calm = ["model.rayleigh=2e3", "initial.amplitude=1e-6"]
    summary = ran_unheated(tmp_path / "run", *SETTLING, *calm)
    assert "steady" in summary["message"]
    assert summary.series["nusselt_top"][-1] > 2.0


def test_steps_cut_short_for_outputs_do_not_hide_a_steady_state(tmp_path: Path) -> None:
    """With sources, whose balance with diffusion depended on the length of the step."""
    often = ["model.heating=5", "output.every=0.0403", "time.steady_tolerance=1e-3"]
    summary = ran_unheated(tmp_path / "run", *SETTLING, *often)
    assert "steady" in summary["message"]
    late = summary.series["dt"][summary.series["time"] > summary["time"] - 0.1]
    assert min(late) < 0.2 * max(late)


def test_a_run_stops_where_it_has_become_steady_and_one_that_was_stopped_at_the_same_step(
    tmp_path: Path,
) -> None:
    summary = ran_unheated(tmp_path / "whole", *SETTLING)
    assert summary["status"] == "done"
    assert summary["message"].startswith(f"steady at step {summary['steps']}, t = ")
    assert WINDOW < summary["time"] < 2.0
    table = (tmp_path / "whole" / "timeseries.csv").read_text()
    late = summary.series["time"] >= summary["time"] - WINDOW
    for name in WATCHED:
        values = summary.series[name][late]
        assert np.ptp(values) <= 1.1e-2 * abs(np.mean(values))
    # It convects: this is not rest.
    assert summary.series["vrms"][-1] > 10.0
    assert float(summary.fields["time"][-1]) == summary["time"]
    # Stopped twice within the window that turns out to be the steady one.
    for k, early in enumerate((33, 7)):
        stopped = [*SETTLING, f"time.max_steps={summary['steps'] - early}"]
        ran_unheated(tmp_path / "pieces", *stopped, resume=k > 0)
    again = ran_unheated(tmp_path / "pieces", *SETTLING, resume=True)
    for name in ("steps", "time", "message"):
        assert again[name] == summary[name]
    assert (tmp_path / "pieces" / "timeseries.csv").read_text() == table


def test_without_a_tolerance_a_run_goes_on_to_its_end(tmp_path: Path) -> None:
    still = ["model.rayleigh=0", "initial.amplitude=0", "time.end=2e-3", "output.every=1e-3"]
    summary = ran_unheated(tmp_path / "run", *still)
    assert (summary["time"], summary["message"]) == (2e-3, "")


def test_a_run_that_does_not_convect_becomes_steady(tmp_path: Path) -> None:
    """Below the critical Rayleigh number a perturbation dies out; its velocity never settles."""
    calm = [*SETTLING, "model.rayleigh=100"]
    summary = ran_unheated(tmp_path / "run", *calm)
    assert "steady" in summary["message"]
