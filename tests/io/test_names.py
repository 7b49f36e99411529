"""Names of a stranger's files become paths only within the folder they belong to."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.cards import edit_card
from helpers.rollouts import complaint, short_run
from helpers.small_data import GRID, parameters, write_still
from tellus.coupling.experiments.experiment import find_experiments
from tellus.coupling.output.pictures import plot_run
from tellus.coupling.trajectory.cases import cases_of_files
from tellus.errors import InputError
from tellus.io.arrays import digest
from tellus.io.shown import plain_names
from tellus.surrogate.data import Dataset
from tellus.surrogate.packed_temperatures import unpack

HOSTILE = [
    "../../out",
    "/tmp/out",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "a\0",
    "a\n",
    "é",
    "a" * 101,
    3,
    None,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_lead_elsewhere_are_refused(name: Any) -> None:
    with pytest.raises(InputError, match=r"card\.json: the name .* is refused"):
        plain_names(["sim_000", name], "card.json")


def test_plain_names_are_taken_once() -> None:
    assert plain_names(["sim_000", "Exact-Walls"], "x") == ["sim_000", "Exact-Walls"]
    with pytest.raises(InputError, match="sim_000 is there twice"):
        plain_names(["sim_000", "b", "sim_000"], "x")


def test_a_data_set_is_refused_by_its_card(tmp_path: Path) -> None:
    """Of train, evaluate, export, bench box and experiments."""
    write_still(tmp_path)
    edit_card(tmp_path, lambda card: card["simulations"][0].update(name="../../out"))
    with pytest.raises(InputError, match=r"card\.json: the name '\.\./\.\./out' is refused"):
        Dataset.open(tmp_path)


def test_a_travel_file_writes_nowhere_else(tmp_path: Path) -> None:
    (target := tmp_path / "victim.npz").write_text("precious")
    name = str(tmp_path / "victim")
    clock = {"time": np.zeros(1), "step": np.zeros(1, int), "even": np.ones(1, bool)}
    arrays = {"temperature": np.ones((1, *GRID.cells), np.float16), **clock}
    card = {
        "grid": {"nx": GRID.nx, "ny": GRID.ny, "aspect": GRID.aspect},
        "boundaries": "free-slip",
        "hash": digest(arrays["temperature"]),
        "travel": {"format": 1, "from": "0", "half_size": False},
        "simulations": [
            {"name": name, "split": "test", "snapshots": 1, **parameters(1e3, 1.0)},
        ],
    }
    content = {f"{name}/{key}": values for key, values in arrays.items()}
    np.savez(tmp_path / "set.npz", card=np.array(json.dumps(card)), **content)
    with pytest.raises(InputError, match=r"set\.npz: the name .*victim' is refused"):
        unpack(tmp_path / "set.npz", tmp_path / "out")
    assert target.read_text() == "precious"
    assert not (tmp_path / "out").exists()


def test_experiments_and_scenarios_named_after_dots(tmp_path: Path) -> None:
    """Their files may be a stranger's, and a folder is named after each."""
    (tmp_path / "01-...toml").write_text("")
    with pytest.raises(InputError, match=r"the name '\.\.' is refused"):
        find_experiments(tmp_path, tmp_path / "out")
    (tmp_path / "...toml").write_text("")
    with pytest.raises(InputError, match=r"the name '\.\.' is refused"):
        cases_of_files([tmp_path / "...toml"])
    assert "gives no name for a run" in complaint("run", tmp_path / "...toml")


def test_fields_of_a_store_name_pictures(tmp_path: Path) -> None:
    """Zarr itself refuses "..", but not other names that mean something to a system."""
    run = short_run(tmp_path / "run")
    file = run / "fields.zarr" / "zarr.json"
    stored = json.loads(file.read_text())
    members = stored["consolidated_metadata"]["metadata"]
    members["c:out"] = members["temperature"]
    shutil.copytree(run / "fields.zarr" / "temperature", run / "fields.zarr" / "c:out")
    file.write_text(json.dumps(stored))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"fields\.zarr: the name 'c:out' is refused"):
        plot_run(run)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
