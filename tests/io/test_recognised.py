"""A path that is not what a command takes: one sentence, the same from every command."""

import os
from pathlib import Path

import pytest

from helpers.rollouts import complaint
from tellus.errors import InputError
from tellus.io.recognised import (
    ARCHIVE,
    CONFIGURATION,
    DATA,
    MADE,
    MODEL,
    RUN,
    SWEEP,
    expect,
    recognised,
)

# What each directory is known by; the commands must not get any further.
KNOWN_BY = {
    "a-run": ("run.json", "{}", RUN),
    "lost-run": ("timeseries.csv", "step\n", RUN),
    "a-sweep": ("sweep.json", "{}", SWEEP),
    "a-set": ("card.json", '{"simulations": []}', DATA),
    "lost-set": ("simulations/sim_000.npz", "", DATA),
    "a-model": ("card.json", "{}", MODEL),
    "lost-model": ("metrics.jsonl", "", MODEL),
    "folder": ("notes.txt", "", None),
}
FILES = {
    "case.toml": (b"[grid]\nnx = 16\n", CONFIGURATION),
    "case.conf": (b"[grid]\nnx = 16\n", CONFIGURATION),
    "best": (b"\x10" + bytes(7) + b"{}", MODEL),
    "set.npz": (b"PK\x03\x04", ARCHIVE),
    "notes.txt": (b"Nothing of Tellus.\n", None),
}

TAKEN = {
    RUN: [
        ["compare", "PATH", "a-run"],
        ["profile", "PATH"],
        ["plot", "PATH", "a-run", "--out", "new"],
        ["plot", "PATH", "--fields", "temperature"],
        ["export", "PATH", "--to", "vtk"],
        ["export", "PATH", "--to", "netcdf"],
        ["sharpen", "PATH", "--out", "new"],
        ["run", "case.toml", "--resume", "--out", "PATH"],
        ["run", "case.toml", "--set", "initial.kind=file", "--set", "initial.path=PATH"],
    ],
    DATA: [
        ["evaluate", "--data", "PATH"],
        ["train", "trainings/one.toml", "--data", "PATH", "--out", "new"],
        ["rollout-suite", "--data", "PATH", "--out", "new"],
        ["experiments", "trainings", "--data", "PATH", "--out", "new"],
        ["export", "PATH", "--to", "travel", "--out", "new.npz"],
    ],
    MODEL: [
        ["evaluate", "PATH", "--data", "a-set"],
        ["run", "case.toml", "--stokes", "surrogate:PATH"],
        ["run", "case.toml", "--closure", "PATH"],
        ["run", "case.toml", "--set", "initial.kind=predicted", "--set", "initial.weights=PATH"],
        ["sharpen", "a-run", "--closure", "PATH", "--out", "new"],
    ],
    CONFIGURATION: [
        ["run", "PATH"],
        ["dataset", "PATH", "--out", "new"],
        ["sweep", "PATH", "--vary", "model.heating=0,1", "--out", "new"],
        ["train", "PATH", "--data", "a-set", "--out", "new"],
        ["rollout-suite", "PATH", "--out", "new"],
        ["config", "PATH"],
        ["bench", "pareto", "PATH"],
    ],
    ARCHIVE: [["unpack", "PATH", "--out", "new"]],
}
COMMANDS = [(kind, words) for kind, commands in TAKEN.items() for words in commands]


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of each."""
    monkeypatch.chdir(tmp_path)
    for name, (file, content, _) in KNOWN_BY.items():
        (tmp_path / name / file).parent.mkdir(parents=True)
        (tmp_path / name / file).write_text(content)
    for name, (data, _) in FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "trainings").mkdir()
    (tmp_path / "trainings/one.toml").write_text("[training]\nepochs = 1\n")
    return tmp_path


def test_what_lies_at_a_path(things: Path) -> None:
    kinds = {name: kind for name, (*_, kind) in (KNOWN_BY | FILES).items()}
    assert {name: recognised(things / name) for name in kinds} == kinds
    assert recognised(things / "nowhere") is None


@pytest.mark.parametrize(
    ("kind", "words"),
    COMMANDS,
    ids=lambda value: value if isinstance(value, str) else "-".join(value[:2]),
)
def test_every_command_says_one_thing_one_way(kind: str, words: list[str], things: Path) -> None:
    before = sorted(things.rglob("*"))

    def said(name: str) -> str:
        # A configuration's paths hold in any directory.
        return complaint(*(w.replace("PATH", name) for w in words)).replace(f"{things}/", "")

    article = "an" if kind == ARCHIVE else "a"
    assert said("nowhere").endswith(f" nowhere does not exist: name {MADE[kind]}.\n")
    assert said("folder").endswith(f" folder is no {kind}: name {MADE[kind]}.\n")
    assert f" a-sweep is a sweep, not {article} {kind}: name " in said("a-sweep")
    assert sorted(things.rglob("*")) == before


def test_where_several_will_do_all_are_named(things: Path) -> None:
    drawn, described = (
        "run, sweep, data set or model",
        "run, sweep, data set, model or configuration",
    )
    assert complaint("plot", "nowhere") == f"tellus: nowhere does not exist: name a {drawn}.\n"
    assert complaint("plot", "folder") == f"tellus: folder is no {drawn}: name one of these.\n"
    assert complaint("info", "nowhere") == f"tellus: nowhere does not exist: name a {described}.\n"
    assert complaint("info", "folder") == f"tellus: folder is no {described}: name one of these.\n"
    web = complaint("export", "a-set", "--to", "web")
    assert web == "tellus: a-set is a data set, not a run or model: name one of these.\n"
    assert complaint("info", "set.npz").endswith("the data set that `tellus unpack` makes of it.\n")


def test_the_remedy_knows_what_is_there(things: Path) -> None:
    assert complaint("profile", "a-sweep").endswith(": name its runs, a-sweep/runs/*.\n")
    assert ": name a-run/config.toml, or go on with the run" in complaint("run", "a-run")
    for lost, what in (("lost-run", RUN), ("lost-set", DATA), ("lost-model", MODEL)):
        sentence = complaint("info", lost)
        assert f" is missing: copy the {what} again, or make it anew." in sentence


def test_a_pipe_is_nothing_to_wait_for(things: Path) -> None:
    os.mkfifo(things / "pipe")
    with pytest.raises(InputError, match="pipe is no run"):
        expect(things / "pipe", RUN)
