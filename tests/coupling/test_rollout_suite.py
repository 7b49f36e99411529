"""Suites of rollouts: what is kept, how it is judged, and going on with what was begun."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tellus.coupling.trajectory.suite.suite as suites
from helpers import one_by_one
from helpers.cards import card_of, edit_card
from helpers.rollouts import SIMPLEST, complaint, files, tellus
from helpers.trajectories import Spoilt, make_known, refuse, synthetic
from tellus.config import Config, load_config, load_dataset_config
from tellus.config.solver_spec import SolverSpec
from tellus.coupling.dataset.sampling import members
from tellus.coupling.output.style import temperature_scale, ticks
from tellus.coupling.trajectory.cases import RolloutCase, cases_of_data, cases_of_files
from tellus.coupling.trajectory.rollout import file_name
from tellus.coupling.trajectory.suite.figures import by_vigour
from tellus.coupling.trajectory.suite.scores import (
    GOOD,
    OUTCOMES,
    disturbed,
    limits,
    outcome,
    relative_steps,
    speedups,
    summary,
    table,
)
from tellus.coupling.trajectory.suite.suite import TWIN, rollout_suite
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow

SETTINGS = (
    *SIMPLEST[:3],
    "grid.nx=32",
    "grid.ny=16",
    "grid.aspect=2.0",
    "model.rayleigh=1e4",
    "rheology.gamma_T=10.0",
    "rheology.gamma_p=1.0",
    "initial.kind=conductive",
    "initial.amplitude=0.1",
    "time.end=0.02",
    "time.max_steps=20",
)


def case_of(name: str = "one", *overrides: str, scenario: bool = False) -> RolloutCase:
    return RolloutCase(name, load_config(None, [*SETTINGS, *overrides]), scenario)


CASES = (case_of("one"), case_of("two", "model.rayleigh=3e4"), case_of("three", "initial.seed=3"))


@pytest.fixture
def serial(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rollouts one after another in this process; the list holds what was done."""
    done = []

    def run_all(work: Callable[[Any], str], tasks: Sequence[tuple[Any]], *_: Any) -> Iterator[str]:
        lines = one_by_one.run_all(work, tasks)
        for (task,), line in zip(tasks, lines, strict=True):
            done.append(f"{task.case.name} {task.label}")
            yield line

    monkeypatch.setattr(suites, "run_all", run_all)
    return done


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than the rollouts."""
    monkeypatch.setattr("tellus.coupling.trajectory.suite.figures.draw", lambda *_: [])


Roll = Callable[..., dict[str, Any]]


@pytest.fixture
def roll(serial: list[str], tmp_path: Path) -> Roll:
    """Rolls cases out with solvers, into one directory."""

    def roll(
        cases: Sequence[RolloutCase], solvers: Sequence[str], report: Callable[[str], Any] = len
    ) -> dict[str, Any]:
        return rollout_suite(cases, solvers, tmp_path / "out", report=report)

    return roll


# How rollouts are judged.


STILL = dict.fromkeys(limits(None), 0.0)


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (
            {
                **{name: 0.97 * most for name, most in limits(None).items()},
                "mean_temperature_mae": 0.019,
                "mean_temperature_relative": 0.19,
                "profile_mae": 0.039,
            },
            "good",
        ),
        ({"mean_temperature_mae": 0.021}, "departed"),
        ({"mean_temperature_relative": 0.21}, "departed"),
        ({"profile_mae": 0.041}, "departed"),
        ({"mean_temperature_relative": None, "vrms_relative": None}, "good"),
    ],
)
def test_departed_is_by_the_thresholds(drift: dict[str, float | None], expected: str) -> None:
    assert outcome("finished", STILL | drift, limits(None)) == expected
    assert outcome("dt collapsed", STILL | drift, limits(None)) == "dt collapsed"


@pytest.mark.parametrize("name", ["nusselt_relative", "vrms_relative"])
def test_heat_flow_and_velocity_are_judged_by_the_twin(name: str) -> None:
    twin = {"ended": "finished", **STILL}
    assert outcome("finished", STILL | {name: 0.14}, limits(twin)) == "departed"
    assert outcome("finished", STILL | {name: 0.049}, limits(twin)) == "good"
    # Another time step alone makes a third of that.
    chaotic = limits(twin | {name: 0.047})
    assert chaotic == limits(None) | {name: pytest.approx(0.141)}
    assert outcome("finished", STILL | {name: 0.14}, chaotic) == "good"
    assert outcome("finished", STILL | {name: 0.142}, chaotic) == "departed"
    assert limits(twin | {name: 0.3, "ended": "dt collapsed"}) == limits(None)


# Solvers that fail, each in its way.


def diverging(flow: Flow) -> Flow:
    """Flow towards the middle from both sides: heat piles up there."""
    x = np.linspace(-1.0, 1.0, flow.u.shape[1])
    return replace(flow, u=np.where(np.abs(x) < 1, -1e3 * np.sign(x), 0.0) * np.ones_like(flow.u))


SPOILT: dict[str, Callable[[Flow], Flow]] = {
    "solver failed": refuse,
    "dt collapsed": lambda flow: replace(flow, u=1e14 * flow.u, v=1e14 * flow.v),
    "temperature out of bounds": diverging,
    "departed": lambda flow: replace(flow, psi=0 * flow.psi, u=0 * flow.u, v=0 * flow.v),
    "far too fast": lambda flow: replace(flow, u=1e4 * flow.u, v=1e4 * flow.v),
    "not finite": lambda flow: replace(flow, v=np.where(np.abs(flow.v) > 0, np.nan, flow.v)),
}


@pytest.fixture
def failing_solvers(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(spec: SolverSpec, grid: Grid, picard: Any) -> Spoilt:
        return Spoilt(str(spec), grid, SPOILT[spec.arguments[0]], 4)

    make_known(monkeypatch, "failing", build)


@pytest.mark.usefixtures("failing_solvers")
def test_a_failure_is_an_outcome_and_says_why(roll: Roll, tmp_path: Path) -> None:
    settings = ("model.rayleigh=1e5", "time.max_steps=200", "time.end=0.05")
    vigorous = case_of("one", *SIMPLEST, *settings)
    ways = [how for how in SPOILT if how != "far too fast"]
    result = roll([vigorous], [f"failing:{how}" for how in ways])
    reference, *failed = result["results"]
    assert reference["outcome"] == GOOD
    for how, row, counted in zip(ways, failed, result["summary"][1:], strict=True):
        # The time step is the first to notice what is not finite.
        assert row["outcome"] in ((how, "dt collapsed") if how == "not finite" else (how,))
        assert counted["outcomes"] == {name: int(name == row["outcome"]) for name in OUTCOMES}
        assert counted["completed"] == (how == "departed")
        assert row["mean_temperature_mae"] is not None
        if how != "departed":
            assert row["message"] in table(result)
            assert row["message"].endswith((".", "..."))
            assert row["survived"] < 1
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert (tmp_path / "out" / "chosen.png").exists()


@pytest.mark.usefixtures("failing_solvers", "no_pictures")
def test_a_rollout_that_needs_too_many_steps_has_collapsed(roll: Roll) -> None:
    name = "failing:far too fast"
    result = roll([CASES[1]], [name])
    reference, failed = result["results"]
    assert failed["outcome"] == "dt collapsed"
    assert failed["steps"] == 3 * reference["steps"]
    assert "3 times as many as the reference" in failed["message"]


# Whole suites.


@pytest.mark.usefixtures("failing_solvers", "no_pictures")
def test_solvers_are_held_against_the_reference_and_the_baseline(
    roll: Roll, tmp_path: Path
) -> None:
    result = roll(CASES, ["direct", "skip:1", "skip:5", "skip:100", "failing:solver failed"])
    rows: dict[str, list[Any]] = {}
    for row in result["results"]:
        rows.setdefault(row["solver"], []).append(row)
        assert row["case"] in table(result)
        assert row["cpu_seconds_per_step"] > 0.0
        assert row["seconds"] == pytest.approx(row["steps"] * row["seconds_per_step"])
    assert [len(found) for found in rows.values()] == [3] * 5
    for reference, exact, held in zip(rows["direct"], rows["skip:1"], rows["skip:5"], strict=True):
        assert reference["time"] == exact["time"] == held["time"]
        # But for the rounding of the last step, which is cut to end where the reference did.
        assert exact["mean_temperature_mae"] == pytest.approx(0.0, abs=1e-15)
        assert exact["profile_mae"] == pytest.approx(0.0, abs=1e-14)
        assert exact["nusselt_error"] == pytest.approx(0.0, abs=1e-12)
        assert (exact["outcome"], exact["survived"]) == (GOOD, 1.0)
        assert held["profile_mae"] > 0
        assert held["statuses"]["held"] > 0
    by_name = {row["solver"]: row["against_baseline"] for row in result["summary"]}
    assert by_name["direct"] is by_name["skip:100"] is None
    assert by_name["skip:1"]["smaller"] == {"mean_temperature_mae": 3, "profile_mae": 3}
    assert set(by_name["failing:solver failed"]["smaller"].values()) == {0}
    assert summary(result["results"], "skip:1")["completed"] == 3
    saved = json.loads((tmp_path / "out" / "rollout-suite.json").read_text())
    assert saved == json.loads(json.dumps(result))
    assert {"git", "machine", "versions"} <= set(saved)


@pytest.mark.usefixtures("no_pictures")
def test_the_twin_takes_half_of_every_time_step(roll: Roll, serial: list[str]) -> None:
    cases = [case_of("one"), case_of("diffusive", "grid.nx=64", "grid.ny=32")]
    result = roll(cases, ["skip:5"])
    assert serial.count(f"one {TWIN}") == serial.count(f"diffusive {TWIN}") == 1
    references = {row["case"]: row for row in result["results"] if row["solver"] == "direct"}
    assert [twin["case"] for twin in result["twins"]] == ["one", "diffusive"]
    for twin in result["twins"]:
        assert twin["time"] == references[twin["case"]]["time"]
        # While steps grow, two of them are not quite as long as one; the last is cut.
        assert abs(twin["steps"] - 2 * references[twin["case"]]["steps"]) <= 3
        assert 0.0 < twin["nusselt_relative"] < 0.05
    assert f"{TWIN}" not in {row["solver"] for row in result["results"]}
    assert "2 rollouts, " in table(result)


@pytest.mark.usefixtures("failing_solvers", "no_pictures")
def test_a_rollout_without_convection_has_departed_in_its_velocity(roll: Roll) -> None:
    steady = case_of("two", "model.rayleigh=3e4", "time.dt_initial=1e-5", "time.dt_max=1e-5")
    result = roll([steady], ["failing:departed"])
    still = result["results"][1]
    assert still["outcome"] == "departed"
    assert "vrms_relative" in still["departed_in"]
    assert still["vrms_relative"] > 0.9 > still["limits"]["vrms_relative"] == 0.05
    assert result["summary"][1]["departed_in"]["vrms_relative"] == 1


@pytest.mark.usefixtures("no_pictures")
def test_what_is_there_is_not_run_again(roll: Roll, serial: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = roll(CASES[:2], ["skip:5"])
    assert len(serial) == 6
    roll(CASES[:2], ["skip:5"])
    assert len(serial) == 6
    # Another solver shares the reference.
    roll(CASES[:2], ["skip:5", "skip:2"])
    assert serial[6:] == ["one skip:2", "two skip:2"]
    (out / "rollouts" / "two" / f"{file_name('skip:5')}.json").unlink()
    again = roll(CASES[:2], ["skip:5"])
    assert serial[8:] == ["two skip:5"]
    for before, after in zip(first["results"], again["results"], strict=True):
        for name in ("steps", "time", "mean_temperature_mae", "profile_mae", "nusselt_error"):
            assert before[name] == after[name]
    damaged = out / "rollouts" / "one" / f"{file_name('skip:5')}.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    roll(CASES[:2], ["skip:5"])
    assert serial[9:] == ["one skip:5"]


@pytest.mark.usefixtures("no_pictures")
def test_a_suite_that_was_stopped_goes_on(roll: Roll, serial: list[str]) -> None:
    def stop(line: str) -> None:
        if len(serial) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll(CASES[:2], ["skip:5"], report=stop)
    said: list[str] = []
    result = roll(CASES[:2], ["skip:5"], report=said.append)
    assert serial[5:] == ["two skip:5"]
    assert "3 rollouts there, 1 to do" in said
    assert any(line.startswith("4/4: two skip:5: finished, ") for line in said)
    assert len(result["results"]) == 4


@pytest.mark.usefixtures("no_pictures")
def test_another_suite_in_the_same_directory_is_refused(roll: Roll, tmp_path: Path) -> None:
    out = tmp_path / "out"
    roll([CASES[0]], ["skip:5"])
    before = files(out)
    for cases in ([CASES[1]], CASES, [case_of("one", "time.max_steps=21")]):
        with pytest.raises(InputError, match="begun with other simulations"):
            roll(cases, ["skip:5"])
    name = f"rollouts/one/{file_name('skip:5')}.json"
    (out / name).write_text((out / name).read_text().replace('"key": "1 ', '"key": "0 '))
    with pytest.raises(InputError, match="rolled out with other weights"):
        roll([CASES[0]], ["skip:5"])
    (out / name).write_bytes(before[name])
    assert files(out) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("dear")
    with pytest.raises(InputError, match="holds no suite"):
        rollout_suite([CASES[0]], ["skip:5"], tmp_path / "other", report=len)


@pytest.mark.parametrize("name", ["skip", "nonsense", "coarse:7", "surrogate:nowhere"])
def test_a_solver_that_cannot_be_used_is_refused_before_anything_runs(
    name: str, roll: Roll, serial: list[str], tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        roll([CASES[0]], ["skip:5", name])
    assert serial == []
    assert not (tmp_path / "out").exists()


def test_steps_are_counted_per_model_time() -> None:
    reference = synthetic(end=2.0)
    assert relative_steps(reference, reference) == 1.0
    assert relative_steps(reference, synthetic(end=0.5)) == 4.0
    assert relative_steps(reference, synthetic(end=0.0)) is None


def test_seconds_that_were_shared_are_counted() -> None:
    assert disturbed([{"seconds": 10.0, "cpu_seconds": cpu} for cpu in (9.5, 4.75)]) == 1


def test_speedups_are_by_both_clocks_and_to_the_end() -> None:
    reference, shared = synthetic(cpu_seconds=9.5), synthetic(cpu_seconds=4.75, end=0.8)
    assert set(speedups(reference, reference).values()) == {1.0}
    # A quarter more steps for the same model time.
    expected = {"speedup": 1.0, "cpu_speedup": 2.0, "cpu_speedup_to_end": pytest.approx(1.6)}
    assert speedups(reference, shared) == expected
    assert set(speedups(reference, synthetic(steps=0)).values()) == {None}


def test_the_three_chosen_are_ranked_by_their_velocity() -> None:
    speeds = {"a": 5.0, "b": 1.0, "c": 9.0, "d": 4.0}
    cases = [RolloutCase(name, Config()) for name in speeds]
    rollouts = {(name, "direct"): synthetic(nusselt=speed) for name, speed in speeds.items()}
    words = {word: case.name for word, case in by_vigour(cases, rollouts, "direct").items()}
    assert words == {"sluggish": "b", "middle": "a", "vigorous": "c"}
    alone = by_vigour(cases[:1], rollouts, "direct")
    assert [case.name for case in alone.values()] == ["a"]


# Where the cases come from.


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """As much of a data set as a suite reads: its card."""
    overrides = [o for o in SETTINGS if not o.startswith(("rheology", "time.max_steps"))]
    overrides += ["dataset.train=2", "dataset.validation=1", "dataset.test=2"]
    overrides += ["dataset.corners=false", "dataset.log10_gamma_T=[0, 2]", "dataset.max_steps=50"]
    config = load_dataset_config(None, overrides)
    card = {
        "grid": config.grid.model_dump(),
        "boundaries": "free-slip",
        "hash": "",
        "config": config.model_dump(mode="json"),
        "simulations": [
            asdict(member) | {"rayleigh": 1e4, "snapshots": 1} for member in members(config)
        ],
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "card.json").write_text(json.dumps(card))
    return tmp_path / "data"


def test_cases_are_the_simulations_of_the_data_set(data: Path) -> None:
    cases = cases_of_data(data, "test", steps=7)
    entries = card_of(data)["simulations"][:2]
    assert [case.name for case in cases] == ["sim_000", "sim_001"]
    for case, entry in zip(cases, entries, strict=True):
        assert case.parameters == {key: entry[key] for key in case.parameters}
        assert case.config.initial.seed == entry["seed"]
        assert case.config.time.end == entry["end"]
        assert case.config.time.max_steps == 7
        assert case.config.grid.nx == 32
    assert cases_of_data(data)[0].config.time.max_steps == 50


def test_colours_show_lid_and_interior_of_the_reference() -> None:
    """The ends are its own, whatever others do; the median lies far enough up to leave room."""
    reference = np.full((10, 10), 0.925)
    reference[-1] = 0.225  # a lid of a tenth
    reference[0] = 1.0
    for others in ([], [np.full((10, 10), -3.0)], [np.full((10, 10), 0.525)]):
        scale = temperature_scale(others, [reference])
        assert (scale.vmin, scale.vmax) == pytest.approx((0.2, 1.0))
    scale = temperature_scale([], [reference])
    assert 0.6 <= float(scale(0.925)) <= 0.85
    assert float(scale(0.6)) > 0.2  # the lid has colours, too
    shown = ticks(scale)
    assert max(shown) == pytest.approx(1.0)
    assert np.all(np.abs(np.diff(scale(np.array(shown)))) >= 0.09)


@pytest.mark.usefixtures("serial")
def test_the_command_rolls_a_data_set_out(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "suite"
    command = ["rollout-suite", "--data", data, "--out", out, "--stokes", "skip:4"]
    result = tellus(*command, "--steps", "12", "--jobs", "1", "--json")
    document = json.loads(result.stdout, parse_constant=pytest.fail)
    assert [row["case"] for row in document["results"]] == 2 * ["sim_000", "sim_001"]
    assert all(row["steps"] == 12 for row in document["results"] if row["solver"] == "direct")
    assert "4/4" not in result.stdout
    assert "4/4: sim_00" in result.stderr
    assert {path.name for path in out.glob("*.png")} == {"outcomes.png", "chosen.png"}


def test_scenarios_are_named_after_their_files(tmp_path: Path) -> None:
    for name, kind in (("warm", "hot"), ("frozen", "cold")):
        (tmp_path / f"{name}.toml").write_text(f'[initial]\nkind = "{kind}"\n')
    files = [tmp_path / "warm.toml", tmp_path / "frozen.toml"]
    settings = [s for s in SETTINGS if not s.startswith("initial.kind")]
    cases = cases_of_files(files, settings, steps=10)
    found = [(case.name, case.config.initial.kind, case.scenario) for case in cases]
    assert found == [("warm", "hot", True), ("frozen", "cold", True)]
    (tmp_path / "more").mkdir()
    twin = tmp_path / "more" / "warm.toml"
    twin.write_text("")
    with pytest.raises(InputError, match="the name warm is there twice"):
        cases_of_files([files[0], twin])


def test_the_scenarios_are_variants_of_one_case() -> None:
    folder = Path(__file__).parents[2] / "examples" / "scenarios"
    cases = {case.name: case.config for case in cases_of_files(sorted(folder.glob("*.toml")))}
    case = cases.pop("hot-start")
    assert set(cases) == {
        "extended-boussinesq",
        "decaying-heating",
        "cold-start",
        "linear-start",
        "predicted-start",
    }
    for config in cases.values():
        for section in ("grid", "rheology", "boundaries", "stokes"):
            assert getattr(config, section) == getattr(case, section)
        assert config.time.model_copy(update={"end": case.time.end}) == case.time
        assert config.initial.seed == case.initial.seed
        assert (config.model == case.model) != (config.initial == case.initial)
    assert cases["extended-boussinesq"].model.dissipation_number == 0.1


def test_the_reference_may_have_another_grid_and_scheme(
    serial: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then errors are those of grid and scheme, too; whoever shares both has none."""
    finer = ["grid.nx=48", "grid.ny=24", "energy.advection=mp5"]
    longer = "time.max_steps=40"
    cases = [case_of("one", longer, scenario=True), case_of("two", "model.rayleigh=3e4", longer)]
    found = rollout_suite(cases, ["skip:1"], tmp_path / "out", reference=finer, report=len)
    rows = {(row["case"], row["solver"]): row for row in found["results"]}
    drawn = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert drawn == {"one.png", "outcomes.png", "chosen.png"}
    assert found["reference_settings"] == finer
    assert found["grids"] == ["32x16"]
    for name in ("one", "two"):
        assert rows[name, "direct"]["mean_temperature_mae"] == 0.0
        assert 1e-6 < rows[name, "skip:1"]["mean_temperature_mae"] < 0.05
        assert 1e-6 < rows[name, "skip:1"]["profile_mae"] < 0.1
    assert "The reference, and its twin, with grid.nx=48" in table(found)
    with pytest.raises(InputError, match="begun with other simulations, steps or settings"):
        rollout_suite(cases, ["skip:1"], tmp_path / "out", report=len)
    monkeypatch.setattr("tellus.coupling.trajectory.suite.figures.draw", lambda *_: [])
    same = rollout_suite(
        [case.changed(finer, ()) for case in cases], ["skip:1"], tmp_path / "same", report=len
    )
    assert {row["mean_temperature_mae"] for row in same["results"]} == {0.0}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name configurations to roll out"),
        (
            ["--data", "DATA", "--split", "other"],
            'no split "other": choose one of test, train, val',
        ),
        (["--data", "DATA", "--stokes", "skip:5,"], "--stokes takes names"),
        (["--data", "DATA", "--stokes", "magic"], 'no solver "magic"'),
        (["--data", "DATA", "--set", "grid.nx=0"], "--set: grid.nx must be"),
        (["--data", "DATA", "--reference", "grid.my=64"], "--reference: unknown key grid.my"),
        (["--data", "DATA", "--reference", "grid.aspect=7"], "--reference: grid.aspect says what"),
        (["--data", "DATA", "--reference", "model.heating=9"], "--reference: model.heating says"),
        (["--data", "DATA", "--reference", "stokes.solver=skip:2"], "--reference: stokes.solver"),
    ],
)
def test_bad_input_ends_in_a_sentence(
    arguments: list[str], sentence: str, data: Path, tmp_path: Path
) -> None:
    given = [str(data) if argument == "DATA" else argument for argument in arguments]
    out = tmp_path / "suite"
    assert sentence in complaint("rollout-suite", *given, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda card: card.pop("config"), "does not say how its simulations were made"),
        (lambda card: card["simulations"][0].pop("seed"), "does not say how"),
        (lambda card: card["simulations"][0].update(gamma_T="big"), "gamma_T: input should be"),
    ],
)
def test_a_damaged_card_is_bad_input(
    change: Callable[[Any], object], sentence: str, data: Path
) -> None:
    edit_card(data, change)
    with pytest.raises(InputError, match=sentence):
        cases_of_data(data)
