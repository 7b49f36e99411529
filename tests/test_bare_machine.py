"""What a GPU machine runs, on which there may be PyTorch and NumPy alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sequences import SMALL, rising
from small_data import GRID, waves, write_dataset

from tellus.benchmarks import gpu
from tellus.benchmarks.packed_temperatures import write
from tellus.surrogate.data import Dataset
from tellus.surrogate.packed_temperatures import pack
from tellus.surrogate.snapshots import load_snapshots

PROGRAM = """
import sys

LACKING = {
    "cmcrameri", "dask", "distributed", "h5netcdf", "h5py", "jinja2", "matplotlib", "numba",
    "nvmath", "petsc4py", "psutil", "pydantic", "rich", "safetensors", "scipy", "threadpoolctl",
    "tomli_w", "typer", "xarray", "zarr",
}


class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in LACKING or name == "tellus.solver._core":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Lacking())
from pathlib import Path

from tellus.benchmarks.gpu import command
from tellus.solver.iterative.solver import IterativeSolver
from tellus.surrogate.data import Dataset
from tellus.surrogate.packed_temperatures import unpack
from tellus.surrogate.snapshots import load_snapshots

packed, arrived, *arguments = sys.argv[1:]
unpack(Path(packed), Path(arrived))
print(len(load_snapshots(Dataset.open(Path(arrived)), "train")))
sys.exit(command(arguments))
"""


def test_a_set_arrives_and_the_benchmark_runs(tmp_path: Path) -> None:
    data, fields, out = tmp_path / "data", tmp_path / "fields.npz", tmp_path / "gpu.json"
    write_dataset(data, GRID, waves())
    write(fields, [SMALL], [[problem for problem, _ in rising(6)]])
    places = [pack(data, tmp_path / "set.npz"), tmp_path / "arrived", "--temperatures", fields]
    arguments = [*places, "--out", out, "--grids", "64x16", "--device", "cpu", "--repeats", "2"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    there = load_snapshots(Dataset.open(data), "train")
    assert f"\n{len(there)}\n" in f"\n{done.stdout}"
    result = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert result["kind"] == "cpu"
    assert result["versions"]["torch"] == torch.__version__
    rows = {row["what"]: row for row in result["results"]}
    cold, warm = rows["iterative:cold"], rows["iterative"]
    assert warm["iterations"] < cold["iterations"]
    assert max(cold["residual"], warm["residual"]) <= 1e-6
    assert set(warm["phases"]) == {"assemble", "transfer", "factor", "solve", "residual"}
    at_once = rows["iterative, all steps at once"]
    assert at_once["seconds_each"] == pytest.approx(at_once["seconds"] / 6)
    networks = {f"two-level network, {p}, {n} at once" for p in gpu.PRECISIONS for n in (1, 16)}
    assert networks < set(rows)
    reasons = {row["what"]: row["reason"] for row in result["left_out"]}
    assert "pip install 'tellus-mantle[cudss]'" in reasons["cudss"]
    assert "needs 96 cells each way" in reasons["multi-scale network, float32, 1 at once"]
