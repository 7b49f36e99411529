"""Every kind of file, damaged at random, through the commands that read it.

A command on damaged files ends with status 0 (the damage does not matter to it), 2 (bad input, in
one sentence) or, where it computes with what is there, 1 (what it computed failed): never with a
traceback. Each case is drawn from a seed, which a failure names.
"""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import tellus
from helpers import mutations as damage
from helpers.cards import card_of
from helpers.run_fixtures import library_log, one_field, one_thread
from helpers.small_data import Member, pairs_of_snapshots, problem, write_dataset
from helpers.small_models import save_models
from tellus.cli import app
from tellus.coupling.dataset.store import measure
from tellus.coupling.directory import checkpoint
from tellus.solver.grid import Grid
from tellus.surrogate.packed_temperatures import pack

__all__ = ["library_log", "one_field", "one_thread"]

GRID = Grid(16, 16, 4.0)
FEW, MANY = 1, 250
"""Damaged files of each kind, in every test and in the slow one."""

CONFIG = ["grid.nx=16", "grid.ny=16", "time.end=1e-3", "time.max_steps=3", "output.every=1e-7"]


@dataclass(frozen=True)
class Case:
    """A file of what `made` holds, how it is damaged, and a command that reads it."""

    file: str
    mutation: damage.Mutation
    command: str

    @property
    def folder(self) -> str:
        return self.file.partition("/")[0]

    @property
    def computes(self) -> bool:
        return self.command.startswith(("evaluate", "train", "unpack", "run"))


JSON = damage.either(damage.json_values, damage.json_values, damage.raw)
ARRAYS = damage.either(damage.npz, damage.npz, damage.raw)
TABLE = damage.either(damage.rows, damage.raw)
EVALUATE = "evaluate {model} --data {data} --json"

