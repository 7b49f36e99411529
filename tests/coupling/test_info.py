"""`tellus info` on what the other commands write."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tellus.config import dump, load_config
from tellus.coupling.runs.info import describe
from tellus.errors import InputError

SHIPPED = Path(__file__).parents[2] / "surrogate" / "weights" / "two-level-256x64"
RUN: dict[str, Any] = {
    "tellus": "0.1.0",
    "git": "0123456789abcdef",
    "threads": 2,
    "solver": "skip:10",
    "status": "done",
    "message": "",
    "steps": 12,
    "time": 0.1,
    "seconds": {"stokes": {"factor": 1.0, "solve": 0.5}, "energy": 0.2, "total": 2.0},
    "warnings": ["a plume spans 3 cells"],
}
DATASET: dict[str, Any] = {
    "grid": {"nx": 32, "ny": 8, "aspect": 4.0},
    "boundaries": "free-slip",
    "hash": "feed",
    "version": "0.1.0",
    "simulations": [
        {
            "name": f"sim_{k}",
            "split": split,
            "snapshots": 5,
            "gamma_T": 10.0**k,
            "gamma_p": 1.0,
            "heating": 3.0,
            "rayleigh": 1.0,
        }
        for k, split in enumerate(["train", "train", "test"], start=6)
    ],
}
MODEL: dict[str, Any] = {
    "format": 1,
    "features": {"residual": True},
    "normalisation": {"mean": [0.0] * 8, "spread": [1.0] * 8, "correction": 0.1},
    "grid": {"nx": 32, "ny": 8, "aspect": 4.0},
    "boundaries": "free-slip",
    "base": "coarse:2",
    "network": {"kind": "unet", "block": 4, "widths": [8, 8]},
    "range": {"gamma_T": [1e6, 1e9], "gamma_p": [1.0, 10.0], "rayleigh": [1.0, 1.0]},
    "weights_sha256": "beef",
}


def write(directory: Path, name: str, content: dict[str, Any]) -> Path:
    (directory / name).write_text(json.dumps(content))
    return directory


def test_a_run(tmp_path: Path) -> None:
    write(tmp_path, "run.json", RUN)
    (tmp_path / "config.toml").write_text(dump(load_config(None, ["grid.nx=32"])))
    (tmp_path / "timeseries.csv").write_text(
        "step,time,mean_temperature,nusselt_top,nusselt_bottom,vrms\n"
        "12,0.1,0.75,4.5,4.25,120.0\n13,0.2,0.7"
    )
    said = describe(tmp_path)
    assert len(said.splitlines()) <= 12
    for part in (
        "done",
        "step 12",
        "32x64",
        "skip:10",
        "1.5 Stokes",
        "0.75",
        "0123456789",
        "plume",
    ):
        assert part in said
    (tmp_path / "timeseries.csv").unlink()
    assert describe(tmp_path).count("missing: copy") == 2


def test_a_data_set_and_a_model(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    said = describe(write(tmp_path / "data", "card.json", DATASET))
    for part in ("data set", "32x8", "2 train, 1 test", "15", "1e+06 to 1e+08", "feed"):
        assert part in said
    limits = {"min": -0.25, "max": 1.5}
    ranges = dict.fromkeys(("temperature", "log10_viscosity", "u", "v"), limits)
    ranges |= {"largest_u": [1.0, 250.0], "largest_v": [0.0, 1e4]}
    splits = dict.fromkeys(("train", "validation", "test"), ranges)
    said = describe(write(tmp_path / "data", "card.json", DATASET | {"statistics": splits}))
    assert "T -0.25 to 1.5, log10 eta -0.25 to 1.5, u to 250, v to 1e+04" in said
    assert len(said.splitlines()) <= 10
    (tmp_path / "model").mkdir()
    said = describe(write(tmp_path / "model", "card.json", MODEL))
    for part in (
        "model",
        "coarse:2",
        "unet: block 4",
        "trained on 1e+06 to 1e+09",
        "rayleigh  1\n",
        "beef",
    ):
        assert part in said
    weights = tmp_path / "model" / "weights.safetensors"
    weights.touch()
    assert describe(weights).splitlines()[1:] == said.splitlines()[1:]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"simulations": [{}]}', '{"grid": 3}'])
def test_a_damaged_card_is_explained(tmp_path: Path, content: str) -> None:
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(InputError):
        describe(tmp_path)


def test_what_something_is_does_not_hang_on_its_name(tmp_path: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    for command, name in {"dataset": "dataset-256x64", "train": "train-two-level"}.items():
        assert f"tellus {command}" in describe(examples / f"{name}.toml")
    shutil.copy(examples / "quickstart.toml", tmp_path / "case.conf")
    assert "tellus run" in describe(tmp_path / "case.conf")
    model = shutil.copytree(SHIPPED, tmp_path / "model.toml")
    said = describe(model).splitlines()[1:]
    assert said == describe(SHIPPED).splitlines()[1:]
    (model / "weights.safetensors").rename(model / "best")
    assert describe(model / "best").splitlines()[1:] == said
    run = tmp_path / "run.safetensors"
    run.mkdir()
    (run / "run.json").write_text(json.dumps(RUN))
    (run / "config.toml").write_text(dump(load_config(None, ["grid.nx=32"])))
    assert describe(run).startswith("run ")
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(InputError, match="cannot be read"):
        describe(tmp_path / "picture.toml")
