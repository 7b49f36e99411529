"""Somebody's run directory or data set: links in it lead to nothing that is written or deleted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.rollouts import case, files, ran, short_run
from tellus.coupling.directory.checkpoint import FOLDER
from tellus.coupling.directory.fields import STORE
from tellus.coupling.output.export import export_vtk
from tellus.coupling.output.pictures import plot_run
from tellus.coupling.runs.run import run_directory
from tellus.errors import InputError

CONFIG = ("time.max_steps=4", "output.checkpoint_every=2", "output.keep_checkpoints=2")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return short_run(tmp_path / "run", *CONFIG)


def test_resume_replaces_nothing_behind_links(run: Path, tmp_path: Path) -> None:
    (precious := tmp_path / "precious").write_text("precious")
    for name in ("config.toml", "run.json", "timeseries.csv"):
        (run / f"{name}.partial").symlink_to(precious)
        (run / name).replace(tmp_path / name)
        (run / name).symlink_to(tmp_path / name)
    before = files(tmp_path)
    longer = case(*CONFIG, "time.max_steps=6")
    assert run_directory(longer, run, resume=True, progress=False)["steps"] == 6
    after = files(tmp_path)
    assert all(after[name] == before[name] for name in before if "/" not in name)


@pytest.mark.parametrize("name", [FOLDER, STORE])
def test_linked_folders_are_refused(name: str, run: Path, tmp_path: Path) -> None:
    (run / name).replace(tmp_path / name)
    (run / name).symlink_to(tmp_path / name)
    before = files(tmp_path)
    with pytest.raises(InputError, match=f"{name} is a link"):
        ran(run, *CONFIG, "time.max_steps=6", resume=True)
    assert files(tmp_path) == before


def test_a_new_run_refuses_links_that_lead_nowhere(tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    for name, said in (
        (FOLDER, f"what is left of a run .{FOLDER}"),
        (".lock", r"\.lock cannot be written"),
    ):
        (out / name).symlink_to(tmp_path / "nothing")
        with pytest.raises(InputError, match=said):
            ran(out, *CONFIG)
        assert not (tmp_path / "nothing").exists()
        (out / name).unlink()


def test_leftovers_of_a_killed_run_go_at_resume(run: Path) -> None:
    token = 16 * "0"
    names = ["run.json.partial", f"timeseries.csv.{token}.partial", f"config.toml.{token}.partial"]
    names.append(f"{FOLDER}/step-000000002-{token}.npz.{token}.partial")
    for name in names:
        (run / name).write_text("begun")
    (run / "notes.partial").write_text("a person's")
    ran(run, *CONFIG, resume=True)
    assert [path.name for path in run.rglob("*.partial")] == ["notes.partial"]


@pytest.mark.parametrize(("write", "name"), [(export_vtk, "vtk"), (plot_run, "plots")])
def test_pictures_and_exports_go_into_no_linked_folder(
    write: Callable[[Path], object], name: str, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (run / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{name} is a link"):
        write(run)
    assert not list((tmp_path / "elsewhere").iterdir())
