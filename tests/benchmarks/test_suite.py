"""`bench suite`: long means of the test simulations, held against references that are kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.trajectories import synthetic
from tellus.benchmarks import accuracy_reference, suite
from tellus.benchmarks.accuracy_cases import AccuracyCase, Scheme
from tellus.benchmarks.accuracy_reference import chance
from tellus.benchmarks.fronts import CHANCE
from tellus.coupling.trajectory.record import RATES
from tellus.errors import InputError
from tellus.solver.grid import Grid

COARSE, FINE = Grid(16, 4), Grid(32, 8)
TINY = AccuracyCase(
    "sim_000",
    1e4,
    2.0,
    3.0,
    start=2e-3,
    determined=1e-3,
    long=5e-3,
    outputs=0,
    initial="predicted",
    ladder=(COARSE, FINE),
    finest=FINE,
)
ERRORS = tuple(suite.QUANTITIES.values())


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(accuracy_reference, "COMPARED", COARSE)
    monkeypatch.setattr(suite, "KEPT", tmp_path / "kept.npz")
    cases = {name: replace(TINY, name=name) for name in ("sim_000", "sim_001")}
    monkeypatch.setattr(suite, "cases", lambda: cases)
    return tmp_path / "out"


def test_a_reference_once_made_is_kept_and_rows_are_held_against_it(tiny: Path) -> None:
    closure = f"{Path(__file__).parents[2] / 'examples' / 'eddies.py'}:Eddies"
    made = suite.main([COARSE], ["sim_000"], out=tiny, reference=True, closure=closure)
    assert [row["grid"] for row in made["results"]] == [str(COARSE)] * (len(suite.SCHEMES) + 1)
    beside_a_base = [row["closure"] for row in made["medians"] if "over_base" in row]
    assert beside_a_base == [*3 * ["homogenised"], "eddies.py:Eddies"]
    for row in made["results"]:
        assert row["failed"] is None
        assert "field_error" not in row
        assert 0.0 < row["profile_error"] < 0.2
    assert made["references"] == {"sim_000": str(FINE)}
    assert 0.0 < made["distances"]["sim_000"][CHANCE]["vrms_error"] < 1.0
    (tiny / "rollouts").rename(tiny / "away")
    again = suite.main([COARSE], out=tiny)
    assert again["without_reference"] == ["sim_001"]
    before = [row["profile_error"] for row in made["results"] if "Eddies" not in row["closure"]]
    assert [row["profile_error"] for row in again["results"]] == before
    shown = suite.table(again)
    assert "without a reference yet: sim_001" in str(shown.caption)


def row(case: str, error: float, closure: str = "none", **more: Any) -> dict[str, Any]:
    scheme = Scheme("mp5", "mid-step", 1.25, "richardson:8", closure)
    return {
        "case": case,
        "grid": "128x32",
        **{key: getattr(scheme, key) for key in suite.SCHEME[1:]},
        "failed": None,
        "cpu_seconds": 1.0,
        "steps": 100,
        **dict.fromkeys(ERRORS, error),
        **more,
    }


def test_medians_are_over_halves_of_the_box_and_of_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    vigour = {"a": 1e9, "b": 2e8, "c": 1e8, "d": 1e6}
    cases = {name: replace(TINY, name=name, gamma_T=gamma_T) for name, gamma_T in vigour.items()}
    monkeypatch.setattr(suite, "cases", lambda: cases)
    errors = {"a": (0.4, 0.1), "b": (0.2, 0.01), "c": (0.3, 0.3), "d": (0.1, 0.2)}
    rows = [row(name, base) for name, (base, _) in errors.items()]
    rows += [row(name, with_it, "net") for name, (_, with_it) in errors.items()]
    distances = {"b": {CHANCE: dict.fromkeys(ERRORS, 0.05)}}
    plain, closed, all_plain, all_closed = suite.medians(rows, distances)
    assert (plain.simulations, all_plain.simulations) == (3, 4)
    assert plain.over_base is None
    assert set(plain.errors.values()) == {0.3}
    assert set(closed.errors.values()) == {0.1}
    assert closed.over_base is not None
    assert closed.over_base["vrms_error"] == pytest.approx(0.25)  # of 0.25, 0.05 / 0.2 and 1
    assert all_closed.over_base is not None
    assert all_closed.over_base["vrms_error"] == pytest.approx(0.5 * (0.25 + 1.0))
    gone = "T is out of bounds."
    lost = row("c", 0.3, failed=gone)
    rows[2] = {key: value for key, value in lost.items() if key not in ERRORS}
    plain, closed, *_ = suite.medians(rows, distances)
    assert (plain.simulations, plain.to_the_end, closed.to_the_end) == (3, 2, 3)
    assert closed.over_base is not None
    assert closed.over_base["vrms_error"] == pytest.approx(0.25)


def test_standard_errors_are_those_of_the_means_of_parts() -> None:
    parts = accuracy_reference.PARTS
    case = replace(TINY, start=0.0, determined=0.2, long=1.0)
    means = np.arange(parts) % 3 + 1.0
    times = np.linspace(0.2, 1.0, parts + 1)
    blank = replace(synthetic(), time=times, profile=np.zeros((parts + 1, 32)))
    steady = {name: times for name in RATES if name != "vrms"}
    run = replace(blank, **steady, vrms=np.concatenate([[0.0], np.cumsum(means)]))
    found = chance(replace(run, fields=np.empty((0, 32, 128))), case)
    expected = np.std(means, ddof=1) / np.sqrt(parts) / np.mean(means)
    assert found["vrms_error"] == pytest.approx(expected)
    assert found["nusselt_top_error"] == pytest.approx(0.0, abs=1e-12)
    assert "field_error" not in found


def test_the_simulations_are_those_that_data_sets_test_on() -> None:
    found = suite.cases()
    assert set(found) == set(suite.OVERTURNS)
    assert len(found) == 18
    vigorous = {name for name, case in found.items() if case.gamma_T >= suite.VIGOROUS}
    assert len(vigorous) == 9
    assert len(suite.FINELY) == 6
    assert len(vigorous & set(suite.FINELY)) == 3
    with pytest.raises(InputError, match="sim_018"):
        suite.main([COARSE], ["sim_018"], out=Path("nowhere"))
    with pytest.raises(InputError, match="--grid 512x128: no reference is finer"):
        suite.main([Grid(64, 16), Grid(512, 128)], out=Path("nowhere"))
