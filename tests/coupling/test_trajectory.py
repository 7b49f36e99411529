"""What is recorded of a run, kept and read again, and how far two of them drift apart."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.numerics import divergence
from helpers.rollouts import SIMPLEST, case
from helpers.trajectories import Spoilt, make_weary_known, synthetic
from tellus.coupling.build import boundaries_of
from tellus.coupling.simulation.loop import Simulation, StepRecord
from tellus.coupling.simulation.snapshot import Snapshot
from tellus.coupling.trajectory import rollout as rollout_module
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.drift import (
    deterministic_errors,
    deterministic_outputs,
    trajectory_drift,
    whole_run_errors,
)
from tellus.coupling.trajectory.record import Recorder, Trajectory, unfinished
from tellus.coupling.trajectory.rollout import Rollout, beginning, file_name, roll_out
from tellus.errors import InputError
from tellus.io.arrays import write_npz
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow
from tellus.solver.transport.regridding import regridded

CONFIG = case(*SIMPLEST, "time.end=0.02", "time.max_steps=40", "model.heating=5")


def recorded(recorder: Recorder) -> Trajectory:
    return recorder.trajectory(synthetic().account)


def assert_same_recording(found: Trajectory, other: Trajectory) -> None:
    for name in (field.name for field in fields(Trajectory) if field.name != "account"):
        assert np.array_equal(getattr(found, name), getattr(other, name)), name


# Recorded


def test_averages_are_those_of_every_step() -> None:
    simulation, seen = Simulation.from_config(CONFIG), []
    recorder = Recorder(simulation, sample_every=7, notify=seen.append)
    times, profiles = [0.0], [np.mean(simulation.temperature, axis=1)]
    for _ in range(40):
        recorder.run(1.0, steps=1)
        times.append(simulation.time)
        profiles.append(np.mean(simulation.temperature, axis=1))
    trajectory = recorded(recorder)
    assert [record.step for record in seen] == list(range(1, 41))
    # Steps 0, 7, 14, ... and the last.
    assert trajectory.time.tolist() == [*times[:40:7], times[40]]
    start, end = times[14], times[40]
    weights, between = np.diff(times)[14:], np.array(profiles)
    exact = np.sum(weights[:, None] * 0.5 * (between[14:40] + between[15:41]), axis=0)
    assert trajectory.average("profile", start, end) == pytest.approx(exact / (end - start))
    _, flows = trajectory.rate("nusselt_top")
    total = trajectory.average("nusselt_top", 0, end) * end
    assert np.sum(np.diff(trajectory.time) * flows) == pytest.approx(total)
    assert trajectory.temperature.shape == (8, 16)


def leaky(flow: Flow) -> Flow:
    """With fluid that comes from nowhere below and goes there above."""
    v = flow.v.copy()
    v[1:-1] += np.sin(np.linspace(0.0, np.pi, len(v)))[1:-1, None]
    return replace(flow, v=v, divergent=True)


def test_heat_given_is_that_of_all_sources() -> None:
    """H where the velocity has no divergence, and <T div u> beside it where it has one."""
    recorder = Recorder(Simulation.from_config(CONFIG))
    recorder.run(1.0, steps=10)
    found = recorded(recorder)
    assert found.heat_given() == pytest.approx(5.0 * found.time, abs=1e-13)

    simulation = Simulation.from_config(CONFIG)
    grid = simulation.grid
    simulation.solver = Spoilt("leaky", grid, leaky)
    recorder, made = Recorder(simulation), [0.0]
    for _ in range(10):
        flow, before, time = simulation.flow(), simulation.temperature, simulation.time
        recorder.run(1.0, steps=1)
        # Heun's two stages see nearly the T before and after the step.
        warmth = 0.5 * (before + simulation.temperature)
        outflow = divergence(flow.u, flow.v, grid)
        made.append(made[-1] + (simulation.time - time) * float(np.mean(warmth * outflow)))
    found = recorded(recorder)
    assert abs(made[-1]) > 1e-7
    expected = pytest.approx(np.array(made), rel=1e-3, abs=1e-13)
    assert found.heat_given() - 5.0 * found.time == expected


# Rolled out


def rollout(solver: str = "direct", stem: Path = Path("unused"), **given: Any) -> Rollout:
    one = RolloutCase("one", CONFIG)
    return Rollout(case=one, solver=solver, label=solver, key="key", stem=stem, **given)


@pytest.fixture(scope="module")
def start() -> Snapshot:
    """The state after ten steps."""
    simulation = Simulation.from_config(CONFIG)
    simulation.run(steps=10)
    return simulation.snapshot()


def by_hand(start: Snapshot, times: Sequence[float]) -> list[np.ndarray[Any, Any]]:
    simulation, found = Simulation.from_config(CONFIG), []
    simulation.restore(start)
    for time in times:
        simulation.run(time)
        found.append(simulation.temperature)
    return found


def test_a_rollout_goes_on_from_a_state_and_keeps_fields(start: Snapshot) -> None:
    begun = float(start["clock"][0])
    times = (begun + 1e-3, begun + 2e-3)
    found = roll_out(rollout(until=times[1], field_times=times), start)
    assert found.account.finished
    assert (found.time[0], found.end) == (begun, times[1])
    assert np.array_equal(found.fields, by_hand(start, times))
    assert found.account.steps == len(found.time) - 1
    halved = roll_out(rollout(until=times[1], field_times=times, dt_factor=0.5), start)
    assert halved.account.steps == pytest.approx(2 * found.account.steps, abs=4)
    apart = roll_out(rollout(until=times[1], field_times=times, perturbation=1e-6), start)
    assert 0.0 < np.abs(apart.fields - found.fields).max() < 1e-5
    assert found.account.setup_seconds is not None
    assert found.account.weights_sha256 is None


def test_a_state_of_another_grid_begins_a_rollout_between_its_own_walls() -> None:
    hot = case(*SIMPLEST, "boundaries.bottom_thermal=flux", "boundaries.bottom_value=2")
    coarse, fine = Grid(8, 4, 2.0), Grid(16, 8, 2.0)
    means = 0.5 + np.random.default_rng(1).uniform(-0.1, 0.1, coarse.cells)
    found = beginning(hot, means, 0.25)
    expected = regridded(means, coarse, fine, boundaries_of(hot))
    assert np.array_equal(found["temperature"], expected)
    assert found["clock"][0] == 0.25


def test_a_rollout_that_was_stopped_goes_on_bitwise(
    start: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun = float(start["clock"][0])
    times, solver = (begun + 1e-3, begun + 2e-3), "skip:3"
    whole = roll_out(rollout(solver, until=times[1] + 1e-3, field_times=times), start)
    monkeypatch.setattr(rollout_module, "SAVE_EVERY", 0.0)
    ours = rollout(solver, tmp_path / "kept", until=times[1] + 1e-3, field_times=times)
    ordinary = Simulation.step

    def stopped(simulation: Simulation, until: float = float("inf")) -> StepRecord:
        if simulation.time >= ends[0]:
            raise KeyboardInterrupt
        return ordinary(simulation, until)

    monkeypatch.setattr(Simulation, "step", stopped)
    ends = [begun + 3e-4, times[0], times[1] + 5e-4]
    while ends:
        with pytest.raises(KeyboardInterrupt):
            roll_out(ours, start)
        ends.pop(0)
    assert unfinished(ours.stem).exists()
    monkeypatch.setattr(Simulation, "step", ordinary)
    found = roll_out(ours, start)
    assert found.account.steps == whole.account.steps
    assert found.account.statuses == whole.account.statuses
    assert_same_recording(found, whole)
    found.save(ours.stem)
    assert not unfinished(ours.stem).exists()


def test_what_a_rollout_goes_on_from_is_another_s_or_damaged(
    start: Snapshot, tmp_path: Path
) -> None:
    ours = rollout("direct", tmp_path / "kept", until=float(start["clock"][0]) + 1e-3)
    write_npz(unfinished(ours.stem), {"key": np.array("another")})
    assert roll_out(ours, start).account.finished
    write_npz(unfinished(ours.stem), {"key": np.array("key")})
    with pytest.raises(InputError, match=r"kept\.unfinished\.npz is damaged .*: remove it"):
        roll_out(ours, start)


def test_a_rollout_that_fails_says_so_and_keeps_what_it_did(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_weary_known(monkeypatch)
    found = roll_out(rollout("weary"))
    assert (found.account.ended, found.account.message) == ("solver failed", "it is tired.")
    assert found.account.steps == len(found.time) - 1 == 4
    found.save(tmp_path / "kept")
    again = Trajectory.load(tmp_path / "kept")
    assert again is not None
    assert again.account == found.account
    assert_same_recording(again, found)


def test_a_rollout_of_an_earlier_version_is_read_or_done_again(tmp_path: Path) -> None:
    """Suites kept neither fields nor what only a benchmark measures; Pareto runs all else."""
    stem = tmp_path / "kept"
    synthetic().save(stem)
    file = stem.with_suffix(".json")
    later = ("setup_seconds", "others_percent", "pace_seconds")
    info = json.loads(file.read_text())
    file.write_text(json.dumps({name: info[name] for name in info if name not in later}))
    found = Trajectory.load(stem)
    assert found is not None
    assert found.account == replace(synthetic().account, pace_seconds=None)
    file.write_text(json.dumps({"label": "direct", "failed": None}))
    assert Trajectory.load(stem) is None
    assert Trajectory.load(tmp_path / "none") is None


def cut(content: bytes) -> bytes:
    return content[:100]


def forget(content: bytes) -> bytes:
    return content.replace(b'"steps"', b'"stepped"')


@pytest.mark.parametrize(("suffix", "damage"), [(".json", cut), (".npz", cut), (".json", forget)])
def test_a_damaged_trajectory_is_none(
    suffix: str, damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    synthetic().save(tmp_path / "kept")
    file = tmp_path / f"kept{suffix}"
    file.write_bytes(damage(file.read_bytes()))
    with caplog.at_level(logging.WARNING, "tellus"):
        assert Trajectory.load(tmp_path / "kept") is None
    assert "is damaged" in caplog.text


def test_file_names_differ_where_labels_do() -> None:
    names = [file_name(name) for name in ("skip:2", "skip_2", "surrogate:a/b")]
    assert len(set(names)) == 3
    assert all("/" not in name for name in names)


# Apart


def test_errors_are_over_the_common_time() -> None:
    reference = synthetic(lambda t: 1.0 - t, 0.5, 4.0, end=2.0)
    drifting = synthetic(lambda t: 1.0 - t + 0.1 * t, 0.53, 5.0, end=1.0)
    assert whole_run_errors(reference, drifting) == {
        "mean_temperature_mae": pytest.approx(0.05),
        # Of a change of <T> by 1 until t = 1.
        "mean_temperature_relative": pytest.approx(0.05),
        "profile_mae": pytest.approx(0.03),
        "nusselt_error": pytest.approx(1.5),
        "nusselt_relative": pytest.approx(0.25),
        "vrms_error": pytest.approx(1.0),
        "vrms_relative": pytest.approx(0.25),
        # Sources of -1 - 4 against -0.9 - 5 until t = 1.
        "heat_made": pytest.approx(0.9),
    }
    nowhere = whole_run_errors(reference, synthetic(end=0.0))
    assert nowhere == dict.fromkeys(whole_run_errors(reference, drifting))
    # Nothing is judged relative to a fluid at rest.
    for speed, relative in ((2e-6, 1e-6), (3.0, 3.0)):
        found = whole_run_errors(synthetic(nusselt=1e-6), synthetic(nusselt=speed))
        assert found["vrms_relative"] == pytest.approx(relative)


def test_deterministic_errors_are_means_over_the_first_outputs() -> None:
    other = np.zeros((3, 2, 4))
    other[0, 0], other[1], other[2] = 3.0, 1.0, 100.0
    drifting = synthetic(lambda t: t + 0.5, nusselt=5.0, fields=other)
    assert deterministic_errors(synthetic(), drifting, np.array([0.25, 0.5])) == {
        "field_error": pytest.approx((np.sqrt(4.5) + 1.0) / 2),
        "final_field_error": 1.0,
        "profile_error": pytest.approx((1.5 + 1.0) / 2),
        "mean_temperature_error": pytest.approx(0.5),
        "nusselt_error": pytest.approx(1.5),
    }
    # A profile hides what a field shows.
    still, wave = (synthetic(fields=np.array([[[x, -x]]])) for x in (0.0, 1.0))
    found = deterministic_errors(still, wave, np.array([0.5]))
    assert (found["profile_error"], found["field_error"]) == (0.0, 1.0)


def test_the_deterministic_part_ends_at_a_hundredth_of_the_change() -> None:
    reference = np.array([0.1, 0.2, 0.4])[:, None, None] + np.zeros((3, 2, 2))
    perturbed = reference * np.array([1.001, 1.02, 1.0])[:, None, None]
    pair = synthetic(fields=reference), synthetic(fields=perturbed)
    found = trajectory_drift(*pair, np.zeros((2, 2)))
    assert found == pytest.approx([0.001, 0.02, 0.0])
    assert deterministic_outputs(found) == 1
    assert deterministic_outputs(np.array([0.001, 0.005])) == 2
    assert deterministic_outputs(np.array([0.5, 0.5])) == 1
