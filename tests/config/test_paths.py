"""Paths in a configuration: beside the file that names them, or in the caller's directory."""

from pathlib import Path

import numpy as np
import pytest

from helpers.rollouts import tellus
from tellus import Simulation
from tellus.config import Config, DatasetConfig, load_config, load_dataset_config
from tellus.config.fields import fields, paths
from tellus.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "examples"
PLACED = ["grid.nx=16", "grid.ny=8", "energy.advection=van-leer"]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The caller's directory; the file lies in another one."""
    (tmp_path / "files").mkdir()
    (tmp_path / "caller").mkdir()
    monkeypatch.chdir(tmp_path / "caller")
    return tmp_path


def written(elsewhere: Path, text: str) -> Path:
    file = elsewhere / "files" / "case.toml"
    file.write_text(text)
    return Path("../files/case.toml")


@pytest.mark.parametrize(
    ("section", "key", "before", "after", "more"),
    [
        ("initial", "path", "", "", 'kind = "file"\n'),
        ("initial", "path", "", "", 'kind = "profile"\n'),
        ("initial", "weights", "", "", 'kind = "predicted"\n'),
        ("rheology", "kind", "", ".py:Mine", ""),
        ("stokes", "solver", "surrogate:", "", ""),
        ("stokes", "solver", "skip:3:linear:anchored:4:surrogate:", "", ""),
        ("stokes", "solver", "check:", ".py:Fast", ""),
    ],
)
def test_every_path_begins_where_it_is_written(
    section: str, key: str, before: str, after: str, more: str, elsewhere: Path
) -> None:
    name = f"{section}.{key}"
    file = written(elsewhere, f'[{section}]\n{more}{key} = "{before}a/b{after}"\n')

    def value(config: Config | DatasetConfig) -> str:
        return str(getattr(getattr(config, section), key))

    loads = (load_config, load_dataset_config) if section == "stokes" else (load_config,)
    for load in loads:
        assert value(load(file)) == f"{before}{elsewhere}/files/a/b{after}"
        changed = load(file, [f"{name}={before}a/b{after}"])
        assert value(changed) == f"{before}{elsewhere}/caller/a/b{after}"
        assert value(load(file, [f"{name}={before}/x/y{after}"])) == f"{before}/x/y{after}"


def test_names_without_a_path_stay() -> None:
    for name in ("anchored:50:surrogate", "skip:10:linear"):
        assert load_config(None, [f"stokes.solver={name}"]).stokes.solver == name


def test_no_path_is_left_out() -> None:
    """A field called path, file or weights, or the name of a solver, is marked as holding one."""
    for model in (Config, DatasetConfig):
        marked = {key for key, _ in paths(model)}
        for key, field in fields(model):
            if key.endswith((".path", ".weights", ".file")) or key == "stokes.solver":
                assert key in marked, f"{key}: {field.description}"


def test_the_example_with_a_path_runs_from_anywhere(elsewhere: Path) -> None:
    decoy = elsewhere / "caller" / "profile.csv"
    decoy.write_text("0 0\n1 1\n")
    config = load_config(EXAMPLES / "profile-start.toml", PLACED)
    table = np.loadtxt(EXAMPLES / "profile.csv", delimiter=",", skiprows=1)
    found = Simulation.from_config(config).temperature.mean(axis=1)
    order = np.argsort(table[:, 0])
    expected = np.interp((np.arange(8) + 0.5) / 8, table[order, 0], table[order, 1])
    np.testing.assert_allclose(found, expected, atol=0.01)
    by_hand = load_config(EXAMPLES / "profile-start.toml", [*PLACED, "initial.path=profile.csv"])
    assert by_hand.initial.path == str(decoy)


def test_the_command_shows_and_stores_where_a_path_leads(elsewhere: Path) -> None:
    (elsewhere / "files" / "p.txt").write_text("0 1\n1 0\n")
    text = '[grid]\nnx = 16\nny = 8\n[initial]\nkind = "profile"\npath = "p.txt"\n'
    file = written(elsewhere, text)
    absolute = f'path = "{elsewhere}/files/p.txt"'
    assert absolute in tellus("config", file).stdout
    tellus("run", file, "--out", "run", "--set", "time.max_steps=1")
    assert absolute in Path("run/config.toml").read_text()
    (elsewhere / "files" / "p.txt").unlink()
    tellus("run", file, "--out", "run", "--resume", "--set", "time.max_steps=2")


def test_a_nul_is_in_no_path(elsewhere: Path) -> None:
    file = written(elsewhere, '[initial]\nkind = "file"\npath = "a\\u0000b"\n')
    with pytest.raises(InputError, match=r"case\.toml: initial\.path holds a NUL"):
        load_config(file)
    with pytest.raises(InputError, match=r"^--set: initial\.path holds a NUL"):
        load_config(file, ['initial.path="a\\u0000b"'])
