"""What works where packages are missing: without the extras, and on a GPU machine that has
PyTorch and NumPy alone.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
import yaml

from helpers.sequences import SMALL, rising
from helpers.small_data import GRID, waves, write_dataset
from tellus.benchmarks import gpu
from tellus.benchmarks.gpu import write
from tellus.errors import EXTRAS
from tellus.surrogate.data import Dataset, load_snapshots
from tellus.surrogate.packed_temperatures import pack

WITHOUT = """
import sys

LACKING = set(sys.argv.pop(1).split(","))
ASKED = set()


class Without:
    # Finds what another finder does, but for what is lacking.
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if not {name, name.split(".")[0]} & LACKING:
            return self.finder.find_spec(name, path, target)
        ASKED.add(name)


sys.meta_path[:] = map(Without, sys.meta_path)
"""

COMMANDS = """
import json

def without(*names):
    assert not (found := sorted(set(names) & set(sys.modules))), found

import tellus.cli
without("numba", "numpy", "pydantic", "zarr", "rich")
import tellus.config, tellus.surrogate.cards
without("numba", "numpy", "zarr")
tellus.Grid, tellus.StokesProblem, tellus.__version__
without("numba", "zarr")
import tellus.solver.mumps.solver
assert not ASKED, ASKED

from typer.testing import CliRunner

for line in json.loads(sys.argv[1]):
    ASKED.clear()
    result = CliRunner().invoke(tellus.cli.app, line)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    print(json.dumps([result.exit_code, result.stderr, sorted(ASKED)]), flush=True)

LACKING &= {"torch"}
import tellus.coupling.dataset.picture
import tellus.coupling.trajectory.suite.suite
"""

ON_A_GPU_MACHINE = """
from pathlib import Path

from tellus.benchmarks.gpu import command
from tellus.solver.iterative.solver import IterativeSolver
from tellus.surrogate.data import Dataset
from tellus.surrogate.packed_temperatures import unpack
from tellus.surrogate.data import load_snapshots

packed, arrived, *arguments = sys.argv[1:]
unpack(Path(packed), Path(arrived))
print(len(load_snapshots(Dataset.open(Path(arrived)), "train")))
sys.exit(command(arguments))
"""


LACKING_THERE = [
    "cmcrameri", "dask", "distributed", "h5netcdf", "h5py", "jinja2", "matplotlib", "numba",
    "nvmath", "petsc4py", "psutil", "pydantic", "rich", "safetensors", "scipy", "threadpoolctl",
    "tomli_w", "typer", "xarray", "zarr", "tellus.solver._core",
]  # fmt: skip

ROOT = Path(__file__).parents[2]


def run(program: str, lacking: Iterable[str], *arguments: object) -> str:
    """What a program prints in a process that cannot import what it lacks."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + program, ",".join(lacking), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_extras_are_those_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    offered = project["optional-dependencies"]
    for module, extra in EXTRAS.items():
        assert any(needed.startswith(f"{module}>=") for needed in offered[extra]), module
        assert not any(needed.startswith(f"{module}>=") for needed in project["dependencies"])
    assert offered["all"] == [f"tellus-mantle[{','.join(sorted(set(EXTRAS.values())))}]"]


def test_the_conda_recipe_needs_what_the_distribution_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = yaml.safe_load((ROOT / "packaging" / "recipe.yaml").read_text())
    conda = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
    extras = {line for e in EXTRAS.values() for line in project["optional-dependencies"][e]}

    def named(lines: Iterable[str]) -> list[str]:
        pairs = (line.split(">=") for line in lines)
        return sorted(f"{conda.get(name, name)} >={version}" for name, version in pairs)

    assert recipe["context"]["version"] == project["version"]
    run = [*project["dependencies"], f"python{project['requires-python']}"]
    assert sorted(recipe["requirements"]["run"]) == named(run)
    assert sorted(recipe["requirements"]["run_constraints"]) == named(extras)


def test_without_extras_runs_work_and_the_rest_names_its_extra(tmp_path: Path) -> None:
    """Nothing is left behind by what cannot work, or imported before it is needed.

    What works tries no import of what is lacking, not even one that may fail.
    """
    run_dir, out = tmp_path / "run", tmp_path / "out"
    case = [
        ROOT / "examples" / "quickstart.toml",
        *("--set", "grid.nx=32", "--set", "grid.ny=8", "--set", "time.max_steps=2"),
    ]
    members = ROOT / "examples" / "dataset-128x32.toml"
    lines = {
        ("--help",): None,
        ("run", *case, "--out", run_dir): None,
        ("info", run_dir): None,
        ("profile", run_dir): None,
        ("compare", run_dir, run_dir): None,
        ("export", run_dir, "--to", "vtk"): None,
        ("plot", run_dir, "--out", out): "plot",
        ("compare", run_dir, run_dir, "--out", out): "plot",
        ("run", *case, "--stokes", "surrogate", "--out", out): "learn",
        ("run", *case, "--stokes", "iterative", "--out", out): "learn",
        ("export", run_dir, "--to", "netcdf", "--out", out): "netcdf",
        ("evaluate", out, "--data", out): "learn",
        ("dataset", members, "--out", out): "cluster",
    }
    words = [[str(word) for word in line] for line in lines]
    printed = run(COMMANDS, [*EXTRAS, "petsc4py"], json.dumps(words)).splitlines()
    for answer, (line, extra) in zip(printed, lines.items(), strict=True):
        status, said, asked = json.loads(answer)
        if extra is None:
            assert status == 0, (line, said)
            # xarray looks whether there is a dask.
            assert set(asked) <= {"dask"}, (line, asked)
            continue
        remedy = re.escape(f"is not installed: pip install 'tellus-mantle[{extra}]'.\n")
        assert status == 2, (line, said)
        assert re.fullmatch(rf"tellus: this needs \w+, which {remedy}", said), line
        assert not out.exists(), line


def test_a_set_arrives_and_the_benchmark_runs(tmp_path: Path) -> None:
    data, fields, out = tmp_path / "data", tmp_path / "fields.npz", tmp_path / "gpu.json"
    write_dataset(data, GRID, waves())
    write(fields, [SMALL], [[problem for problem, _ in rising(6)]])
    places = [pack(data, tmp_path / "set.npz"), tmp_path / "arrived", "--temperatures", fields]
    arguments = [*places, "--out", out, "--grids", "64x16", "--device", "cpu", "--repeats", "2"]
    printed = run(ON_A_GPU_MACHINE, LACKING_THERE, *arguments)
    there = load_snapshots(Dataset.open(data), "train")
    assert f"\n{len(there)}\n" in f"\n{printed}"
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
