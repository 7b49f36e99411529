"""tellus bench accuracy: rows against a reference that is made, kept and read."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from tellus.benchmarks import accuracy, accuracy_figure, accuracy_reference
from tellus.benchmarks.accuracy_cases import AccuracyCase, Scheme
from tellus.benchmarks.accuracy_reference import Judged, Reference, store, stored
from tellus.benchmarks.fronts import at_equal_error, floored, pareto_front, seconds_at
from tellus.benchmarks.labels import laid_out as renderer_of
from tellus.errors import InputError
from tellus.solver.grid import Grid

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
FINE, COMPARED = Grid(128, 32), Grid(32, 8)
TINY = AccuracyCase(
    "A",
    1e3,
    2.0,
    3.0,
    start=2e-3,
    determined=5e-4,
    long=1e-3,
    ladder=(Grid(64, 16), FINE),
    finest=FINE,
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Grids and a case that take no time; where the reference of the repository would lie."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in (accuracy_reference, accuracy):
        monkeypatch.setattr(module, "COMPARED", COMPARED)
    monkeypatch.setattr(accuracy, "CASES", {"A": TINY})
    # Drawn of the stored results, below.
    monkeypatch.setattr(accuracy, "figure", lambda result: Figure())
    file = tmp_path / "reference.npz"
    monkeypatch.setattr(accuracy, "store", lambda references: store(references, file))
    monkeypatch.setattr(accuracy, "stored", lambda names: stored(names, file))
    return tmp_path / "out"


def measured(out: Path, **more: Any) -> dict[str, Any]:
    schemes = (Scheme(), Scheme("mp5", "mid-step", 1.0, "fine:2"))
    return accuracy.main(
        [COMPARED, Grid(16, 4), Grid(64, 16), FINE], out=out, schemes=schemes, **more
    )


def test_rows_are_judged_against_a_reference_that_is_kept(tiny: Path) -> None:
    with pytest.raises(InputError, match="--reference"):
        measured(tiny)
    assert not tiny.exists()
    made = measured(tiny, reference=True)
    assert [(row["grid"], row["advection"]) for row in made["results"]] == [
        ("32x8", "van-leer"),
        ("32x8", "mp5"),
        ("16x4", "van-leer"),  # on its own cells
        ("16x4", "mp5"),
        ("64x16", "van-leer"),
        ("64x16", "mp5"),
        ("128x32", "van-leer"),
    ]
    coarse, fine = made["results"][0], made["results"][5]
    means = ("mean_temperature", "profile", "nusselt_top", "nusselt_bottom", "vrms")
    assert coarse.keys() >= {f"{name}_error" for name in (*means, "surface_velocity", "field")}
    assert fine["field_error"] < 0.2 * coarse["field_error"]
    assert set(made["distances"]["A"]) == {"64x16", "perturbed", "half dt"}
    assert 0.0 < made["distances"]["A"]["half dt"]["field_error"] < coarse["field_error"]
    assert list(tiny.glob("accuracy-*.png"))
    files = {path: path.stat().st_mtime_ns for path in (tiny / "rollouts").iterdir()}
    again = measured(tiny)
    assert again["results"] == made["results"]
    assert {path: path.stat().st_mtime_ns for path in (tiny / "rollouts").iterdir()} == files
    assert "fine:2" in {cell for column in accuracy.table(made).columns for cell in column.cells}


def test_a_front_is_what_nothing_beats() -> None:
    front = pareto_front([(5.0, 0.05), (4.0, 0.1), (3.0, 0.1), (3.0, 0.1), (2.0, 0.6), (1.0, 0.5)])
    assert front == [(1.0, 0.5), (3.0, 0.1), (5.0, 0.05)]
    assert seconds_at(front, 0.6) == 1.0
    assert seconds_at(front, 0.1) == pytest.approx(3.0)
    assert seconds_at(front, (0.5 * 0.1) ** 0.5) == pytest.approx(3.0**0.5)
    assert seconds_at(front, 0.04) is None


def test_seconds_for_the_same_error_take_the_best_of_each_side() -> None:
    def row(grid: str, seconds: float, error: float) -> dict[str, Any]:
        return {"case": "A", "grid": grid, "cpu_seconds_per_model_time": seconds, "e": error}

    ours = [row("64x16", 8.0, 0.4), row("64x16", 10.0, 0.1), row("128x32", 90.0, 0.01)]
    others = [row("32x8", 2.0, 0.4), row("64x16", 5.0, 0.1), row("64x16", 6.0, 0.2)]
    found = at_equal_error(ours, others, ["e"])
    assert [(one.grid, one.error, one.seconds) for one in found] == [
        ("64x16", 0.1, 10.0),
        ("128x32", 0.01, 90.0),
    ]
    assert found[0].ratio == pytest.approx(0.5)
    assert found[1].ratio is None


def test_errors_below_what_chance_makes_count_as_that() -> None:
    distances = {"A": {"perturbed": {"e": 0.1}, "half dt": {"e": 0.05}}}
    rows = [{"case": case, "e": error} for case in "AB" for error in (0.01, 0.2)]
    assert [row["e"] for row in floored(rows, distances, ["e"])] == [0.1, 0.2, 0.01, 0.2]


def test_errors_are_those_that_are_said() -> None:
    rates = np.array([4.0, 2.0, 100.0, 10.0])
    reference = Judged(np.zeros((2, 4, 16)), 0.5, np.zeros(4), rates)
    other = Judged(np.full((2, 4, 16), 0.1), 0.6, np.full(4, 0.2), rates * [1.1, 1.2, 0.9, 2.0])
    found = other.errors(reference)
    finer = np.tile([1.0, -1.0], (2, 8, 16))  # nothing on average over cells twice as long
    assert other.errors(Judged(finer, 0.5, finer[0, 0, :8], rates)) == pytest.approx(found)
    assert found["field_error"] == pytest.approx(0.1)
    assert found["mean_temperature_error"] == pytest.approx(0.1)
    assert found["profile_error"] == pytest.approx(0.2)
    names = ("nusselt_top", "nusselt_bottom", "vrms", "surface_velocity")
    assert [found[f"{name}_error"] for name in names] == pytest.approx([0.1, 0.1, 0.1, 1.0])


def test_a_damaged_reference_and_an_unknown_case_are_said(tmp_path: Path) -> None:
    (tmp_path / "reference.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="damaged"):
        stored(["A"], tmp_path / "reference.npz")
    for grid, case, said in (
        (COMPARED, "D", "--cases"),
        (Grid(100, 30), "A", "100x30 cannot be averaged to 128x32"),
        (Grid(1024, 256), "A", "--grid 1024x256: no reference is finer"),
    ):
        with pytest.raises(InputError, match=said):
            accuracy.main([COMPARED, grid], [case], out=tmp_path)


def test_a_stored_reference_comes_back(tmp_path: Path) -> None:
    judged = Judged(np.full((1, 4, 16), 0.25), 0.5, np.arange(4.0), np.arange(1.0, 5.0))
    kept = Reference(np.full((16, 64), 0.5), judged, {"half dt": {"field_error": 0.1}}, 0.01)
    store({"A": kept}, tmp_path / "reference.npz")
    store({"B": replace(kept, overturn=0.02)}, tmp_path / "reference.npz")
    found, other = stored(["A", "B"], tmp_path / "reference.npz").values()
    assert other.overturn == 0.02
    assert found.distances == kept.distances
    assert found.overturn == kept.overturn
    np.testing.assert_array_equal(found.judged.rates, judged.rates)
    np.testing.assert_array_equal(found.start, kept.start)


@pytest.mark.usefixtures("laid_out")
def test_labels_of_the_figure_stand_beside_their_points() -> None:
    """Of the stored results, those of one case."""
    result = json.loads((RESULTS / "accuracy-amd-epyc-1-thread.json").read_text())
    result["results"] = [row for row in result["results"] if row["case"] == "A"]
    drawing = accuracy_figure.figure(result)
    drawing.set_layout_engine("none")
    renderer = renderer_of(drawing)
    for axis in drawing.axes:
        boxes = [text.get_window_extent(renderer) for text in axis.texts]
        assert len(boxes) >= 5
        for one, other in combinations(boxes, 2):
            assert not one.overlaps(other)
        named = [text for text in axis.texts if text.get_text().startswith("ric4 ")]
        places = {
            (row["cpu_seconds_per_model_time"], row["courant"])
            for row in result["results"]
            if row["solver"] == "richardson:4"
        }
        for text in named:
            assert (text.xy[0], float(text.get_text().split()[1])) in places
