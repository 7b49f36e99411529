"""The benchmark for GPU machines: what it needs, what it writes, on a processor at toy size."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import stand_in_nvmath
from helpers.sequences import SMALL, rising
from tellus.benchmarks import gpu
from tellus.benchmarks.gpu import command, read, write
from tellus.solver.grid import Grid


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("carried") / "fields.npz"
    write(path, [SMALL], [[problem for problem, _ in rising(6)]])
    return path


def test_temperatures_travel_well(fields: Path) -> None:
    case, (problems,) = read(fields, [SMALL])
    assert case == {"gamma_T": 1e8, "gamma_p": 10.0, "rayleigh": 1.0}
    assert fields.stat().st_size < 5 * 6 * SMALL.nx * SMALL.ny
    for problem, (original, _) in zip(problems, rising(6), strict=True):
        assert np.max(np.abs(problem.temperature - original.temperature)) < 1e-5
        assert problem.time == original.time
        assert problem.rheology == original.rheology


def test_cudss_is_timed_where_it_is(fields: Path) -> None:
    with stand_in_nvmath.nvmath() as calls:
        result = gpu.main([SMALL], fields, "cpu", repeats=2)
    (row,) = [row for row in result["results"] if row["what"] == "cudss"]
    assert calls.made.count("plan") == 1
    assert row["velocity_difference"] < 1e-7
    assert {"transfer", "factor", "solve"} <= set(row["phases"])
    assert any("cudss" in line for line in gpu.lines(result))


def test_what_fails_is_left_out_with_its_reason(
    fields: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(gpu, "solve_batch", lambda *_, **__: too_large())
    result = gpu.main([SMALL], fields, "cpu", repeats=1)
    reasons = {row["what"]: row["reason"] for row in result["left_out"]}
    assert reasons["iterative, all steps at once"] == "CUDA out of memory"


def test_bad_input_is_one_sentence(
    fields: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: object) -> str:
        assert command([str(argument) for argument in arguments]) == 2
        return capsys.readouterr().err

    (damaged := tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04")
    asked = ("--device", "cpu", "--temperatures", fields, "--grids")
    assert 'such as 512x128, not "many"' in said(*asked, "many")
    assert "no temperatures of 32x8" in said(*asked, "32x8")
    assert "holds no temperatures" in said(*asked, "64x16", "--temperatures", damaged)
    assert "give at least 1" in said(*asked, "64x16", "--repeats", "0")
    nowhere = tmp_path / "nowhere" / "gpu.json"
    assert "a directory that exists" in said(*asked, "64x16", "--out", nowhere)
    assert "a directory that exists" in said("--write", tmp_path, "--grids", "64x16")
    if not torch.cuda.is_available():
        assert "--device cpu runs here" in said("--temperatures", fields, "--grids", "64x16")


def test_write_takes_a_real_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tellus.benchmarks.fields.sequences", lambda _: [[], [], [p for p, _ in rising(6)]]
    )
    path = tmp_path / "written.npz"
    assert command(["--write", str(path), "--grids", "64x16"]) == 0
    _, (problems,) = read(path, [Grid(64, 16, 4.0)])
    assert [p.time for p in problems] == [p.time for p, _ in rising(6)]
