"""`tellus sharpen`: finer fields whose means are the run's, and a directory that reads like one."""

import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.numerics import divergence
from helpers.physics_cases import unheated
from helpers.rollouts import complaint, tellus
from tellus import open_run
from tellus.benchmarks.accuracy_cases import CASES
from tellus.benchmarks.accuracy_reference import stored
from tellus.coupling.directory.fields import FieldWriter
from tellus.coupling.output.sharpen import sharpen, sharpened
from tellus.coupling.runs.info import describe
from tellus.coupling.runs.run import run_directory
from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.closure import Closure, interpolated
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem
from tellus.solver.transport.regridding import regridded
from tellus.surrogate.closure.model import LearnedClosure


class Rougher(Closure):
    """Adds a checkerboard, and a constant that the means do not have."""

    name = "rougher"

    def refined(self, problem: StokesProblem, finer: Grid) -> StokesProblem:
        found = interpolated(problem, finer)
        found.temperature[::2, ::2] += 0.01
        return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sharpen") / "run"
    run_directory(unheated("time.max_steps=5", "output.every=1e-4"), out, progress=False)
    return out


@pytest.mark.parametrize("closure", [None, Rougher()])
def test_means_are_those_of_the_run(closure: Closure | None, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "sharp"
    sharpen(run, out, 4, closure, report=len)
    coarse, fine = open_run(run), open_run(out)
    grid = Grid(coarse.sizes["x"], coarse.sizes["y"], float(coarse["x_node"][-1]))
    assert fine.sizes["x"] == 4 * grid.nx
    assert fine.sizes["time"] == coarse.sizes["time"] > 1
    for index in range(fine.sizes["time"]):
        one, other = (np.asarray(d["temperature"][index]) for d in (coarse, fine))
        np.testing.assert_allclose(coarse_means(other, grid), one, rtol=0.0, atol=1e-15)
        smooth = regridded(one, grid, grid.finer(4), BoundaryConditions())
        assert (np.max(np.abs(other - smooth)) < 1e-12) == (closure is None)
    u, v = (np.asarray(fine[name][-1], dtype=np.float64) for name in "uv")
    size = grid.finer(4)
    outflow = divergence(u, v, size)
    assert np.max(np.abs(outflow)) < 1e-4 * np.max(np.abs(v)) / size.hy
    assert "sharpened 4 times from run" in describe(out)


def test_bad_requests_are_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="--factor takes one of 2, 4, 8, 16, not 3"):
        sharpen(run, tmp_path / "sharp", 3)
    monkeypatch.setattr("tellus.coupling.output.sharpen.MOST_CELLS", 40)
    with pytest.raises(InputError, match=r"--factor 4 makes .* at most 40 along a side"):
        sharpen(run, tmp_path / "sharp", 4)
    with pytest.raises(InputError, match="nothing does not exist: name a run"):
        sharpen(tmp_path / "nothing", tmp_path / "sharp", 2)
    cooling = tmp_path / "cooling"
    run_directory(unheated("time.max_steps=1", "model.core_capacity=0.1"), cooling, progress=False)
    with pytest.raises(InputError, match=r"cooling core \(model\.core_capacity\), whose temp"):
        sharpen(cooling, tmp_path / "sharp", 2)
    assert not (tmp_path / "sharp").exists()


def test_a_place_that_is_taken_is_refused_at_once(run: Path, tmp_path: Path) -> None:
    for name, target in (("dangling", tmp_path / "nothing"), ("linked", tmp_path / "empty")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("precious")
    refused = {
        run: "is not empty",
        run / "sharp": "lies in .*, which is read",
        tmp_path: "is not empty",
        tmp_path / "file": "is a file",
        tmp_path / "dangling": "is no directory",
        tmp_path / "linked": "is a link",
    }
    for out, sentence in refused.items():
        with pytest.raises(InputError, match=sentence):
            sharpen(run, out, 2)
        # Before a closure, which is none, is looked for.
        said = complaint("sharpen", run, "--out", out, "--closure", "nothing")
        assert re.search(sentence, said)
    assert (tmp_path / "file").read_text() == "precious"


def test_a_full_disk_is_named_by_the_place(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FieldWriter, "append", full)
    with pytest.raises(OSError, match="No space left") as failure:
        sharpen(run, tmp_path / "sharp", 2, report=len)
    assert failure.value.filename == str(tmp_path / "sharp")
    assert not [*tmp_path.iterdir()]


def test_the_shipped_weights_know_more_than_polynomials() -> None:
    """Of a developed state at 512x128, seen on 128x32 cells, of a case that is in no data set."""
    fine, grid, name = Grid(256, 64), Grid(128, 32), "A"
    state, one = stored([name])[name].start, CASES[name]
    known, law = LearnedClosure.within(), FrankKamenetskii(one.gamma_T, one.gamma_p)
    assert "examples/" in known.card["command"] + known.card["data"]["command"]
    true, seen = coarse_means(state, fine), coarse_means(state, grid)
    problem = StokesProblem(grid, seen, law)
    by_polynomials, by_network = (
        np.mean(np.abs(sharpened(replace(problem, closure=closure), fine).temperature - true))
        for closure in (None, known)
    )
    assert by_network < 0.6 * by_polynomials


def test_the_command_line_writes_one(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "sharp"
    (tmp_path / f"sharp.{16 * 'a'}.partial").mkdir()  # as a kill leaves it
    found = tellus("sharpen", run, "--out", out, "--factor", "2", "--closure", "none")
    assert "2 times finer" in found.output
    assert [path.name for path in tmp_path.iterdir()] == ["sharp"]
    missing, other = tmp_path / "no-model", tmp_path / "other"
    tellus("sharpen", run, "--out", other, "--factor", "2", "--closure", missing, status=2)
    for closure in ("homogenised", "mine.py:Closure"):
        said = complaint("sharpen", run, "--out", other, "--closure", closure)
        assert f"--closure {closure} is no trained closure" in said
        assert said == complaint("bench", "sharpen", "--closure", closure)
    assert not other.exists()
