"""Rollouts side by side on a toy case: what is compared, kept and drawn, never how fast it was."""

import json
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.table import Table

from helpers.rollouts import complaint, printed, tellus
from helpers.trajectories import make_weary_known, synthetic
from tellus.benchmarks import fronts, pareto, pareto_views
from tellus.benchmarks.labels import label_points
from tellus.benchmarks.pareto import planned, start_state
from tellus.cli.shell import show
from tellus.config import Config, load_config
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.record import Trajectory
from tellus.coupling.trajectory.rollout import Rollout, roll_out
from tellus.errors import RunFailedError

EXAMPLE = Path(__file__).parents[2] / "examples" / "pareto.toml"
TOY = ["grid.nx=32", "grid.ny=8", "rheology.gamma_T=1e6", "time.end=0.012"]
SETTINGS = {"start": 0.01, "outputs": 4, "threads": 1}
COMMAND = ["bench", "pareto", EXAMPLE, "--start", "0.01"]
COMMAND += [word for change in TOY for word in ("--set", change)]


@pytest.fixture(scope="module")
def toy() -> Config:
    return load_config(EXAMPLE, TOY)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the command says of a small Pareto run and where it lies."""
    out = tmp_path_factory.mktemp("pareto")
    words = ["--solvers", "skip:2,skip:20", "--outputs", "4", "--threads", "1", "--json"]
    document: dict[str, Any] = json.loads(tellus(*COMMAND, *words, "--out", out).stdout)
    return document, out


def test_rows(finished: tuple[dict[str, Any], Path]) -> None:
    result, out = finished
    (written,) = out.glob("pareto-*.json")
    assert json.loads(written.read_text(), parse_constant=pytest.fail) == result
    rows = {row["solver"]: row for row in result["results"]}
    assert list(rows) == [
        "direct",
        "direct (start perturbed by 1e-06)",
        "direct (dt times 0.5)",
        "skip:2",
        "skip:20",
    ]
    direct, _, half, *skips = rows.values()
    assert direct["field_error"] == direct["mean_temperature_error"] == 0.0
    assert direct["speedup"] == 1.0
    assert half["steps"] == pytest.approx(2 * direct["steps"], rel=0.1)
    names = ("field_error", "mean_temperature_error", "profile_error", "nusselt_error")
    for name in names:
        assert 0 < rows["skip:2"][name] < rows["skip:20"][name]
    for row in skips:
        span = result["end"] - result["start"]
        assert row["seconds_per_model_time"] == pytest.approx(row["seconds"] / span)
        solved = row["statuses"]["solved"]
        every = int(row["solver"].split(":")[1])
        assert solved == -(-row["steps"] // every)
    perturbed = rows["direct (start perturbed by 1e-06)"]
    assert 1e-8 < perturbed["field_error"] < 1e-4
    assert "on_front" not in perturbed
    assert result["deterministic_until"] == result["end"]
    assert result["threads"] == 1


def test_what_is_done_is_not_run_again(
    finished: tuple[dict[str, Any], Path], toy: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, out = finished
    (skip,) = (out / "rollouts").glob("skip_2-*.json")
    skip.unlink()
    (damaged,) = (out / "rollouts").glob("skip_20-*.npz")
    damaged.write_bytes(damaged.read_bytes()[:100])
    run = []

    def counted(rollout: Rollout, *more: Any, **options: Any) -> Trajectory:
        run.append(rollout.label)
        return roll_out(rollout, *more, **options)

    monkeypatch.setattr(pareto, "roll_out", counted)
    after = pareto.main(toy, out, ["skip:2", "skip:20"], **SETTINGS)
    assert run == ["skip:2", "skip:20"]
    for a, b in zip(before["results"], after["results"], strict=True):
        assert a["field_error"] == b["field_error"]


def test_what_decides_a_rollout_is_in_its_key(toy: Config, tmp_path: Path) -> None:
    longer = load_config(EXAMPLE, [*TOY, "time.end=0.0125"])
    plans = [
        planned(case_of(config), 0.01, outputs, {"direct": weights}, tmp_path, threads)
        for config, outputs, weights, threads in (
            (toy, 4, None, 1),
            (longer, 4, None, 1),
            (toy, 5, None, 1),
            (toy, 4, "digest", 1),
            (toy, 4, None, 2),
        )
    ]
    assert len({rollouts[0].key for rollouts in plans}) == len(plans)


def case_of(config: Config) -> RolloutCase:
    return RolloutCase("pareto", config)


def test_all_start_from_one_state(toy: Config, tmp_path: Path) -> None:
    start = start_state(case_of(toy), 0.01)
    again = start_state(case_of(toy), 0.01)
    assert np.array_equal(start["temperature"], again["temperature"])
    by_hand = Simulation.from_config(toy)
    by_hand.run(0.01)
    assert np.array_equal(start["temperature"], by_hand.temperature)
    direct, *_ = planned(case_of(toy), 0.01, 4, {}, tmp_path, 1)
    rolled = roll_out(direct, start)
    assert (rolled.time[0], rolled.end) == (0.01, 0.012)


def test_a_rollout_that_fails_is_a_row_that_says_so(
    toy: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_weary_known(monkeypatch)
    for _ in range(2):  # the second time from what was saved
        result = pareto.main(toy, tmp_path, ["weary"], **SETTINGS)
        failed = result["results"][-1]
        assert failed["failed"] == "it is tired."
        assert "field_error" not in failed
        assert "failed: weary: it is tired." in printed(pareto.table(result))


def test_a_reference_that_fails_is_an_error() -> None:
    failed = synthetic(ended="not finite", message="T is not finite.")
    with pytest.raises(RunFailedError, match=r"T is not finite\. There is nothing to compare"):
        pareto.judged([failed, synthetic()], np.zeros((2, 4)), np.array([1.0]))


def test_table_and_picture(finished: tuple[dict[str, Any], Path]) -> None:
    result, out = finished
    text = printed(pareto.table(result))
    for part in (
        " * ",  # which of them is on the front is up to the machine
        "direct (dt times 0.5)",
        "on the Pareto front",
        "errors are those until",
        "1 of",
    ):
        assert part in text
    (picture,) = out.glob("pareto-*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


# What a speed-up is worth


def row(name: str, seconds: float, error: float) -> dict[str, Any]:
    return {
        "solver": name,
        "name": name,
        "seconds": seconds,
        "seconds_per_model_time": 10 * seconds,
        "field_error": error,
        "failed": None,
    }


def test_every_solver_is_held_against_the_best_classical_one_of_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fronts, "training_seconds", lambda name: 180.0)
    rows = [
        row("direct", 100.0, 0.0),
        row("floor", 1.0, 1e-9),
        row("skip:10", 12.0, 1e-2),
        row("coarse:2", 20.0, 1e-3),
        row("surrogate", 10.0, 2e-3),
        row("anchored:50:surrogate", 15.0, 1e-4),
    ]
    compared = fronts.compared(rows, floors=["floor"])
    found = {r["solver"]: r for r in compared if "best_classical" in r}
    assert "floor" not in found
    assert found["surrogate"]["best_classical"]["solver"] == "coarse:2"
    assert found["surrogate"]["best_classical"]["speedup_over_it"] == 2.0
    assert found["anchored:50:surrogate"]["best_classical"]["solver"] == "direct"
    assert found["skip:10"]["best_classical"]["solver"] == "skip:10"
    assert {name for name, r in found.items() if r["on_front"]} == {
        "direct",
        "surrogate",
        "anchored:50:surrogate",
    }
    assert found["surrogate"]["training"]["break_even_runs"] == pytest.approx(2.0)
    assert "training" not in found["skip:10"]


def test_errors_far_below_the_floor_are_equal() -> None:
    rows = [
        row("direct", 100.0, 0.0),
        row("floor", 100.0, 1e-4),
        row("lagged", 40.0, 1e-6),
        row("anchored:9:coarse:4", 50.0, 1e-9),
        row("coarse:2", 30.0, 2e-5),
    ]
    compared = fronts.compared(rows, floors=["floor"])
    found = {r["solver"]: r for r in compared if "best_classical" in r}
    assert {name for name, r in found.items() if r["as_good_as_exact"]} == {
        "direct",
        "lagged",
        "anchored:9:coarse:4",
    }
    assert {name for name, r in found.items() if r["on_front"]} == {"lagged", "coarse:2"}
    assert found["direct"]["best_classical"]["solver"] == "lagged"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"data": 100.0, "training": 80.0}, 180.0),
        ({"data": None, "training": 80.0}, None),
        ({"training": 80.0}, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("name", ["surrogate:mine", "skip:5:linear:surrogate:mine"])
def test_what_training_took_is_on_the_card(
    name: str,
    seconds: dict[str, float] | None,
    expected: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = {} if seconds is None else {"seconds": seconds}
    monkeypatch.setattr(
        "tellus.surrogate.model.load_surrogate",
        lambda path: SimpleNamespace(card=card) if path == "mine" else None,
    )
    assert fronts.training_seconds(name) == expected
    (note,) = pareto_views._training_note(
        {"training": {"seconds": expected, "break_even_runs": 2.0}}
    )
    assert ("unknown" in note) == (expected is None)
    assert ("pays after 2 such runs" in note) == (expected is not None)


def test_training_that_never_pays() -> None:
    rows = [row("direct", 1.0, 0.0), row("surrogate", 2.0, 1e-3)]
    _, learned = fronts.compared(rows, floors=[])
    assert learned["training"]["break_even_runs"] is None


# The command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--start", "0.5"], "--start must lie between 0 and time.end"),
        (["--start", "0"], "--start must lie between 0 and time.end"),
        (["--solvers", "dircet"], 'did you mean "direct"'),
        (["--set", "grid.nx=3"], "grid.nx"),
    ],
)
def test_bad_input_is_explained(words: list[str], message: str, tmp_path: Path) -> None:
    assert message in complaint("bench", "pareto", EXAMPLE, "--out", tmp_path, *words)


def test_a_stopped_run_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*given: Any, **options: Any) -> Trajectory:
        raise KeyboardInterrupt

    monkeypatch.setattr(pareto, "roll_out", stopped)
    told = tellus(*COMMAND, "--solvers", "skip:2", "--out", tmp_path, status=3)
    assert "the same command goes on" in told.stderr


@pytest.mark.usefixtures("laid_out")
def test_labels_keep_out_of_each_others_way() -> None:
    axis = Figure(figsize=(6, 4)).subplots()
    axis.set(xscale="log", yscale="log")
    points = [(1.0 + 0.02 * k, 1.0 + 0.03 * (k % 3), f"solver:{k}") for k in range(12)]
    axis.plot(*np.array([point[:2] for point in points]).T, "o")
    axis.set(xlim=(0.1, 10), ylim=(0.1, 10))
    label_points(axis, points)
    renderer = axis.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axis.texts]
    assert len(boxes) == 12
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)


def test_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view = Table(caption="skip:100:linear is left out")
    view.add_row("skip:100:linear")
    show(view)
    assert capsys.readouterr().out.count("skip:100:linear") == 2
