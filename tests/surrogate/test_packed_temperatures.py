"""A data set that travels as temperatures, and the labels made where it arrives."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.cards import card_of
from helpers.rollouts import complaint, tellus
from helpers.small_data import make_runs
from tellus.errors import InputError, SolverError
from tellus.io.lock import sole_user
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesReport, flow_from_psi, relative_velocity_error
from tellus.surrogate import packed_temperatures
from tellus.surrogate.data import SPLITS, Dataset, load_snapshots
from tellus.surrogate.packed_temperatures import pack, unpack
from tellus.surrogate.time_unet.data import TimedSnapshots

GRID = Grid(32, 16, 4.0)
TOLERANCE = 1e-7


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clock = ("time.courant=1", "time.end=1", "dataset.snapshot_every=10")
    dense = ("dataset.dense_every=5", "dataset.dense_until=20")
    return make_runs(tmp_path_factory.mktemp("travel") / "set", *clock, *dense)


@pytest.fixture(scope="module")
def packed(made: Path) -> Path:
    return pack(made, made.parent / "set.npz")


@pytest.fixture(scope="module")
def arrived(packed: Path) -> Path:
    out = packed.parent / "arrived"
    unpack(packed, out, tolerance=TOLERANCE, report=len)
    return out


def test_labels_are_the_direct_solution_on_the_very_temperature(arrived: Path) -> None:
    dataset, solver = Dataset.open(arrived), DirectSolver(GRID)
    errors = []
    for split in SPLITS:
        for simulation in dataset.simulations(split):
            assert len(simulation) == 9
            for k in range(len(simulation)):
                direct = solver.solve(simulation.problem(k))
                label = flow_from_psi(simulation.psi[k], GRID, StokesReport("label"))
                errors.append(relative_velocity_error(label, direct))
    assert len(errors) == 36
    assert max(errors) < TOLERANCE


def test_temperatures_are_those_that_were_sent_in_half_precision(made: Path, arrived: Path) -> None:
    there, here = Dataset.open(arrived), Dataset.open(made)
    for entry in here.card["simulations"]:
        wanted = ("temperature", "time", "step", "even")
        sent, got = (one.arrays(entry["name"], *wanted) for one in (here, there))
        half = sent["temperature"].astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(got["temperature"], half)
        assert not np.array_equal(half, sent["temperature"])
        for name in wanted[1:]:
            np.testing.assert_array_equal(got[name], sent[name])
    assert there.card["hash"] != here.card["hash"] == there.card["travel"]["from"]


def test_it_is_read_as_any_other_set(made: Path, arrived: Path) -> None:
    there, here = (load_snapshots(Dataset.open(path), "train") for path in (arrived, made))
    np.testing.assert_array_equal(there.gamma_T, here.gamma_T)
    np.testing.assert_array_equal(there.even, here.even)
    # Half precision rounds by up to 2.4e-4 what starts from a perturbation of 0.01.
    np.testing.assert_allclose(there.vrms, here.vrms, rtol=0.1)
    history = TimedSnapshots.load(Dataset.open(arrived), "test")
    assert history.step.tolist() == [0, 5, 10, 15, 20, 30, 40, 50, 60]
    assert np.all(np.diff(history.time) > 0)


def test_half_the_size_and_fewer_snapshots(made: Path, tmp_path: Path) -> None:
    file = pack(made, tmp_path / "half.npz", half_size=True, snapshots=3)
    unpack(file, tmp_path / "half", report=len)
    there = Dataset.open(tmp_path / "half")
    assert there.grid == Grid(16, 8, 4.0)
    arrays = there.arrays("sim_002", "temperature", "step")
    assert arrays["step"].tolist() == [0, 20, 60]
    full = Dataset.open(made).arrays("sim_002", "temperature")["temperature"][[0, 4, 8]]
    quarters = (full[:, ::2, ::2], full[:, 1::2, ::2], full[:, ::2, 1::2], full[:, 1::2, 1::2])
    mean = np.mean(quarters, axis=0, dtype=np.float64)
    np.testing.assert_allclose(arrays["temperature"], mean, rtol=2**-11)
    assert [len(s) for s in there.simulations("train")] == [3, 3]


def test_a_label_that_cannot_be_solved_is_left_out(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve = packed_temperatures.solve_batch

    def failing(*arguments: object, **more: object) -> object:
        found = solve(*arguments, **more)
        return found._replace(solved=found.solved & (found.psi[:, 8, 8] != found.psi[0, 8, 8]))

    monkeypatch.setattr(packed_temperatures, "solve_batch", failing)
    unpack(packed, tmp_path / "some", report=len)
    there = Dataset.open(tmp_path / "some")
    assert [entry["snapshots"] for entry in there.card["simulations"]] == [8, 8, 8, 8]
    assert there.arrays("sim_000", "step")["step"].tolist() == [5, 10, 15, 20, 30, 40, 50, 60]
    monkeypatch.setattr(
        packed_temperatures,
        "solve_batch",
        lambda *a, **k: (f := solve(*a, **k))._replace(solved=f.solved & False),
    )
    with pytest.raises(SolverError, match="sim_000: no label could be solved"):
        unpack(packed, tmp_path / "none", report=len)


def test_commands(made: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "t.npz", tmp_path / "out"
    assert "MB" in tellus("export", made, "--to", "travel", "--out", file).output
    tellus("unpack", file, "--out", out, "--tolerance", "1e-6")
    assert card_of(out)["labels"]["velocity"] == 1e-6
    elsewhere = ("unpack", file, "--out", tmp_path / "new", "--device", "tpu")
    assert "--device tpu cannot be used" in complaint(*elsewhere)
    assert not (tmp_path / "new").exists()
    half = complaint("export", made, "--to", "vtk", "--half-size")
    assert "--half-size needs --to travel" in half


def repacked(source: Path, to: Path, name: str, change: Callable[[np.ndarray], object]) -> None:
    """The same .npz file but for one of its arrays."""
    with np.load(source) as archive:
        content = dict(archive)
    np.savez(to, **content | {name: np.asarray(change(content[name]))})


@pytest.mark.parametrize("damage", ["missing", "truncated", "other", "newer"])
def test_bad_files_are_explained(damage: str, packed: Path, tmp_path: Path) -> None:
    file = tmp_path / "set.npz"
    if damage == "truncated":
        file.write_bytes(packed.read_bytes()[:-1000])
    elif damage == "other":
        np.savez(file, psi=np.zeros(3))
    elif damage == "newer":
        card = json.loads(str(np.load(packed)["card"]))
        card["travel"]["format"] = 2
        repacked(packed, file, "card", lambda _: json.dumps(card))
    with pytest.raises(InputError, match="--to travel"):
        unpack(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_occupied_places_are_refused(packed: Path, made: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in made.iterdir())
    with pytest.raises(InputError, match="holds nothing of this file"):
        unpack(packed, made)
    assert sorted(path.name for path in made.iterdir()) == before
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        unpack(packed, tmp_path / "file")


def test_a_truncated_simulation_is_named(arrived: Path, tmp_path: Path) -> None:
    (tmp_path / "simulations").mkdir()
    (tmp_path / "card.json").write_bytes((arrived / "card.json").read_bytes())
    content = (arrived / "simulations" / "sim_000.npz").read_bytes()
    (tmp_path / "simulations" / "sim_000.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"sim_000\.npz cannot be read"):
        list(Dataset.open(tmp_path).simulations("test"))


def test_what_a_kill_leaves_is_no_result_and_in_nobodys_way(
    made: Path, packed: Path, arrived: Path, tmp_path: Path
) -> None:
    """The beginnings of files, as a kill between any two bytes leaves them; unpacking goes on."""
    file, out, said = tmp_path / "set.npz", tmp_path / "out", list[str]()
    begun = f".{16 * '0'}.partial"
    (tmp_path / f"set.npz{begun}").write_bytes(packed.read_bytes()[:1000])
    (out / "simulations").mkdir(parents=True)
    with pytest.raises(InputError, match="does not exist: name a file that `tellus export"):
        unpack(file, out)
    pack(made, file)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["set.npz"]
    (out / "simulations").rmdir()
    for beginning in (".lock", f"travel.json{begun}"):
        (out / beginning).write_bytes(b"{")
    unpack(file, out, tolerance=TOLERANCE, report=len)
    first, third = (out / "simulations" / f"sim_00{k}.npz" for k in (0, 2))
    first.replace(f"{first}{begun}")
    third.unlink()
    (out / "card.json").replace(out / f"card.json{begun}")
    with pytest.raises(InputError, match=r"unfinished data set, 2 of .*`tellus unpack`"):
        Dataset.open(out)
    unpack(file, out, tolerance=TOLERANCE, report=said.append)
    whole = ["1/4: sim_000", "3/4: sim_002", f"data set complete: {out}"]
    assert [line.split(";")[0] for line in said] == whole
    for name in ("card.json", "simulations/sim_000.npz", "simulations/sim_002.npz"):
        assert (out / name).read_bytes() == (arrived / name).read_bytes()
    assert not list(out.rglob("*.partial"))


def test_a_full_disk_leaves_the_old_file_and_says_so_at_once(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "set.npz").write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as failure:
            pack(made, file)
    assert failure.value.filename == str(file)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]
    monkeypatch.setattr(Dataset, "arrays", lambda *_: pytest.fail("it was read before"))
    with pytest.raises(InputError, match="is a directory"):
        pack(made, tmp_path)
    with pytest.raises(FileExistsError):
        pack(made, file / "set.npz")


def test_one_unpacking_at_a_time_and_to_one_tolerance(packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["unpack", packed, "--out", out, "--tolerance"]
    with sole_user(out):
        assert "in use by another process" in tellus(*command, "1e-6", status=2).output
    assert [path.name for path in out.iterdir()] == [".lock"]
    tellus(*command, "1e-6")
    before = (out / "card.json").read_bytes()
    assert "begun with --tolerance 1e-06" in tellus(*command, "1e-7", status=2).output
    assert (out / "card.json").read_bytes() == before


def test_what_arrived_is_known_by_its_digests(arrived: Path, packed: Path, tmp_path: Path) -> None:
    """Damage that the archive's own checksums cannot tell, as it was packed anew."""
    warmer = np.float16(0.01)
    repacked(packed, tmp_path / "set.npz", "sim_000/temperature", lambda T: T + warmer)
    with pytest.raises(InputError, match="its temperatures are not those that were packed"):
        unpack(tmp_path / "set.npz", tmp_path / "out")
    shutil.copytree(arrived, tmp_path / "set")
    file = Path("simulations", "sim_000.npz")
    for name, change in {"psi": lambda psi: psi[::-1], "even": lambda even: ~even}.items():
        repacked(arrived / file, tmp_path / "set" / file, name, change)
        with pytest.raises(InputError, match=f"{name} is not what was written"):
            list(Dataset.open(tmp_path / "set").simulations("test"))
