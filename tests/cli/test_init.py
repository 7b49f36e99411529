"""`tellus init`, `--help-fields SECTION` and completion: what somebody new meets first."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers.rollouts import tellus
from tellus.cli import app
from tellus.config import load_config
from tellus.config.examples import FOLDER, example, examples, to_begin_with
from tellus.config.fields import fields
from tellus.config.purposes import MODELS, purpose_of
from tellus.config.read import read_kind, toml


@pytest.mark.parametrize("name", examples())
def test_an_example_to_begin_with_says_the_same_and_names_every_key(
    name: str, tmp_path: Path
) -> None:
    out = tmp_path / "mine.toml"
    files = to_begin_with(example(name), out)
    for file, content in files.items():
        file.write_text(content)
    models = MODELS[purpose_of(toml(out))]
    written, original = (read_kind(models, path) for path in (out, FOLDER / f"{name}.toml"))
    moved = {str(FOLDER): str(tmp_path)} if len(files) > 1 else {}
    expected = str(original.model_dump())
    for before, after in moved.items():
        expected = expected.replace(before, after)
    assert str(written.model_dump()) == expected
    # With its comments uncommented, but for keys without a value, it is a configuration too.
    lines = [line.removeprefix("# ") if " = " in line else line for line in files[out].splitlines()]
    keys = {key for key, _ in fields(type(written))}
    section, named = "", set()
    for line in lines:
        section = line[1 : line.index("]")] if line.startswith("[") else section
        named.add(f"{section}.{line.partition(' = ')[0]}")
    assert keys <= named


def test_defaults_in_comments_are_those_of_the_configuration(tmp_path: Path) -> None:
    text = to_begin_with(example("quickstart"), tmp_path / "a.toml")[tmp_path / "a.toml"]
    active = [
        line.removeprefix("# ") if line.startswith("# ") and " =   #" not in line else line
        for line in text[text.index("[grid]") :].splitlines()
    ]
    (tmp_path / "b.toml").write_text("\n".join(active))
    (tmp_path / "a.toml").write_text(text)
    assert load_config(tmp_path / "b.toml") == load_config(tmp_path / "a.toml")


def test_init_writes_and_replaces_nothing_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "`tellus run quickstart.toml`" in tellus("init").stdout
    tellus("init")  # the same again harms nothing
    assert "leave out x" in tellus("init", "--list", "x", status=2).stderr
    Path("quickstart.toml").write_text("mine")
    assert "--force" in tellus("init", status=2).output
    assert Path("quickstart.toml").read_text() == "mine"
    tellus("init", "--force")
    assert "[grid]" in Path("quickstart.toml").read_text()
    tellus("init", "profile-start", "--out", "here/it.toml", status=2)
    tellus("init", "profile-start", "--out", "it.toml")
    assert Path("profile.csv").is_file()
    assert 'did you mean "quickstart"' in tellus("init", "quikstart", status=2).output
    assert "tosi-1" in tellus("init", "--list").stdout


def test_help_of_one_section() -> None:
    said = tellus("config", "--help-fields", "planet").stdout
    assert "planet.depth_km" in said
    assert "grid.nx" not in said
    assert "there is no section" in tellus("config", "--help-fields", "plant", status=2).output


def test_a_configuration_says_itself_what_it_is_for(tmp_path: Path) -> None:
    assert "[dataset]" in tellus("config", example("dataset-128x32")).stdout
    assert 'kind = "time-unet"' in tellus("config", example("train-time-unet")).stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [("tellus init prof", "profile-start"), ("tellus run x --set planet.d", "planet.depth_km=")],
)
def test_a_shell_completes(words: str, found: str) -> None:
    asked = {
        "_TELLUS_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = CliRunner().invoke(app, [], env=asked, prog_name="tellus")
    assert found in done.stdout.split()
