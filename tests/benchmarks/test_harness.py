"""What all benchmarks share: samples in turn, results grid by grid, records and tables."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tellus.benchmarks import tables
from tellus.benchmarks.harness import Measurement, in_turn
from tellus.benchmarks.spread import Record, Row, Spread, by_phase, optional
from tellus.errors import SolverError
from tellus.solver.grid import Grid


def test_what_fails_goes_without_samples_and_the_others_go_on_in_turn() -> None:
    calls: list[str] = []

    def sampler(name: str, fails_at: int = 9) -> Callable[[int], int]:
        def sample(number: int) -> int:
            calls.append(name)
            if number == fails_at:
                raise SolverError("it gave up.")
            return number

        return sample

    samplers = {"a": sampler("a"), "b": sampler("b", fails_at=1), "c": sampler("c")}
    told: dict[str, str] = {}
    found = in_turn(samplers, 3, failed=lambda name, error: told.update({name: str(error)}))
    assert found == {"a": [0, 1, 2], "c": [0, 1, 2]}
    assert told == {"b": "it gave up."}
    assert "".join(calls) == "abcabcac"
    with pytest.raises(SolverError, match="gave up"):
        in_turn(samplers, 3)


def test_a_result_grows_and_is_saved_grid_by_grid(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    measurement = Measurement([Grid(16, 4), Grid(32, 8)], 5, threads=1, out=out)
    saved: list[int] = []

    def measure(grid: Grid) -> Row:
        saved.append(len(json.loads(out.read_text())["results"]) if out.exists() else 0)
        return {"results": [{"grid": str(grid)}], "left_out": {str(grid): {"a": "why"}}}

    result = measurement.run("toy", lambda grid: grid, measure)
    assert saved == [0, 1]
    assert json.loads(out.read_text()) == result
    assert result["results"] == [{"grid": "16x4"}, {"grid": "32x8"}]
    assert list(result["left_out"]) == ["16x4", "32x8"]
    assert (result["grid"], result["threads"], result["repeats"]) == ("16x4,32x8", 1, 5)


def test_records_become_flat_json() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Inner(Record):
        steps: int
        residual: float | None = None

    @dataclass(frozen=True, kw_only=True)
    class Outer(Record):
        seconds: Spread
        inner: Inner | None = optional()
        speedup: float | None = optional()

    seconds = Spread.of([5.0, 1.0, 3.0])
    spread = {"seconds": 3.0, "seconds_min": 1.0, "seconds_max": 5.0}
    assert Outer(seconds=seconds).to_json() == spread
    inner = {"steps": 2, "residual": None}
    assert Outer(seconds=seconds, inner=Inner(steps=2)).to_json() == spread | inner


def test_a_phase_that_a_sample_went_without_took_no_time_in_it() -> None:
    assert by_phase([{"a": 1.0}, {"a": 3.0, "b": 4.0}, {"a": 2.0}]) == {"a": 2.0, "b": 0.0}


OWN = """title
| name | ms | how |
| --- | ---: | --- |
{% for row in results %}
| {{ row.name | cell }} | {{ row.seconds | formatted("g", 1e3) }} | - |
{% endfor %}
- note
"""


def test_a_table_in_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.md.j2").write_text(OWN)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "TEMPLATES", tmp_path)
        view = tables.view("own", {"results": [{"name": "a|b", "seconds": 0.5}]})
    assert (view.title, view.caption) == ("title", "note")
    assert tables.markdown(view, ["note"]) == (
        "| name | ms | how |\n| --- | ---: | --- |\n| a\\|b | 500 | - |\n\n- note\n"
    )
