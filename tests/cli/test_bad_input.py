"""Bad input, whatever it is, ends in one sentence and exit status 2, and harms nothing on disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import tomli_w
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from helpers.rollouts import complaint, tellus
from tellus.config import Config, DatasetConfig, TrainingConfig, dump, examples, load_config
from tellus.config.fields import fields
from tellus.config.read import read
from tellus.errors import InputError

MODELS = (Config, DatasetConfig, TrainingConfig)
KEYS = [key for key, _ in fields(Config)]
SECTIONS = sorted({section for model in MODELS for section in model.model_fields})
LEAVES = sorted({key.partition(".")[2] for model in MODELS for key, _ in fields(model)})

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.floats(),
    st.booleans(),
    st.dates(),
    text,
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(text, v, max_size=3), max_leaves=6
)
leaves = st.sampled_from(LEAVES) | text
tables = st.dictionaries(
    st.sampled_from(SECTIONS) | text,
    values | st.dictionaries(leaves, values, max_size=4),
    max_size=4,
)
models = st.sampled_from(MODELS)
keys = st.sampled_from(KEYS)

# One directory may serve all examples of a test.
patient = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def accepted_or_explained(model: Any, file: Path | None, overrides: list[str]) -> Any:
    """The configuration, or None after one sentence; anything else fails the test."""
    try:
        return read(model, file, overrides)
    except InputError as failure:
        sentence = str(failure)
    assert sentence.endswith(".")
    return None


@patient
@given(model=models, content=tables)
def test_any_toml_is_accepted_or_explained(tmp_path: Path, model: Any, content: Any) -> None:
    file = tmp_path / "case.toml"
    file.write_text(tomli_w.dumps(content), encoding="utf-8")
    config = accepted_or_explained(model, file, [])
    if config is not None:
        file.write_text(dump(config), encoding="utf-8")
        assert read(model, file) == config


@patient
@given(content=st.binary(max_size=200) | text.map(str.encode))
@example(content=b"\xef\xbb\xbf[grid]\nnx = 8\n")
@example(content=b"[grid]\nnx = " + b"9" * 5000)
def test_any_file_is_accepted_or_explained(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "case.toml"
    file.write_bytes(content)
    accepted_or_explained(Config, file, [])


@patient
@given(overrides=st.lists(st.text(max_size=40) | keys.map("{}=x\ny".format), max_size=3))
@example(overrides=["grid.nx=" + "9" * 5000])
@example(overrides=["grid.nx=" + "[" * 5000])
@example(overrides=["initial.path=\udcff", "initial.kind=file"])
def test_any_override_is_accepted_or_explained(overrides: list[str]) -> None:
    assume(not any(override.startswith("-") for override in overrides))
    words = [word for override in overrides for word in ("--set", override)]
    try:
        tellus("config", *words)
    except AssertionError:
        complaint("config", *words)


@patient
@given(key=keys, value=values)
def test_any_value_of_any_key_is_accepted_or_explained(key: str, value: Any) -> None:
    written = tomli_w.dumps({"v": value})
    assume(written.startswith("v = "))
    accepted_or_explained(Config, None, [f"{key}={written.removeprefix('v = ')}"])


@patient
@given(key=keys, data=st.data())
def test_a_mistyped_key_is_named_with_a_valid_one(key: str, data: st.DataObject) -> None:
    section, _, leaf = key.partition(".")
    position = data.draw(st.integers(0, len(leaf) - 1))
    letter = data.draw(st.sampled_from("qxz_"))
    wrong = f"{section}.{leaf[:position]}{letter}{leaf[position + 1 :]}"
    assume(wrong not in KEYS)
    with pytest.raises(InputError) as failure:
        read(Config, None, [f"{wrong}=1"])
    sentence = str(failure.value)
    assert f"unknown key {wrong} " in sentence
    assert any(f"the nearest is {name})" in sentence for name in KEYS)


def test_what_is_out_of_range_is_named() -> None:
    outside: dict[str, Callable[[Any], Any]] = {
        "ge": lambda limit: limit - 1,
        "gt": lambda limit: limit,
        "le": lambda limit: limit + max(1, limit),
        "lt": lambda limit: limit,
    }
    tried = 0
    for key, about in fields(Config):
        for bound in about.metadata:
            for name in outside.keys() & set(dir(bound)):
                tried += 1
                value = outside[name](getattr(bound, name))
                with pytest.raises(InputError, match=f"--set: {key} must be "):
                    read(Config, None, [f"{key}={value}"])
    assert tried > 100


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, and a configuration in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.toml").write_text("[grid]\nnx = 32\nny = 8\n")
    return tmp_path


BAD_KEYS = ("grid.nx=2", "grid.nz=8", "time.end=nan", "initial.kind=file", "stokes.solver=nope")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", ".", "--resume"],
        ["run", "missing.toml", "--resume", "--out", "nowhere"],
        ["config"],
        ["compare", "missing", "missing", "--json"],
        ["bench", "stokes", "--grid", "512"],
        ["bench", "step", "--solvers", "direct,,skip:2"],
        *(["run", "case.toml", "--set", change] for change in BAD_KEYS),
    ],
    ids="-".join,
)
def test_what_cannot_be_done_writes_nothing(arguments: list[str], here: Path) -> None:
    complaint(*arguments)
    assert [path.name for path in here.iterdir()] == ["case.toml"]


def test_a_run_to_go_on_with_is_named_as_it_was(here: Path) -> None:
    (here / "elsewhere").mkdir()
    (here / "case.toml").rename(here / "elsewhere" / "case.toml")
    for name, said in {
        "elsewhere/typo": "elsewhere/typo does not exist: name a run directory",
        "elsewhere/case.toml": "elsewhere/case.toml began no run in runs/case: name the run's own",
    }.items():
        assert said in complaint("run", name, "--resume")


@pytest.mark.parametrize("change", ["grid.nx=64", "initial.seed=4"])
def test_a_resumed_run_refuses_other_physics(tmp_path: Path, change: str) -> None:
    (tmp_path / "config.toml").write_text(dump(Config()))
    said = complaint("run", tmp_path, "--resume", "--set", change)
    assert change.partition("=")[0] in said


def test_an_edited_file_is_not_silently_ignored_on_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tellus.cli.run import overrides, resumed

    file = tmp_path / "case.toml"
    file.write_text("[time]\nend = 0.5\ncourant = 0.25\n")
    # Begun when defaults were others, which the file says nothing of.
    begun = load_config(None, ["stokes.solver=direct", "time.growth=1.5"])
    (tmp_path / "config.toml").write_text(dump(begun))
    config, directory = resumed(file, tmp_path, overrides(None, "skip:2", None, ["time.end=0.3"]))
    assert (config.time.end, config.time.courant, config.stokes.solver) == (0.3, 1.0, "skip:2")
    assert directory == tmp_path
    said = capsys.readouterr().err
    assert "time.courant = 1.0 (not 0.25)" in said
    assert "time.end" not in said
    assert "stokes.solver" not in said
    assert "growth" not in said


def test_a_directory_that_holds_a_run_is_left_alone(here: Path) -> None:
    (out := here / "run").mkdir()
    begun = dump(load_config(here / "case.toml"))
    for content, said in (("precious", "is no run's"), (begun, "holds a run")):
        (out / "config.toml").write_text(content)
        assert said in complaint("run", "case.toml", "--out", out)
        assert {path.name: path.read_text() for path in out.iterdir()} == {"config.toml": content}


@pytest.mark.usefixtures("here")
def test_two_words_for_one_key() -> None:
    model = "closure.weights=models/mine"
    said = complaint("run", "case.toml", "--closure", "learned", "--set", model)
    assert said == (
        f"tellus: --closure sets closure.weights, and so does --set {model}: take one of them.\n"
    )


def test_benchmarks_leave_a_run_alone(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"tellus": "0.1.0"}')
    (tmp_path / "timeseries.csv").write_text("precious")
    for command in (["accuracy"], ["suite"], ["pareto", examples.example("pareto")]):
        assert "is a run: choose another --out" in complaint("bench", *command, "--out", tmp_path)
    for name in ("run.json", "timeseries.csv"):
        for bench in ("stokes", "sharpen", "verification"):
            said = complaint("bench", bench, "--out", tmp_path / name)
            assert f"{name} is not a benchmark's result" in said
        said = complaint("bench", "step", "--out", tmp_path / name / "result.json")
        assert f"({tmp_path / name} is no directory)" in said
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "timeseries.csv"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "case.toml", "--out", ""], "--out"),
        (["run", "case.toml", "--out="], "--out"),
        (["run", "case.toml", "--stokes", " "], "--stokes"),
        (["demo", "--out", ""], "--out"),
        (["info", ""], "an argument"),
        (["compare", "run", ""], "an argument"),
        (["bench", "stokes", "--grid", "16x8", "--out", ""], "--out"),
        (["dataset", "case.toml", "--out", "d", "--scheduler", ""], "--scheduler"),
    ],
)
def test_an_empty_argument_is_not_the_current_directory(
    arguments: list[str], named: str, here: Path
) -> None:
    said = f"tellus: {named} is empty: give it a value, or leave it out.\n"
    assert complaint(*arguments) == said
    assert [path.name for path in here.iterdir()] == ["case.toml"]


def test_an_empty_value_of_a_key_is_a_value() -> None:
    tellus("config", "--set", "model.heating_decay=[]")
    assert "initial.path" in complaint("config", "--set", "initial.path=")
    trained = ["--set", "closure.kind=learned", "--set", "closure.weights="]
    assert "closure.weights must name a directory" in complaint("config", *trained)


@pytest.mark.parametrize("name", ["x" * 300, "case.toml/below", "loop"])
def test_paths_that_cannot_be_are_named_with_a_remedy(name: str, here: Path) -> None:
    Path("loop").symlink_to("loop")
    for command in (["info", name], ["run", name], ["run", "case.toml", "--out", name]):
        assert name in complaint(*command)
    assert sorted(path.name for path in here.iterdir()) == ["case.toml", "loop"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_modules_are_imported_is_one_sentence(number: int, tmp_path: Path) -> None:
    # Imported before all else, it sends the signal at that very moment.
    interrupting = f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(60)\n"
    (tmp_path / "typer.py").write_text(interrupting)
    done = subprocess.run(
        [sys.executable, "-m", "tellus", "run", "case.toml"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "tellus: stopped by a signal.\n")


@pytest.mark.parametrize(("resume", "status"), [(False, 1), (True, 3)])
def test_a_signal_before_a_run_goes_on_is_resumable(
    resume: bool, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    loader = "load_stored_config" if resume else "load_config"
    monkeypatch.setattr(f"tellus.cli.run.{loader}", interrupted)
    (tmp_path / "config.toml").write_text(dump(Config()))
    options = ["--resume"] if resume else ["--out", tmp_path / "new"]
    said = complaint("run", tmp_path, *options, status=status)
    assert ("the same command goes on" in said) is resume


def test_usage_errors_are_bad_input() -> None:
    for arguments in (["frobnicate"], ["run"], ["bench", "frobnicate"]):
        tellus(*arguments, status=2)


def test_full_disk_and_memory_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(28, "No space left on device", "fields.zarr")
    no_room = "tellus: fields.zarr: No space left on device; make room, or name another path.\n"
    large = MemoryError("Unable to allocate 9 TiB")
    no_memory = "tellus: out of memory (Unable to allocate 9 TiB); try a smaller grid.\n"
    for failure, said in ((full, no_room), (large, no_memory)):
        described = Mock(side_effect=failure)
        monkeypatch.setattr("tellus.coupling.runs.info.describe", described)
        assert complaint("info", tmp_path, status=1) == said


def test_config_prints_what_it_would_use() -> None:
    assert "nx = 32" in tellus("config", "--set", "grid.nx=32").stdout
    listed = tellus("config", "--help-fields").stdout
    assert all(key in listed for model in MODELS for key, _ in fields(model))
