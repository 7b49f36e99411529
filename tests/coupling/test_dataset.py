"""Training data: which simulations, what is in them, and going on after a kill."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

import tellus.coupling.dataset.make as datasets
from helpers.cards import card_of, edit_card
from helpers.rollouts import complaint, files
from tellus.config import DatasetConfig, dump, load_dataset_config
from tellus.coupling.dataset.make import make_dataset, simulate
from tellus.coupling.dataset.sampling import Member, SampledState, members
from tellus.errors import InputError, RunFailedError, SolverError
from tellus.io.lock import sole_user
from tellus.solver.direct import DirectSolver
from tellus.solver.energy import EnergyEquation
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem
from tellus.surrogate.data import Dataset

GRID = Grid(16, 8, 4.0)
TINY = (
    "grid.nx=16",
    "grid.ny=8",
    "model.rayleigh=1e4",
    "initial.kind=conductive",
    "initial.amplitude=0.1",
    "time.end=1",
    "dataset.train=2",
    "dataset.validation=1",
    "dataset.test=1",
    "dataset.corners=false",
    "dataset.log10_gamma_T=[0, 2]",
    "dataset.max_steps=20",
    "dataset.snapshot_every=8",
    "dataset.dense_every=2",
    "dataset.dense_until=5",
    "stokes.solver=skip:3",
)


def configured(*overrides: str) -> DatasetConfig:
    return load_dataset_config(None, [*TINY, *overrides])


ranges = st.tuples(st.floats(0, 5), st.floats(0, 1)).map(lambda r: [r[0], r[0] + r[1]])


@given(
    train=st.integers(8, 20),
    validation=st.integers(1, 5),
    test=st.integers(1, 5),
    corners=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    heating=ranges,
    log_T=ranges,
    log_p=ranges,
)
def test_members_are_in_the_box_and_split_as_asked(
    train: int,
    validation: int,
    test: int,
    corners: bool,
    seed: int,
    heating: list[float],
    log_T: list[float],
    log_p: list[float],
) -> None:
    config = configured(
        f"dataset.train={train}",
        f"dataset.validation={validation}",
        f"dataset.test={test}",
        f"dataset.corners={str(corners).lower()}",
        f"dataset.seed={seed}",
        f"dataset.heating={heating}",
        f"dataset.log10_gamma_T={log_T}",
        f"dataset.log10_gamma_p={log_p}",
    )
    found = members(config)
    splits = [member.split for member in found]
    counts = {split: splits.count(split) for split in ("train", "validation", "test")}
    assert counts == {"train": train, "validation": validation, "test": test}
    assert len({member.name for member in found}) == len({member.seed for member in found})
    assert len({member.name for member in found}) == len(found) == train + validation + test
    for member in found:
        for value, (low, high) in (
            (member.heating, heating),
            (np.log10(member.gamma_T), log_T),
            (np.log10(member.gamma_p), log_p),
        ):
            assert low - 1e-9 <= value <= high + 1e-9
        # Any of them makes a valid run.
        member.configured(config)
    assert found == members(config)


def test_the_corners_of_the_box_are_trained_on() -> None:
    config = load_dataset_config(None, ["dataset.train=9"])
    found = members(config)
    corners = {
        (heating, 10.0**log_T, 10.0**log_p)
        for heating in (0.0, 10.0)
        for log_T in (6.0, 9.0)
        for log_p in (0.0, 2.0)
    }
    trained = [(m.heating, m.gamma_T, m.gamma_p) for m in found if m.split == "train"]
    assert corners <= set(trained)
    assert len(trained) == 9
    held_out = {(m.heating, m.gamma_T, m.gamma_p) for m in found if m.split != "train"}
    assert not held_out & set(trained)


def test_another_seed_is_another_draw_and_more_simulations_leave_the_others_as_they_are() -> None:
    first, second = (members(configured(f"dataset.seed={seed}")) for seed in (0, 1))
    assert not {m.gamma_T for m in first} & {m.gamma_T for m in second}
    assert not {m.seed for m in first} & {m.seed for m in second}
    few, many = (members(configured(f"dataset.train={train}")) for train in (2, 30))
    held_out = [m for m in few if m.split != "train"]
    assert held_out == [m for m in many if m.split != "train"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set whose first call was killed after three of its four simulations."""
    out = tmp_path_factory.mktemp("data") / "set"
    config = configured()
    (out / "simulations").mkdir(parents=True)
    (out / "config.toml").write_text(dump(config))
    for member in members(config)[:3]:
        simulate(config, member, out)
    (out / "simulations" / "sim_003.partial-1" / "psi").mkdir(parents=True)
    said: list[str] = []
    make_dataset(config, out, jobs=1, report=said.append)
    assert said[0] == "3 simulations there, 1 to run"
    assert said[1].startswith("1/1: sim_003 (train) 20 steps to t = ")
    assert said[1].endswith("; about 0 seconds left")
    assert said[2] == f"data set complete: {out}"
    assert len(said) == 3
    return out


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """Of the data set, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_an_unfinished_data_set_is_called_so(copy: Path) -> None:
    (copy / "card.json").unlink()
    with pytest.raises(InputError, match=r"unfinished data set, 4 of .*`tellus dataset`"):
        Dataset.open(copy)
    suite = ["rollout-suite", "--data", copy, "--out", "x"]
    for command in (["info", copy], ["plot", copy], suite):
        assert "is an unfinished data set" in complaint(*command)
    assert "is a data set, not a run" in complaint("profile", copy)


def test_a_killed_data_set_goes_on(made: Path, tmp_path: Path) -> None:
    """What a worker process made is what this process makes, and nothing is left over."""
    assert sorted(path.name for path in (made / "simulations").iterdir()) == [
        f"sim_00{k}.zarr" for k in range(4)
    ]
    (tmp_path / "simulations").mkdir()
    simulate(configured(), members(configured())[3], tmp_path)
    name = "simulations/sim_003.zarr"
    for array in ("temperature", "psi", "time", "step", "even"):
        ours, theirs = (zarr.open_group(root / name)[array][:] for root in (made, tmp_path))
        np.testing.assert_array_equal(ours, theirs)


def test_a_complete_data_set_is_left_as_it_is(made: Path) -> None:
    before = (made / "card.json").read_bytes()
    said: list[str] = []
    make_dataset(configured(), made, report=said.append)
    assert said == ["4 simulations there, 0 to run", f"data set complete: {made}"]
    assert (made / "card.json").read_bytes() == before


def test_the_card_says_what_is_there_and_training_reads_it(made: Path) -> None:
    config, card = configured(), card_of(made)
    assert card["grid"] == {"nx": 16, "ny": 8, "aspect": 4.0}
    assert (card["boundaries"], card["seed"]) == ("free-slip", 0)
    assert card["config"]["stokes"]["solver"] == "skip:3"
    for listed, member in zip(card["simulations"], members(config), strict=True):
        assert listed["name"] == member.name
        assert listed["split"] == member.split
        assert listed["gamma_T"] == member.gamma_T
        assert listed["rayleigh"] == 1e4
        # Steps 0, 2, 4 of the early ones, 8, 16 of the even ones.
        assert listed["snapshots"] == 5
        assert 0 < listed["seconds"] < card["seconds"]
    assert card["statistics"]["train"]["snapshots"] == 10
    assert card["statistics"]["test"] == card["simulations"][0]["statistics"]
    dataset = Dataset.open(made)
    train = list(dataset.simulations("train"))
    assert [len(simulation) for simulation in train] == [5, 5]
    assert dataset.grid == train[0].problem(0).grid == GRID


def test_a_set_without_statistics_gets_them(copy: Path) -> None:
    """As version 0.1.0 left it: the same figures, measured from what is stored."""
    before = card_of(copy)
    stored = copy / "simulations" / "sim_001.zarr" / "zarr.json"
    group = json.loads(stored.read_text())
    for key in ("statistics", "seconds"):
        del group["attributes"][key]
    stored.write_text(json.dumps(group))
    make_dataset(configured(), copy, report=lambda line: None)
    after = card_of(copy)
    assert after["statistics"] == before["statistics"]
    assert after["seconds"] is None


def test_snapshots_and_their_labels(made: Path) -> None:
    """psi is the direct solution on the very float32 T that is stored, though skip:3 ran."""
    solver = DirectSolver(GRID)
    for member in members(configured()):
        group = zarr.open_group(made / "simulations" / f"{member.name}.zarr", mode="r")
        assert group["step"][:].tolist() == [0, 2, 4, 8, 16]
        assert group["even"][:].tolist() == [True, False, False, True, True]
        assert group["time"][0] == 0.0
        assert np.all(np.diff(group["time"][:]) > 0)
        assert (group["temperature"].dtype, group["psi"].dtype) == (np.float32, np.float64)
        law = FrankKamenetskii(member.gamma_T, member.gamma_p)
        for temperature, psi in zip(group["temperature"][:], group["psi"][:], strict=True):
            problem = StokesProblem(GRID, temperature.astype(np.float64), law, 1e4)
            direct = solver.solve(problem).psi
            np.testing.assert_allclose(psi, direct, rtol=0, atol=1e-12 * np.abs(direct).max())
        attributes = dict(group.attrs)
        assert (attributes["split"], attributes["gamma_T"]) == (member.split, member.gamma_T)


def test_the_hash_is_that_of_the_content(copy: Path) -> None:
    config = configured()
    before = card_of(copy)["hash"]
    # The same simulation with another perturbation.
    shutil.rmtree(copy / "simulations" / "sim_001.zarr")
    member = members(config)[1]
    other = Member(**(member.__dict__ | {"seed": 12345}))
    simulate(config, other, copy)
    make_dataset(config, copy, report=lambda line: None)
    assert card_of(copy)["hash"] != before


def test_another_configuration_is_refused(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    with pytest.raises(InputError, match="begun with another configuration"):
        make_dataset(configured("dataset.seed=1"), made)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_other_things_are_left_alone(tmp_path: Path) -> None:
    (out := tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match=str(out)):
        make_dataset(configured(), out)
    assert [*tmp_path.iterdir()] == [out]
    (run := tmp_path / "run").mkdir()
    for name in ("run.json", "config.toml"):  # what lies there, and a run
        (run / name).touch()
        before = files(tmp_path)
        with pytest.raises(InputError, match=f"{run} is not empty and holds no data set"):
            make_dataset(configured(), run)
        assert files(tmp_path) == before
    assert {path.name for path in run.iterdir()} == {"run.json", "config.toml"}


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (("stokes.solver=magic",), 'there is no solver "magic"'),
        (("stokes.solver=surrogate:nowhere",), "nowhere does not exist: name a trained model"),
        (
            ("stokes.solver=surrogate", "grid.nx=32", "grid.ny=16", "grid.aspect=2"),
            "trained for grid.aspect = 4, not 2",
        ),
    ],
)
def test_a_solver_that_cannot_work_is_refused_before_anything_is_written(
    overrides: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        make_dataset(configured(*overrides), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_gone_on_with(copy: Path, tmp_path: Path) -> None:
    with sole_user(copy), pytest.raises(InputError, match="in use by another process"):
        make_dataset(configured(), copy)
    with pytest.raises(InputError, match="--scheduler nonsense://x cannot be reached"):
        make_dataset(configured(), tmp_path / "out", scheduler="nonsense://x")
    assert not (tmp_path / "out").exists()
    (copy / "simulations" / "sim_001.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match=r"sim_001\.zarr is damaged .* delete it"):
        make_dataset(configured(), copy, report=lambda line: None)


def test_a_simulation_that_diverges_keeps_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, calls = EnergyEquation.step, [0]

    def diverging(self: EnergyEquation, *arguments: Any) -> Any:
        calls[0] += 1
        after = step(self, *arguments)
        if calls[0] > 10:
            after.temperature[0, 0] = np.nan
        return after

    monkeypatch.setattr(EnergyEquation, "step", diverging)
    config = configured("energy.velocity=held")
    said = simulate(config, members(config)[0], tmp_path)
    assert "10 steps" in said
    assert "stopped early: step 11, t = " in said
    group = zarr.open_group(tmp_path / "simulations" / "sim_000.zarr", mode="r")
    assert group["step"][:].tolist() == [0, 2, 4, 8]


@pytest.mark.parametrize(("lost", "left"), [((2, 8), [0, 4, 16]), ((0, 2, 4, 8, 16), [])])
def test_a_snapshot_whose_label_cannot_be_solved_is_left_out(
    lost: tuple[int, ...], left: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label, config = datasets._label, configured()

    def failing(simulation: Any, moment: SampledState, solver: Any) -> Any:
        if moment.step in lost:
            raise SolverError("no label.")
        return label(simulation, moment, solver)

    monkeypatch.setattr(datasets, "_label", failing)
    if not left:
        with pytest.raises(RunFailedError, match="no label"):
            simulate(config, members(config)[0], tmp_path)
        assert list(tmp_path.rglob("*.zarr")) == []
        return
    said = simulate(config, members(config)[0], tmp_path)
    assert said.endswith("3 snapshots, reached its last step, 2 more without a label")
    group = zarr.open_group(tmp_path / "simulations" / "sim_000.zarr", mode="r")
    assert group["step"][:].tolist() == left
    assert len(group["psi"][:]) == len(left)


def test_an_older_set_goes_on_though_its_configuration_lacks_newer_keys(copy: Path) -> None:
    stored = copy / "config.toml"
    lines = stored.read_text().splitlines(keepends=True)
    stored.write_text("".join(line for line in lines if not line.startswith("max_snapshots")))
    said: list[str] = []
    make_dataset(configured(), copy, report=said.append)
    assert said[0] == "4 simulations there, 0 to run"
    stored.write_text("".join(line for line in lines if not line.startswith("max_steps")))
    with pytest.raises(InputError, match="begun with another configuration"):
        make_dataset(configured(), copy)
    stored.write_text("[dataset]\nmagic = 1\n")
    with pytest.raises(InputError, match=r"config\.toml: .*magic"):
        make_dataset(configured(), copy)


def test_a_simulation_ends_at_its_end_time(tmp_path: Path) -> None:
    config = configured("dataset.end_times=[2e-7, 3e-7]")
    said = simulate(config, members(config)[0], tmp_path)
    assert said.endswith("reached its end")
    assert 2e-7 <= members(config)[0].end <= 3e-7
    assert f"to t = {members(config)[0].end:.3g}," in said


def test_a_flipped_bit_or_a_lost_chunk_never_reaches_training(copy: Path) -> None:
    """Of each array, one bit of a chunk, the chunk, and another simulation's in its place."""
    dataset = Dataset.open(copy)
    store = copy / "simulations" / "sim_001.zarr"
    parts = {"temperature": "1/0/0", "psi": "1/0/0", "even": "0", "step": "0", "time": "0"}
    for name, place in parts.items():
        file = store / name / "c" / place
        whole = file.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 4
        other = copy / "simulations" / "sim_002.zarr" / name / "c" / place
        for content in (bytes(flipped), None, other.read_bytes()):
            file.unlink() if content is None else file.write_bytes(content)
            if content == whole:
                continue  # all members have the same steps
            with pytest.raises(InputError, match=r"sim_001\.zarr cannot be read"):
                dataset.arrays("sim_001", name)
        file.write_bytes(whole)
    shutil.rmtree(store)
    shutil.copytree(copy / "simulations" / "sim_002.zarr", store)
    with pytest.raises(InputError, match="its digest is another one"):
        dataset.arrays("sim_001", "temperature")


def test_an_early_data_set_has_one_digest(copy: Path) -> None:
    edit_card(copy, lambda card: [entry.pop("digests") for entry in card["simulations"]])
    dataset, store = Dataset.open(copy), zarr.open_group(copy / "simulations" / "sim_001.zarr")
    dataset.arrays("sim_001", "temperature", "psi")
    store.attrs["temperature_sha256"] = "0"
    with pytest.raises(InputError, match="its digest is another one"):
        dataset.arrays("sim_001", "temperature")
