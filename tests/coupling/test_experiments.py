"""A folder of trainings, trained and compared by one command that can be stopped."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from helpers import one_by_one
from helpers.cards import edit_card
from helpers.run_fixtures import dataset
from tellus.cli import app
from tellus.config import load_training_config
from tellus.coupling.experiments import trainings

__all__ = ["dataset"]

TINY = (
    "[network]\nfilters = 4\nlevels = 2\nconvolutions = 1\n[training]\nepochs = 1\nbatch_size = 8\n"
)


SEED = ("--set", "training.seed=1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two networks that differ in their walls."""
    return written(tmp_path / "folder")


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both of them, trained, evaluated and told of, with another seed than their files say."""
    root = tmp_path_factory.mktemp("experiments")
    code, said = run(written(root / "folder"), dataset, root / "seed-1", *SEED)
    assert code == 0, said
    return root / "seed-1"


def written(made: Path) -> Path:
    made.mkdir()
    for name, walls in (("1-paper", "paper"), ("2-exact-walls", "exact")):
        text = f'# Walls: {walls}.\n[model]\nkind = "multi-scale"\nwalls = "{walls}"\n{TINY}'
        (made / f"{name}.toml").write_text(text)
    return made


def run(folder: Path, data: Path, out: Path, *more: str) -> tuple[int, str]:
    arguments = ["experiments", str(folder), "--data", str(data), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--steps", "0", *more])
    return result.exit_code, result.output


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """No cluster."""
    with patch.multiple(trainings, run_all=one_by_one.run_all, tell=len):
        yield


def test_all_are_trained_evaluated_and_told(folder: Path, dataset: Path, trained: Path) -> None:
    out = trained
    result = json.loads((out / "experiments.json").read_text())
    rows = result["results"]
    assert [row["name"] for row in rows] == ["paper", "exact-walls"]
    assert rows[0]["meaning"] == "Walls: paper."
    inside = [row["evaluation"]["max_divergence"] for row in rows]
    assert inside[1] < 1e-12 < inside[0], "only exact walls leave no cell with a divergence"
    cards = [json.loads(card.read_text()) for card in out.glob("*/model/card.json")]
    assert [card["training"]["seed"] for card in cards] == [1, 1]
    assert (result["changes"], result["out"]) == (["training.seed=1"], "seed-1")
    parts = sum(row["training_seconds"] for row in rows)
    assert result["trainings_seconds"] >= parts
    before = (out / "paper" / "model" / "weights.safetensors").stat().st_mtime_ns
    (out / "exact-walls" / "evaluation.json").unlink()
    assert run(folder, dataset, out, *SEED)[0] == 0
    assert (out / "paper" / "model" / "weights.safetensors").stat().st_mtime_ns == before
    assert (out / "exact-walls" / "evaluation.json").exists()
    assert json.loads((out / "experiments.json").read_text())["trainings_seconds"] is None


@pytest.mark.parametrize(
    ("prepare", "more", "said"),
    [
        (lambda folder: None, ("--only", "paper,papre"), "no experiment papre"),
        (lambda folder: [f.unlink() for f in folder.iterdir()], (), "is no folder of training"),
        (lambda folder: (folder / "3.toml").write_text("[model]\nkind = 3\n"), (), "model.kind"),
        (lambda f: (f / "3.toml").write_text('[model]\nkind = "profile"\n'), (), "no velocity"),
        (lambda folder: (folder / "3.toml").write_text("[network]\nfilers = 3\n"), (), "filers"),
        (
            lambda f: shutil.copy(f / "1-paper.toml", f / "3-paper.toml"),
            (),
            "the name paper is there twice",
        ),
    ],
)
def test_bad_folders_get_a_sentence_before_anything_is_trained(
    prepare: object, more: tuple[str, ...], said: str, folder: Path, dataset: Path, tmp_path: Path
) -> None:
    prepare(folder)  # type: ignore[operator]
    code, output = run(folder, dataset, tmp_path / "out", *more)
    assert code == 2
    assert said in output
    assert not (tmp_path / "out").exists()


def test_what_is_damaged_or_missing_is_named_before_anything_is_trained(
    folder: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    incomplete = tmp_path / "incomplete"
    shutil.copytree(dataset, incomplete)
    shutil.rmtree(incomplete / "simulations" / "sim_007.zarr")
    code, output = run(folder, incomplete, out)
    assert (code, out.exists()) == (2, False)
    assert "sim_007.zarr is missing: run `tellus dataset` again" in output
    evaluation = out / "paper" / "evaluation.json"
    evaluation.parent.mkdir(parents=True)
    evaluation.write_text('{"median": 0.')
    code, output = run(folder, dataset, out)
    assert code == 2
    assert f"{evaluation} cannot be read" in output.replace("\n", "")
    assert [path.name for path in out.rglob("*")] == ["paper", "evaluation.json"]


def test_models_of_other_settings_or_data_are_refused(
    folder: Path, dataset: Path, trained: Path, tmp_path: Path
) -> None:
    out = trained
    weights = (out / "paper" / "model" / "weights.safetensors").read_bytes()
    other = tmp_path / "other"
    shutil.copytree(dataset, other)
    edit_card(other, lambda card: card.update(hash="another"))
    rate = ("--set", "training.learning_rate=0.5")
    for data, changes in ((other, SEED), (dataset, (*SEED, *rate)), (dataset, ())):
        code, said = run(folder, data, out, "--only", "paper", *changes)
        assert code == 2
        assert "was trained under other settings" in said
    assert (out / "paper" / "model" / "weights.safetensors").read_bytes() == weights
    code, said = run(folder, dataset, tmp_path / "new", "--set", "training.sed=1")
    assert (code, (tmp_path / "new").exists()) == (2, False)
    assert "training.sed" in said


def test_a_signal_stops_a_training_and_the_same_command_goes_on(
    folder: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in folder.iterdir():
        file.write_text(file.read_text().replace("epochs = 1", "epochs = 3"))
    begun, metrics = [1], tmp_path / "out" / "paper" / "model" / "metrics.jsonl"

    def stop_once(line: str) -> None:
        if "epoch 2" in line and begun:
            begun.pop()
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(trainings, "tell", stop_once)
    command = (folder, dataset, tmp_path / "out", "--only", "paper")
    code, said = run(*command)
    assert (code, "goes on" in said) == (3, True), said
    assert len(metrics.read_text().splitlines()) == 2
    assert run(*command)[0] == 0
    assert len(metrics.read_text().splitlines()) == 3


@pytest.mark.slow
def test_a_signal_stops_two_processes_resumable(
    folder: Path, dataset: Path, tmp_path: Path
) -> None:
    """Slow, as three processes load PyTorch; the test before stops one training alike."""
    for file in folder.iterdir():
        file.write_text(file.read_text().replace("epochs = 1", "epochs = 100000"))
    command = ["experiments", str(folder), "--data", str(dataset), "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        [sys.executable, "-m", "tellus", *command, "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        begun: set[str] = set()
        while len(begun) < 2:
            name, _, said = process.stdout.readline().partition(": ")
            begun |= {name} if said.startswith("epoch") else set()
        process.terminate()
        process.stdout.read()
        complaint = process.stderr.read()
    assert process.returncode == 3, complaint
    assert "goes on" in complaint
    for name in begun:
        metrics = tmp_path / "out" / name / "model" / "metrics.jsonl"
        epochs = len(metrics.read_text().splitlines())
        sleep(0.5)
        assert len(metrics.read_text().splitlines()) == epochs > 0


@pytest.mark.parametrize("file", sorted(Path("experiments").glob("*/*.toml")), ids=str)
def test_shipped_experiments_are_valid(file: Path) -> None:
    assert load_training_config(file).settings().epochs >= 1
    assert file.read_text().startswith("# ")