TRIED = [
    Case("data/card.json", JSON, "info {data}"),
    Case("data/card.json", JSON, "plot {data}"),
    Case("data/card.json", JSON, EVALUATE),
    Case("data/card.json", JSON, "export {data} --to travel --out {out}.npz"),
    Case("data/card.json", JSON, "train {train} --data {data} --out {out}"),
    Case("data/simulations/sim_002.zarr/temperature/zarr.json", JSON, EVALUATE),
    Case("data/simulations/sim_002.zarr/psi/c/0/0/0", damage.raw, EVALUATE),
    Case("arrived/simulations/sim_002.npz", ARRAYS, "evaluate {model} --data {arrived}"),
    Case("travel/set.npz", ARRAYS, "unpack {travel}/set.npz --out {out} --tolerance 0.1"),
    Case("run/run.json", JSON, "info {run}"),
    Case("run/run.json", JSON, "compare {run} --json"),
    Case("run/run.json", JSON, "plot {run} --frames 1 --out {out}"),
    Case("run/config.toml", TABLE, "info {run}"),
    Case("run/config.toml", TABLE, "plot {run} --frames 1 --out {out}"),
    Case("run/config.toml", TABLE, "compare {run} --json"),
    Case("run/timeseries.csv", TABLE, "info {run}"),
    Case("run/timeseries.csv", TABLE, "compare {run} --json"),
    Case("run/timeseries.csv", TABLE, "plot {run} --frames 1 --out {out}"),
    Case("run/timeseries.csv", TABLE, "run {run} --resume"),
    Case("run/fields.zarr/time/zarr.json", JSON, "info {run}"),
    Case("run/fields.zarr/zarr.json", JSON, "compare {run} --json"),
    Case("run/fields.zarr/zarr.json", JSON, "profile {run}"),
    Case("run/fields.zarr/temperature/c/1/0/0", damage.raw, "compare {run}"),
    Case("run/fields.zarr/zarr.json", JSON, "run {run} --resume"),
    Case("run/fields.zarr/psi/zarr.json", JSON, "run {run} --resume"),
    Case("run/checkpoints/*", ARRAYS, "run {run} --resume"),
    Case("two-level/metrics.jsonl", TABLE, "plot {two-level} --out {out}.png"),
    Case("two-level/card.json", JSON, "info {two-level}"),
    Case("two-level/card.json", JSON, "evaluate {two-level} --data {data}"),
    Case("multi-scale/card.json", JSON, "info {multi-scale}"),
    Case("multi-scale/card.json", JSON, "evaluate {multi-scale} --data {data}"),
    Case("time-unet/card.json", JSON, "info {time-unet}"),
    Case("time-unet/card.json", JSON, "evaluate {time-unet} --data {data}"),
    Case("profile/card.json", JSON, "info {profile}"),
    Case("two-level/card.json", JSON, "run {config} --out {out} --stokes surrogate:{two-level}"),
    Case(
        "profile/card.json",
        JSON,
        "run {config} --out {out} --set initial.kind=predicted --set initial.weights={profile}",
    ),
    Case("multi-scale/weights.safetensors", damage.raw, "evaluate {multi-scale} --data {data}"),
]
CASES = {f"{case.file}, {case.command.partition(' ')[0]}": case for case in TRIED}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a data set, what travels of it, what arrived, and models of every kind."""
    root = tmp_path_factory.mktemp("whole")
    tellus.run(tellus.load_config(None, CONFIG), root / "run")
    write_dataset(root / "data", GRID, _members(), config={"dataset": {"snapshot_every": 10}})
    card = card_of(root / "data")
    for entry, (_, values, arrays) in zip(card["simulations"], _members(), strict=True):
        law = problem(0, values["gamma_T"], values["gamma_p"], 1.0, GRID).rheology
        entry["statistics"] = measure(arrays["temperature"], arrays["psi"], law, GRID)
    card["statistics"] = {"train": card["simulations"][0]["statistics"]}
    (root / "data" / "card.json").write_text(json.dumps(card))
    pack(root / "data", root / "travel" / "set.npz")
    _arrive(root)
    save_models(root, GRID)
    (root / "train.toml").write_text(TRAINING)
    (root / "run.toml").write_text(tellus.config.dump(tellus.load_config(None, CONFIG)))
    lines = [
        {"epoch": n, "loss": 0.5**n, "validation": {"mean": 0.1, "median": 0.1}, "seconds": 1.0}
        for n in (1, 2)
    ]
    metrics = root / "two-level" / "metrics.jsonl"
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


TRAINING = (
    '[model]\nkind = "multi-scale"\n[network]\nfilters = 2\nlevels = 1\nconvolutions = 1\n'
    "size = 3\n[training]\nepochs = 1\nbatch_size = 8\n"
)


def _members() -> Iterator[Member]:
    return pairs_of_snapshots(GRID, ("train", "validation", "test"), every=10)


def _arrive(root: Path) -> None:
    """The data set as `tellus unpack` lays it out."""
    (root / "arrived" / "simulations").mkdir(parents=True)
    shutil.copy(root / "data" / "card.json", root / "arrived" / "card.json")
    for k, (_, _, arrays) in enumerate(_members()):
        np.savez(root / "arrived" / "simulations" / f"sim_{k:03d}.npz", **arrays)


def damaged(case: Case, made: Path, place: Path, seed: str) -> None:
    """Copy what the file lies in to `place`, and damage the file there."""
    shutil.copytree(made / case.folder, place / case.folder)
    file = sorted(place.glob(case.file))[-1]
    content = case.mutation(random.Random(seed), file.read_bytes())
    file.write_bytes(content)
    if case.file.startswith("run/checkpoints"):
        # What a stranger made has the right digest.
        step = int(file.name.split("-")[1])
        file.rename(file.with_name(f"step-{step:09d}-{checkpoint._digest(content)}.npz"))


def outcome(case: Case, made: Path, place: Path) -> Any:
    """What the command says to it; all other files are as they should be."""
    place.mkdir(exist_ok=True)
    names = {path.name: path for path in made.iterdir() if path.is_dir()}
    names |= {case.folder: place / case.folder, "out": place / "out"}
    names |= {"model": names["multi-scale"], "train": made / "train.toml"}
    names |= {"config": made / "run.toml"}
    arguments = [word.format(**names) for word in case.command.split()]
    return CliRunner().invoke(app, arguments)


def check(name: str, count: int, made: Path, tmp_path: Path) -> None:
    case = CASES[name]
    for number in range(count):
        place, seed = tmp_path / str(number), f"{name} {number}"
        place.mkdir()
        damaged(case, made, place, seed)
        done = outcome(case, made, place)
        failure = done.exception
        if failure is not None and not isinstance(failure, SystemExit):
            raise AssertionError(f"seed {seed!r}: {failure!r}") from failure
        assert done.exit_code in ((0, 1, 2) if case.computes else (0, 2)), (seed, done.output)
        shutil.rmtree(place)


@pytest.mark.usefixtures("drawn")
@pytest.mark.slow
def test_whole_files_are_read(made: Path, tmp_path: Path) -> None:
    """Otherwise the others would show nothing."""
    for number, case in enumerate(CASES.values()):
        place = tmp_path / str(number)
        shutil.copytree(made / case.folder, place / case.folder)
        done = outcome(case, made, place)
        assert done.exit_code == 0, (case, done.output, done.exception)


@pytest.mark.usefixtures("one_field")
@pytest.mark.parametrize("name", [n for n, case in CASES.items() if not case.computes])
def test_a_few_damaged_files(name: str, made: Path, tmp_path: Path) -> None:
    check(name, FEW, made, tmp_path)


@pytest.mark.usefixtures("drawn")
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_many_damaged_files(name: str, made: Path, tmp_path: Path) -> None:
    check(name, MANY, made, tmp_path)
