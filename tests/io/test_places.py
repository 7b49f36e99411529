"""No command writes over what it reads, however that is spelled."""

import os
from pathlib import Path

import pytest

from helpers.rollouts import tellus
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
        "evaluate --data {data} --out {over}",
        "evaluate {data} --data elsewhere --out {over}",
        "evaluate --data elsewhere --out {picture} --plot {picture}",
        "export {data} --to travel --out {over}",
        "export {data} --to netcdf --out {over}",
        "export {data} --to vtk --out {over}",
        "profile {data} --out {over}",
        "plot {data} --out {over}",
        "compare {data} elsewhere --out {over}",
        "bench box --data {data} --out {over}",
        "bench stokes --solvers surrogate:{data} --out {over}",
        "bench pareto {file} --out {file}",
        "rollout-suite --data {data} --out {over}",
        "rollout-suite --stokes skip:2,surrogate:{data} {file} --out {over}",
        "experiments {folder} --data {data} --out {over}",
        "train {file} --data {data} --out {over}",
        "dataset {file} --out {file}",
        "unpack {file} --out {file}",
        "run {file} --set initial.kind=file --set initial.path={data} --out {over}",
    ],
)
def test_every_command_asks(command: str, place: Path, tmp_path: Path) -> None:
    (file := tmp_path / "case.toml").write_text("")
    stands = {"data": place, "over": place / "simulations" / "new", "folder": tmp_path}
    stands |= {"file": file, "picture": tmp_path / "a.png"}
    result = tellus(*(word.format(**stands) for word in command.split()), status=2)
    said = "name two files" if "{picture}" in command else "name another place"
    assert said in " ".join(result.stderr.split())
    assert (place / "card.json").read_text() == "precious"


def test_all_that_a_run_holds_is_named() -> None:
    from tellus.coupling.directory.files import CONTENTS

    assert {*CONTENTS} < {*READ}
