"""docs/results.md: every number and every verdict comes from the saved results."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tellus.benchmarks.learning import page
from tellus.benchmarks.report import main
from tellus.errors import InputError


def spread(median: float) -> dict[str, float]:
    return {"median": median, "p95": 2 * median, "max": 3 * median}


def network(name: str, error: float, wall: float, drift: float = 0.01) -> dict[str, Any]:
    """A row of a Stokes network."""
    part = {"mae": 100 * error, "relative_l2": spread(error)}
    return {
        "name": name,
        "kind": "multi-scale",
        "meaning": f"What {name} is.",
        "parameters": 12345,
        "epochs": 2,
        "training_seconds": 600.0,
        "evaluation": {
            "relative_l2": spread(error),
            "u": part,
            "v": part,
            "divergence": {"inside": {"max": 1e-16}, "walls": {"max": 0.2}},
            "wall_mae": {"left": wall, "right": wall, "top": wall, "bottom": 2 * wall},
            "previous_snapshot": {"ratio": 2.5},
        },
        "rollout": {
            "solver": name,
            "rollouts": 3,
            "completed": 2,
            "completed_without_rejected_steps": 2,
            "outcomes": {"good": 1, "departed": 1, "temperature out of bounds": 1},
            "mean_temperature_mae": drift,
            "steps": 900,
            "most_steps": 350,
            "least_survived": 0.25,
            "relative_steps": 1.5,
            "profile_mae": None,
            "nusselt_relative": 0.14,
            "heat_made": 0.25,
            "cpu_seconds_per_step": 0.025,
            "cpu_speedup_to_end": 0.25,
        },
    }


def stepper(error: float, lost: int) -> dict[str, Any]:
    """A row of a U-net."""
    end = {"alive": 3 - lost, "lost": lost, "temperature_error": 0.5}
    course = {"lost": lost, "steps": [end | {"held": {"temperature_error": 0.25}}]}
    errors = {"relative_l2": spread(error), "temperature_relative_l2": spread(0.03)}
    return {
        "name": "unet-1",
        "kind": "time-unet",
        "meaning": "A U-net.",
        "parameters": 99,
        "epochs": 3,
        "training_seconds": 60.0,
        "evaluation": errors | {"previous": errors, "rollout": {"early": course, "late": course}},
        "rollout": None,
    }


@pytest.fixture
def result() -> dict[str, Any]:
    """Networks with learned and with zero padding, and a U-net."""
    networks = [network("paper", 0.4, 2.0), network("zeros", 0.5, 5.0, drift=0.05)]
    return {
        "benchmark": "experiments",
        "folder": "small",
        "grid": "128x32",
        "data": "0123456789abcdef",
        "training_jobs": 2,
        "results": [*networks, stepper(0.3, lost=2)],
        "rollouts": {
            "steps": 100,
            "thresholds": {"mean_temperature_mae": 0.02, "profile_mae": 0.04},
            "others": [networks[0]["rollout"] | {"solver": "skip:100"}],
        },
        "machine": {"processor": "Some CPU", "cores": 2},
        "git": "0123456789",
    }


def written(result: dict[str, Any], folder: Path) -> str:
    (folder / "experiments-small.json").write_text(json.dumps(result))
    text = page(folder)
    assert text is not None
    return text


def row(text: str, name: str) -> list[str]:
    """Cells of the first line of a table that begins with `name`."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_numbers_are_those_of_the_results(result: dict[str, Any], tmp_path: Path) -> None:
    text = written(result, tmp_path)
    assert row(text, "zeros")[2:8] == ["12 345", "2", "10", "50.0 %", "100.0 %", "50"]
    # Zeros over learned padding: 5 / 2 at every wall, beside the published numbers.
    walls = text.split("### What learned padding")[1]
    assert row(walls, "zeros")[1:] == ["2.50"] * 4
    assert row(walls, "zeros, published at 504 x 126")[1] == "8.03"
    assert row(text, "skip:100")[1:7] == ["1", "2", "2", "1", "1", "25.0 %"]
    assert "in 350 steps" in text
    # Results of before the twins: the error of Nu is known, that of Vrms is not.
    assert "Nu and Vrms were not judged." in text
    assert row(text, "skip:100")[9:11] == ["14.0 %", "-"]
    limits = {"nusselt_relative": 0.05, "vrms_relative": 0.05, "times_twin": 3.0}
    result["rollouts"]["thresholds"] |= limits
    result["rollouts"]["others"][0]["vrms_relative"] = 0.5
    judged = written(result, tmp_path)
    assert "not judged" not in judged
    assert "errors of Nu and Vrms up to 5.0 % or 3 times what half the time step" in judged
    assert row(judged, "skip:100")[9:11] == ["14.0 %", "50.0 %"]
    decided = next(line for line in text.splitlines() if line.startswith("- **Zeros"))
    assert row(text, "skip:100")[-4:] == ["2.5e-01", "25.0", "1.50", "0.25"]
    assert "1 of 3 rollouts good instead of 1 of 3" in decided
    assert "the error of <T> is 5 times" in decided
    assert "50.0 % instead of 40.0 %" in decided


