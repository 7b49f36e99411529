"""No command writes over what it reads, however that is spelled."""

import os
from pathlib import Path

import pytest
from rollouts import tellus

from tellus.errors import InputError
from tellus.io.places import READ, refuse_sources


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What could be a run, a data set or a model, of one folder behind a link."""
    folder = tmp_path / "place"
    (folder / "simulations").mkdir(parents=True)
    (folder / "fields.zarr").mkdir()
    (folder / "plots").mkdir()
    for name in ("card.json", "config.toml", "weights.safetensors", "timeseries.csv"):
        (folder / name).write_text("precious")
    (tmp_path / "store").write_text("precious")
    (folder / "simulations" / "sim_000.npz").symlink_to(tmp_path / "store")
    (tmp_path / "linked").symlink_to(folder)
    (tmp_path / "another.json").symlink_to(folder / "card.json")
    os.link(folder / "card.json", tmp_path / "hard.json")
    return folder


OVER = [
    "place/card.json",
    "place/./simulations/../card.json",
    "linked/card.json",
    "another.json",
    "hard.json",
    "store",
    "place/simulations",
    "place/simulations/new.json",
    "linked/fields.zarr/deep/down/report.html",
    "place/weights.safetensors",
]


@pytest.mark.parametrize("out", OVER)
def test_what_is_read_is_not_written_over(out: str, place: Path) -> None:
    with pytest.raises(InputError, match=r"--out .* which is read: name another place"):
        refuse_sources(place.parent / out, None, place)


@pytest.mark.parametrize("out", ["place/report.html", "place/plots/a.png", "new/a", "place.json"])
def test_beside_it_is_room(out: str, place: Path) -> None:
    refuse_sources(place.parent / out, place, place / "nothing")
    refuse_sources(None, place)


def test_files_and_weights_with_their_card(place: Path) -> None:
    weights = place / "weights.safetensors"
    for out in (weights, place / "card.json", place.parent / "hard.json"):
        with pytest.raises(InputError, match="--plot"):
            refuse_sources(out, weights, option="--plot")
    refuse_sources(place / "timeseries.csv", weights)


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "--data", "DATA", "--out", "OVER"),
        ("evaluate", "DATA", "--data", "elsewhere", "--out", "OVER"),
        ("evaluate", "--data", "elsewhere", "--out", "a.png", "--plot", "a.png"),
        ("export", "DATA", "--to", "travel", "--out", "OVER"),
        ("export", "DATA", "--to", "netcdf", "--out", "OVER"),
        ("export", "DATA", "--to", "vtk", "--out", "OVER"),
        ("profile", "DATA", "--out", "OVER"),
        ("plot", "DATA", "--out", "OVER"),
        ("compare", "DATA", "elsewhere", "--out", "OVER"),
        ("bench", "box", "--data", "DATA", "--out", "OVER"),
        ("bench", "stokes", "--solvers", "surrogate:DATA", "--out", "OVER"),
        ("bench", "pareto", "FILE", "--out", "FILE"),
        ("rollout-suite", "--data", "DATA", "--out", "OVER"),
        ("rollout-suite", "--stokes", "skip:2,surrogate:DATA", "FILE", "--out", "OVER"),
        ("experiments", "FOLDER", "--data", "DATA", "--out", "OVER"),
        ("train", "FILE", "--data", "DATA", "--out", "OVER"),
        ("dataset", "FILE", "--out", "FILE"),
        ("unpack", "FILE", "--out", "FILE"),
        (
            "run",
            "FILE",
            "--set",
            "initial.kind=file",
            "--set",
            "initial.path=DATA",
            "--out",
            "OVER",
        ),
    ],
)
def test_every_command_asks(command: tuple[str, ...], place: Path, tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_text("")
    stands = {"DATA": place, "OVER": place / "simulations" / "new", "FOLDER": tmp_path}
    stands["FILE"] = tmp_path / "case.toml"
    arguments = []
    for argument in command:
        for word, path in stands.items():
            argument = argument.replace(word, str(path))
        arguments.append(argument.replace("a.png", str(tmp_path / "a.png")))
    result = tellus(*arguments, status=2)
    said = "name two files" if "a.png" in command else "name another place"
    assert said in " ".join(result.stderr.split())
    assert (place / "card.json").read_text() == "precious"


def test_all_that_a_run_holds_is_named() -> None:
    from tellus.coupling.runs.files import CONTENTS

    assert {*CONTENTS} < {*READ}
