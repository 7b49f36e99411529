"""The demo on a case that takes a second: what it writes, and what it leaves alone."""

from pathlib import Path

import pytest

from tellus.coupling import demo as module
from tellus.coupling.demo import demo
from tellus.errors import InputError
from tellus.io.text_table import digits


@pytest.fixture
def small_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarse case without weights; the same code as the real one."""
    monkeypatch.setitem(module.CASE, "grid", {"nx": 32, "ny": 8, "aspect": 4.0})
    monkeypatch.setattr(module, "SOLVERS", ("direct", "skip:1"))
    monkeypatch.setattr(module, "SPIN_UP_END", 1e-3)
    monkeypatch.setattr(module, "ROLLOUT_END", 1e-3)
    monkeypatch.setattr(module, "OUTPUTS", 2)
    monkeypatch.setattr(module, "COARSE_SPIN_UP_END", 1e-4)
    monkeypatch.setattr(module, "COARSE_END", 1e-5)
    monkeypatch.setitem(module.FINE, "grid", {"nx": 128, "ny": 32, "aspect": 4.0})
    monkeypatch.setitem(module.FINE, "stokes", {"solver": "refined:tol=1e-3"})


@pytest.mark.usefixtures("small_case")
def test_the_demo_ends_with_reports_and_five_lines(tmp_path: Path) -> None:
    """It replaces an earlier demo, and nothing else."""
    out, said = tmp_path, list[str]()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no earlier demo"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / module.MARKER).touch()
    stale = tmp_path / "direct" / "stale"
    stale.parent.mkdir()
    stale.touch()
    solvers, closure = demo(out, said.append)
    assert not stale.exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    said = [line for line in said if not line.startswith("The machine was busy")]
    skip = solvers.runs[1].drift
    # Skipping nothing is the direct run, from the same state, to the last bit.
    assert skip.mean_temperature_mae == skip.temperature_field_mae == 0.0
    assert skip.velocity_error in (0.0, None)
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (out / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert str(out / "report.html") in said[-6]
    starts = ["Speed-up", "Mean", "Velocity difference", "Velocity of", "A"]
    assert all(map(str.startswith, said[-5:], starts))
    without, learned = (run.drift.profile_mae for run in closure.runs[1:])
    assert without is not None
    # The same start, and another way on with the closure than without.
    assert 0.0 < without < 1e-3
    assert learned != without
    assert f"T(y) differs by {digits(learned)}, " in said[-1]
    assert (out / "closure.html").is_file()


def test_a_file_is_no_place_for_a_demo(small_case: None, tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        demo(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"


def test_missing_weights_are_noticed_before_anything_is_touched(
    small_case: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOLVERS", ("direct", f"surrogate:{tmp_path / 'none'}"))
    with pytest.raises(InputError, match="none"):
        demo(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