@pytest.mark.parametrize(("error", "said"), [(0.3, "The U-nets win"), (0.6, "do not win")])
def test_the_verdict_follows_the_numbers(
    error: float, said: str, result: dict[str, Any], tmp_path: Path
) -> None:
    result["results"][-1] = stepper(error, lost=2)
    text = written(result, tmp_path)
    assert said in text
    assert "2 of the U-nets' 3 rollouts are lost" in text


def test_a_suite_of_its_own_has_a_section(result: dict[str, Any], tmp_path: Path) -> None:
    others = result["rollouts"]["others"]
    suite = {
        "suite": "long",
        "grids": ["128x32"],
        "thresholds": {"mean_temperature_mae": 0.02, "profile_mae": 0.04},
        "summary": [others[0] | {"solver": "direct", "most_steps": 10000}, others[0]],
        "results": [],
        "machine": {"processor": "Some CPU", "cores": 2},
        "git": "0123456789",
    }
    (tmp_path / "rollouts-long.json").write_text(json.dumps(suite))
    assert "images/" not in written(result, tmp_path)
    (tmp_path / "courses-long.png").touch()
    text = page(tmp_path, images=tmp_path)
    assert text is not None
    section = text.split("## Rollouts: long, 128x32")[1]
    assert section.count("(images/courses-long.png)") == section.count("(images/") == 1
    assert "in 10000 steps" in section
    assert row(section, "skip:100")[1:6] == ["1", "2", "2", "1", "1"]


def test_trainings_with_another_seed_stand_beside_the_first(
    result: dict[str, Any], tmp_path: Path
) -> None:
    assert "seed repeats" not in written(result, tmp_path)
    again = copy.deepcopy(result)
    again |= {"changes": ["training.seed=1"], "out": "again", "trainings_seconds": 3000.0}
    again["results"] = [network("zeros", 0.3, 4.0, drift=0.002), stepper(0.35, lost=0)]
    (tmp_path / "experiments-small-seed-1.json").write_text(json.dumps(again))
    longer = again | {"changes": ["training.epochs=9"], "out": "longer"}
    (tmp_path / "experiments-small-longer.json").write_text(json.dumps(longer))
    (tmp_path / "rollouts-again.png").touch()
    text = page(tmp_path, images=tmp_path)
    assert text is not None
    section = text.split("## 128x32: experiments/small, training.seed=1")[1]
    assert "trained and evaluated in 50 minutes" in section
    assert "(images/rollouts-again.png)" in section
    beside = section.split("## 128x32: experiments/small, 2 seed repeats")[1]
    assert "a: as the files have it, Some CPU; b: training.seed=1, Some CPU" in beside
    shown = ["50.0 %", "30.0 %", "1 of 3", "1 of 3", "5.0e-02", "2.0e-03"]
    assert row(beside, "zeros")[1:] == shown
    assert row(beside, "unet-1")[1:] == ["30.0 %", "35.0 %", "-", "-", "-", "-"]
    assert "| paper |" not in beside, "only what was trained in both"


def test_rows_without_rollouts_or_walls_leave_their_tables_out(
    result: dict[str, Any], tmp_path: Path
) -> None:
    result["results"] = [network("mine", 0.4, 2.0)]
    assert "One choice changed" not in written(result, tmp_path)
    result["rollouts"] = None
    text = written(result, tmp_path)
    assert "### Rollouts" not in text
    assert "###" not in text


def test_report_writes_the_page_and_check_finds_it_stale(
    result: dict[str, Any], tmp_path: Path
) -> None:
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("Nothing is marked here.\n")
    assert main(tmp_path) == []
    written(result, results)
    place = tmp_path / "docs" / "results.md"
    assert main(tmp_path, check=True) == [place]
    assert not place.exists()
    assert main(tmp_path) == [place]
    assert main(tmp_path, check=True) == []
    changed = copy.deepcopy(result)
    changed["results"][0]["evaluation"]["relative_l2"]["median"] = 0.1
    written(changed, results)
    assert main(tmp_path, check=True) == [place]


@pytest.mark.parametrize("content", ["", "[]", '{"results": []}', '{"results": 3, "git": "x"}'])
def test_damaged_results_are_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "experiments-small.json").write_text(content)
    with pytest.raises(InputError, match=r"experiments-small\.json"):
        page(tmp_path)
