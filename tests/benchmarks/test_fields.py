"""Temperature fields to measure on: states of a run, made once and cached."""

import logging
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tellus.benchmarks import fields
from tellus.benchmarks.fields import Case, make_states, problems, sequences
from tellus.errors import InputError
from tellus.solver.grid import Grid

GRID = Grid(24, 12, 2.0)
TOY = Case(gamma_T=1e7, coarse_ny=8, end=1e-2, steps=4, recorded=3)


def test_fields_are_states_of_a_run_at_the_wanted_size_made_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    states = problems(GRID, TOY)
    times = [state.time for state in states]
    assert len(states) == TOY.states
    assert times == sorted(times)
    assert TOY.end < times[-1] < 2 * TOY.end
    for before, after in pairwise(states):
        assert after.temperature.shape == GRID.cells
        assert 0.0 <= after.temperature.min() <= after.temperature.max() < 1.2
        assert not np.array_equal(before.temperature, after.temperature)
    monkeypatch.setattr(fields, "make_states", None)
    for first, again in zip(states, problems(GRID, TOY), strict=True):
        assert np.array_equal(first.temperature, again.temperature)
        assert first.time == again.time


def test_each_field_is_the_end_of_a_sequence_of_time_steps() -> None:
    longest = TOY.simulation(GRID, problems(GRID, TOY)[0].temperature).stepping.dt_max
    for sequence, last in zip(sequences(GRID, TOY), problems(GRID, TOY), strict=True):
        assert len(sequence) == TOY.recorded
        assert np.array_equal(sequence[-1].temperature, last.temperature)
        run = TOY.simulation(GRID, sequence[-2].temperature, sequence[-2].time)
        run.step()
        assert np.allclose(run.temperature, last.temperature, atol=1e-12)
        for before, after in pairwise(sequence):
            assert 0 < after.time - before.time <= longest


@pytest.mark.parametrize("recorded", [1, 5])
def test_a_case_records_some_of_its_steps(recorded: int) -> None:
    with pytest.raises(InputError, match="2 or more of its 4 steps"):
        Case(steps=4, recorded=recorded)


def test_a_damaged_cache_is_made_again(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = problems(GRID, TOY)
    for path in cache.glob("*.npz"):
        path.write_bytes(path.read_bytes()[:300])
    with caplog.at_level(logging.WARNING):
        second = problems(GRID, TOY)
    assert "damaged" in caplog.text
    assert np.array_equal(first[-1].temperature, second[-1].temperature)


def test_no_cache_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(problems(GRID, TOY)) == TOY.states


def test_refinement_goes_through_grids_twice_as_fine() -> None:
    for wanted, through in {
        Grid(512, 128): ["128x32", "256x64", "512x128"],
        Grid(500, 125): ["128x32", "256x64", "500x125"],
        Grid(32, 8): ["128x32", "32x8"],
    }.items():
        assert [str(grid) for grid in fields.ladder(wanted, Case())] == through


def test_cases_do_not_share_a_cache() -> None:
    times, _ = make_states(GRID, Case(gamma_T=1e5, coarse_ny=8, end=5e-3, steps=2, recorded=2))
    assert problems(GRID, TOY)[-1].time > times[-1, -1]
