"""`tellus bench box`: solvers against the labels of a data set."""

import json
from pathlib import Path

import pytest

from helpers.rollouts import tellus
from tellus.benchmarks import box
from tellus.errors import InputError


def test_errors_are_those_against_direct_solutions(dataset: Path, tmp_path: Path) -> None:
    result = box.main(dataset, ["direct", "coarse:4", "reduced:2"], out=tmp_path / "box.json")
    assert json.loads((tmp_path / "box.json").read_text()) == result
    direct, coarse, reduced = result["results"]
    assert direct["max"] < 1e-10
    assert direct["snapshots"] == sum(len(row["errors"]) for row in direct["simulations"])
    assert len(direct["simulations"]) == 8
    assert 1e-6 < reduced["median"] < coarse["median"] < coarse["max"]


def test_one_split_is_enough_and_another_is_refused(dataset: Path) -> None:
    assert len(box.main(dataset, ["direct"], split="test")["results"][0]["simulations"]) == 1
    with pytest.raises(InputError, match='no split "best"'):
        box.main(dataset, ["direct"], split="best")


def test_the_command_prints_json_and_says_what_is_missing(dataset: Path, tmp_path: Path) -> None:
    done = tellus("bench", "box", "--data", dataset, "--solvers", "direct", "--json")
    assert json.loads(done.stdout)["results"][0]["solver"] == "direct"
    with pytest.raises(
        InputError, match="is no data set: name a data set, which `tellus dataset` writes"
    ):
        box.main(tmp_path)
    with pytest.raises(InputError, match="magic"):
        box.main(dataset, ["magic"])
