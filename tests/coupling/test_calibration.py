"""The share of viscosity that a closure shows: set by long means of finer runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tellus.coupling.calibration as calibration
from helpers import one_by_one
from helpers.rollouts import files
from helpers.small_filtered import familiar_everywhere, filtered_config
from tellus.config import load_config
from tellus.coupling.calibration import RUNS, SHARES, best_share, calibrate, table
from tellus.coupling.dataset.make import make_dataset
from tellus.coupling.simulation.loop import Simulation
from tellus.errors import InputError, RunFailedError
from tellus.solver.closure import homogenised
from tellus.surrogate.closure.model import LearnedClosure
from tellus.surrogate.closure.settings import ClosureNetworkSettings, ClosureSettings
from tellus.surrogate.training.train import train

SETTINGS = ClosureSettings(
    network=ClosureNetworkSettings(width=4, viscosity_width=4, depth=1),
    velocity="own",
    steps=1,
    coarsenings=(1,),
    epochs=1,
    learning_rate=3e-2,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("calibration") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tellus.coupling.dataset.make.run_all", one_by_one.run_all)
        config = filtered_config("dataset.train=2", "windows.sequences=1", "windows.count=1")
        make_dataset(config, out, report=len)
    return out


@pytest.fixture(scope="module")
def model(data: Path) -> Path:
    out = data.with_name("model")
    train(SETTINGS, data, out, report=len)
    return familiar_everywhere(out)


def test_the_share_is_where_biases_vanish() -> None:
    shares = np.array(SHARES)[None, :, None]
    slopes = np.random.default_rng(1).normal(size=(5, 1, 35))
    assert best_share(slopes * (shares - 0.85)) == pytest.approx(0.85)
    odd = slopes.copy()
    odd[0] += 3.0  # off at any share: the others decide
    assert best_share(odd * (shares - 0.85)) == pytest.approx(0.85)
    assert best_share(slopes * (shares - 9.0)) == calibration.CANDIDATES[-1]


def test_a_closure_is_calibrated_and_a_killed_call_goes_on(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "run_all", one_by_one.run_all)
    for overturns, value in {"SETTLED": 1, "SPAN": 2, "LEFT_OUT": 1}.items():
        monkeypatch.setattr(calibration, overturns, value)
    out, lines = tmp_path / "calibrated", list[str]()
    result = calibrate(model, data, out, report=lines.append)
    assert lines == ["1/2: sim_002", "2/2: sim_003"]
    assert result["failed"] == []
    assert result["seconds"] > 0.0
    assert len(result["biases"]) == 2 * (2 + len(SHARES))
    assert all(bias["size"] > 0.0 for bias in result["biases"])
    assert f"{result['share']:g}, expected" in table(result).columns[0]._cells
    before, after = (LearnedClosure.load(place) for place in (model, out))
    assert (before.share, after.share) == (1.0, pytest.approx(result["share"]))
    assert after.card["calibration"] == result
    assert len(list((out / RUNS).glob("*.npz"))) == 2 * (2 + len(SHARES))

    monkeypatch.setattr(calibration, "roll_out", None)
    assert calibrate(model, data, out, report=len) == result

    before_means, measured = files(out), calibration._Means.of
    monkeypatch.setattr(calibration._Means, "of", lambda *of: 0.0 * measured(*of))
    with pytest.raises(RunFailedError, match=r"sim_00[23]: means of its runs are not finite"):
        calibrate(model, data, out, report=len)
    assert files(out) == before_means


def test_viscosity_changes_by_its_share(model: Path, tmp_path: Path) -> None:
    closure = LearnedClosure.load(model)
    half = LearnedClosure.load(closure.with_share(0.5, tmp_path))
    simulation = Simulation.from_config(
        load_config(None, ["grid.nx=64", "grid.ny=16", "grid.aspect=4"])
    )
    problem = simulation.problem
    found = problem.viscosity_of_means()
    base = homogenised(found)
    whole, part = (np.log(one.viscosity(problem, found) / base) for one in (closure, half))
    assert np.max(np.abs(whole[1])) > 1e-4
    np.testing.assert_allclose(part[1], 0.5 * whole[1], atol=2e-7)  # in single precision
    np.testing.assert_array_equal(part[0], whole[0])  # what resists stretching stays


def test_what_cannot_be_calibrated(data: Path, model: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    train(replace(SETTINGS, velocity="fine"), data, plain, report=len)
    with pytest.raises(InputError, match="has not learned viscosity"):
        calibrate(plain, data, tmp_path / "out", report=len)
    for place in (model, model / "below", model.parent):
        with pytest.raises(InputError, match="which is read: choose another --out"):
            calibrate(model, data, place, report=len)
    begun = tmp_path / "begun"
    LearnedClosure.load(plain).save(begun / RUNS / f"share-{SHARES[0]:g}")
    with pytest.raises(InputError, match="the calibration of another closure"):
        calibrate(model, data, begun, report=len)
    trial = begun / RUNS / f"share-{SHARES[0]:g}"
    LearnedClosure.load(model).with_share(SHARES[0], trial, calibration={"data": "other"})
    with pytest.raises(InputError, match="is a calibration on other data"):
        calibrate(model, data, begun, report=len)
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "runs").mkdir()  # a folder in which one works
    with pytest.raises(InputError, match="is not empty and holds no calibration"):
        calibrate(model, data, occupied, report=len)
    with pytest.raises(InputError, match="--scheduler nonsense://x cannot be reached"):
        calibrate(model, data, tmp_path / "out", scheduler="nonsense://x", report=len)
    assert not (tmp_path / "out").exists()
    assert [path.name for path in occupied.iterdir()] == ["runs"]
