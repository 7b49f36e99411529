"""`tellus bench box`: solvers against the labels of a data set."""

import json
from pathlib import Path

import pytest
from rollouts import tellus
from small_data import GRID, waves, write_dataset

from tellus.benchmarks import box
from tellus.errors import InputError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("box")
    write_dataset(out, GRID, waves())
    return out


def test_errors_are_those_against_direct_solutions(data: Path, tmp_path: Path) -> None:
    result = box.main(data, ["direct", "coarse:4", "reduced:2"], out=tmp_path / "box.json")
    assert json.loads((tmp_path / "box.json").read_text()) == result
    direct, coarse, reduced = result["results"]
    assert direct["max"] < 1e-10
    assert direct["snapshots"] == sum(len(row["errors"]) for row in direct["simulations"])
    assert len(direct["simulations"]) == 8
    assert 1e-6 < reduced["median"] < coarse["median"] < coarse["max"]


def test_one_split_is_enough_and_another_is_refused(data: Path) -> None:
    assert len(box.main(data, ["direct"], split="test")["results"][0]["simulations"]) == 1
    with pytest.raises(InputError, match='no split "best"'):
        box.main(data, ["direct"], split="best")


def test_the_command_prints_json_and_says_what_is_missing(data: Path, tmp_path: Path) -> None:
    done = tellus("bench", "box", "--data", data, "--solvers", "direct", "--json")
    assert json.loads(done.stdout)["results"][0]["solver"] == "direct"
    with pytest.raises(
        InputError, match="is no data set: name a data set, which `tellus dataset` writes"
    ):
        box.main(tmp_path)
    with pytest.raises(InputError, match="magic"):
        box.main(data, ["magic"])
