"""Small runs that convect from the first step on, and what must be the same in two of them."""

import json
from collections.abc import Mapping
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner, Result

from helpers.numerics import cell_flow
from tellus import open_run
from tellus.cli import app
from tellus.config import Config, dump, load_config
from tellus.coupling.directory.checkpoint import FOLDER, read_checkpoint
from tellus.coupling.runs.result import RunResult
from tellus.coupling.runs.run import run_directory
from tellus.coupling.solvers.names import make_solver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi

CASE = (
    "model.rayleigh=1e4",
    "rheology.gamma_T=100",
    "rheology.gamma_p=1",
    "initial.kind=conductive",
    "initial.amplitude=0.1",
    "time.dt_initial=2e-5",
    "output.every=2e-4",
)
SIMPLEST = (
    "energy.advection=van-leer",
    "energy.velocity=held",
    "time.courant=0.5",
    "stokes.solver=direct",
)
"""One solve a step, on the grid of T, and its velocity held."""

TINY = ("grid.nx=16", "grid.ny=8", "grid.aspect=2.0", *CASE)


def case(*overrides: str, base: tuple[str, ...] = TINY) -> Config:
    """A configuration: `base`, then overrides."""
    return load_config(None, [*base, *overrides])


def ran(out: Path, *overrides: str, base: tuple[str, ...] = TINY, **options: Any) -> RunResult:
    """A run of it in a directory; `options` are those of `run_directory`."""
    return run_directory(case(*overrides, base=base), out, progress=False, **options)


def write_case(path: Path, *overrides: str, base: tuple[str, ...] = TINY) -> Path:
    """The same as a file."""
    path.write_text(dump(case(*overrides, base=base)))
    return path


def tellus(*arguments: str | Path, status: int = 0) -> Result:
    """The command line in this process; a traceback or another exit status fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def complaint(*arguments: str | Path, status: int = 2) -> str:
    """The one sentence that a command ends with, and all it says."""
    result = tellus(*arguments, status=status)
    assert result.stdout == ""
    assert result.stderr.startswith("tellus: ")
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith(".\n")
    return result.stderr


def printed(view: Table) -> str:
    """A table as a wide terminal shows it."""
    console = Console(width=250, file=StringIO(), record=True)
    console.print(view)
    return console.export_text()


def summary(run: Path) -> dict[str, Any]:
    """run.json."""
    content: dict[str, Any] = json.loads((run / "run.json").read_text())
    return content


def steps_of(run: Path) -> list[int]:
    """The steps of the checkpoints, oldest first."""
    return sorted(int(path.name.split("-")[1]) for path in (run / FOLDER).glob("step-*.npz"))


def files(run: Path) -> dict[str, bytes]:
    """Every file under a directory with its content."""
    found = (path for path in run.rglob("*") if path.is_file())
    return {str(path.relative_to(run)): path.read_bytes() for path in found}


@cache
def _files_of(*overrides: str) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        return files(ran(Path(folder) / "run", *overrides).path)


def short_run(out: Path, *overrides: str) -> Path:
    """A run of two steps, or of a case, which was computed once for all tests of this process."""
    for name, content in _files_of(*(overrides or ("time.max_steps=2",))).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    return out


def record(run: Path) -> dict[str, Any]:
    """All that a run computed: time series, fields, newest checkpoint, counts; no wall times."""
    arrays = read_checkpoint(run, _fail)
    ledger = json.loads(str(arrays.pop("ledger")))
    for other in ("config", "run_id", "others_percent"):  # what was computed is not in them
        ledger.pop(other, None)
    ledger["tally"] = {k: v for k, v in ledger["tally"].items() if k not in ("stokes", "energy")}
    fields = open_run(run).load()
    return {
        "series": (run / "timeseries.csv").read_bytes(),
        "fields": {str(name): _bits(fields[name].values) for name in fields.variables},
        "checkpoint": {name: _bits(values) for name, values in arrays.items()},
        "counts": {k: v for k, v in ledger.items() if "seconds" not in k},
    }


def assert_same(run: Path, other: Path) -> None:
    """The two runs computed the same, bit by bit."""
    ours, theirs = record(run), record(other)
    assert ours["series"] == theirs["series"]
    for part in ("fields", "checkpoint"):
        assert ours[part].keys() == theirs[part].keys()
        for name, bits in ours[part].items():
            assert bits == theirs[part][name], f"{part}: {name}"
    assert ours["counts"] == theirs["counts"]


def _bits(values: NDArray[Any]) -> tuple[str, tuple[int, ...], bytes]:
    return str(values.dtype), values.shape, values.tobytes()


def _fail(warning: str) -> None:
    raise AssertionError(warning)


class GivenFlow(StokesSolver):
    """One's own solver, which knows one answer, whatever the temperature."""

    name = "given"

    def __init__(self, psi: Array) -> None:
        self.psi = psi

    def solve(self, problem: StokesProblem) -> Flow:
        return flow_from_psi(self.psi, problem.grid, StokesReport(self.name))


class Rolls(GivenFlow):
    """A convection roll of a given speed."""

    name = "rolls"

    def __init__(self, grid: Grid, speed: float = 20.0 * np.pi) -> None:
        super().__init__(cell_flow(grid, speed, [(1, 1, 1.0)]).psi)


class Damped(StokesSolver):
    """A part of the velocity of the direct solution."""

    name = "damped"

    def __init__(self, grid: Grid, part: float = 0.5) -> None:
        self.direct, self.part = make_solver("direct", grid), part

    def solve(self, problem: StokesProblem) -> Flow:
        psi = self.part * self.direct.solve(problem).psi
        return flow_from_psi(psi, problem.grid, StokesReport(self.name))


class Drifting(Rolls):
    """A solver that remembers: each call makes its roll a little stronger."""

    name = "drifting"
    calls = 0

    def solve(self, problem: StokesProblem) -> Flow:
        self.calls += 1
        psi = self.psi * (1.0 + 0.01 * self.calls)
        return flow_from_psi(psi, problem.grid, StokesReport(self.name))

    def state(self) -> Mapping[str, NDArray[np.generic]]:
        return {"calls": np.array(self.calls)}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self.calls = int(state["calls"])
