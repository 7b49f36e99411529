"""Classes of one's own, named by a configuration or handed in: taken, recorded, checked."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getsource
from pathlib import Path

import numpy as np
import pytest

import tellus as library
from helpers import one_by_one
from helpers.cards import card_of
from helpers.rollouts import Damped, assert_same, case, files, summary, tellus, write_case
from tellus.config import load_dataset_config
from tellus.coupling.dataset.make import make_dataset
from tellus.coupling.simulation.loop import Simulation
from tellus.errors import InputError
from tellus.solver.closure import Closure
from tellus.solver.grid import Array, Grid
from tellus.solver.heating import Heating
from tellus.solver.rheology import FrankKamenetskii, Rheology
from tellus.solver.stokes import Flow, StokesProblem
from tellus.solver.transport.means import Fluxes


@dataclass(frozen=True)
class Softening(Rheology):
    contrast: float = 10.0

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        return self.contrast**-temperature  # type: ignore[no-any-return]


class Pulse(Heating):
    def mean(self, start: float, end: float) -> float:
        return 5.0


class Leak(Closure):
    name = "leak"

    def fluxes(self, problem: StokesProblem, flow: Flow) -> Fluxes:
        found = Fluxes.zero(problem.grid)
        found.along_x[:, 1:-1] = 1e-3
        return found


HEAD = """
import os
from dataclasses import dataclass

import numpy as np
from tellus.coupling.solvers.names import make_solver
from tellus.errors import RunFailedError as Failed
from tellus.solver.closure import Closure
from tellus.solver.grid import Array, Grid
from tellus.solver.heating import Heating
from tellus.solver.rheology import Rheology
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from tellus.solver.transport.means import Fluxes

with open(os.path.join(os.path.dirname(__file__), "executed"), "a") as log:
    log.write("x")

class Refusal(BaseException):
    def __str__(self):
        return 1 / 0
"""
PARTS = "\n\n".join([HEAD, *map(getsource, (Softening, Pulse, Leak, Damped))])
ASKED = (
    *("--set", "rheology.kind=parts.py:Softening:contrast=30"),
    *("--set", "model.heating_law=parts.py:Pulse"),
    *("--closure", "parts.py:Leak"),
    *("--stokes", "skip:2:parts.py:Damped:part=0.25"),
)


def own_parts() -> dict[str, object]:
    return {"rheology": Softening(30.0), "heating": Pulse(), "closure": Leak()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with parts.py in it and a case of two steps."""
    (tmp_path / "parts.py").write_text(PARTS)
    write_case(tmp_path / "case.toml", "time.max_steps=2")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def executed(folder: Path) -> int:
    return len((folder / "executed").read_text())


def test_classes_from_files_are_what_was_handed_in(folder: Path) -> None:
    tellus("run", "case.toml", "--out", "run", *ASKED)
    kept = summary(folder / "run")["classes"]
    assert kept.keys() == {"rheology.kind", "model.heating_law", "closure.kind", "stokes.solver"}
    assert kept["rheology.kind"]["class"] == f"{folder / 'parts.py'}:Softening:contrast=30"
    assert len({entry["sha256"] for entry in kept.values()}) == 1
    assert summary(folder / "run")["weights_sha256"] == kept["stokes.solver"]["sha256"]
    solver = "stokes.solver=skip:2:parts.py:Damped:part=0.25"
    library.run(case("time.max_steps=2", solver), "same", progress=False, **own_parts())  # type: ignore[arg-type]
    ours, theirs = (library.open_run(folder / name) for name in ("run", "same"))
    for name in ("temperature", "viscosity", "psi"):
        assert np.array_equal(ours[name], theirs[name]), name


def test_a_data_set_keeps_the_class_it_was_made_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellus.coupling.dataset.make.run_all", one_by_one.run_all)
    config = load_dataset_config(
        None,
        [
            *("grid.nx=16", "grid.ny=8", "stokes.solver=parts.py:Damped", "dataset.max_steps=8"),
            *("dataset.train=1", "dataset.validation=1", "dataset.test=1", "dataset.corners=false"),
            *("dataset.snapshot_every=4", "dataset.dense_every=2", "dataset.dense_until=4"),
        ],
    )
    make_dataset(config, folder / "data", report=lambda line: None)
    kept = card_of(folder / "data")["classes"]["stokes.solver"]
    assert kept["class"] == f"{folder / 'parts.py'}:Damped"
    assert f"SHA-256 {kept['sha256'][:12]}" in tellus("info", "data").stdout
    (folder / "data" / "card.json").unlink()
    before = executed(folder)
    (folder / "parts.py").write_text(PARTS + "# another\n")
    with pytest.raises(InputError, match="has changed since the data set began"):
        make_dataset(config, folder / "data", report=lambda line: None)
    assert executed(folder) == before
    (folder / "parts.py").write_text(PARTS)
    make_dataset(config, folder / "data", report=lambda line: None)
    assert (folder / "data" / "card.json").exists()


def test_looking_at_a_run_executes_nothing(folder: Path) -> None:
    tellus("run", "case.toml", "--out", "run", *ASKED)
    before = executed(folder)
    assert "parts.py:Softening" in tellus("info", "run").stdout
    for command in (
        ["compare", "run", "run"],
        ["profile", "run"],
        ["plot", "run", "--frames", "1", "--fields", "psi"],
    ):
        tellus(*command)
    tellus("config", "run/config.toml")
    tellus("export", "run", "--to", "netcdf")
    assert executed(folder) == before


def test_a_resumed_run_has_the_same_classes_or_is_refused(folder: Path) -> None:
    tellus("run", "case.toml", "--out", "run", *ASKED)
    tellus("run", "run", "--resume", "--set", "time.max_steps=4")
    tellus("run", "case.toml", "--out", "longer", *ASKED, "--set", "time.max_steps=4")
    assert_same(folder / "run", folder / "longer")
    (folder / "parts.py").write_text(PARTS + "# edited")
    before, times = files(folder / "run"), executed(folder)
    refused = tellus("run", "run", "--resume", "--set", "time.max_steps=5", status=2).output
    assert "parts.py has changed since the run began" in refused
    assert files(folder / "run") == before
    assert executed(folder) == times
    (folder / "parts.py").unlink()
    assert "cannot be read" in tellus("run", "run", "--resume", status=2).output


def test_parts_handed_in_are_wanted_again(folder: Path) -> None:
    def run(out: str, steps: int, resume: bool = False, **parts: object) -> None:
        config = case(f"time.max_steps={steps}")
        library.run(config, out, resume, progress=False, **parts)  # type: ignore[arg-type]

    run("run", 2, **own_parts())
    stored = (folder / "run" / "config.toml").read_text()
    for said in ("own:Softening", "own:Pulse", "own:leak"):
        assert said in stored
    parts = own_parts()
    for name in parts:
        others = {key: part for key, part in parts.items() if key != name}
        with pytest.raises(InputError, match="hand it in again"):
            run("run", 3, resume=True, **others)
    assert "hand it in again" in tellus("run", "run", "--resume", status=2).output
    run("run", 3, resume=True, **parts)
    run("longer", 3, **parts)
    assert_same(folder / "run", folder / "longer")


def test_from_config_takes_them_too() -> None:
    config = case()
    simulation = Simulation.from_config(config, **own_parts())  # type: ignore[arg-type]
    by_hand = Simulation.from_config(config)
    assert isinstance(simulation.rheology, Softening)
    assert isinstance(by_hand.rheology, FrankKamenetskii)
    simulation.step()
    assert simulation.energy.mean_heating(0.0, 1.0) == 5.0
    with pytest.raises(InputError, match="a method mean"):
        Simulation.from_config(config, heating=3.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a method viscosity"):
        Simulation.from_config(config, rheology=Softening)  # type: ignore[arg-type]


def edited(before: str, after: str) -> Callable[[str], str]:
    def changed(text: str) -> str:
        assert before in text
        return text.replace(before, after)

    return changed


WRONG = [
    (edited("return self.contrast**-temperature", "return 1.0"), "viscosity", "must have shape"),
    (
        edited("return self.contrast**-temperature", "return -1.0 - temperature"),
        "initial temperature",
        "beyond computing",
    ),
    (edited("return 5.0", "return float('nan')"), "heating: Pulse.mean(0, 0)", "finite number"),
    (edited("(self.name))\n", "(self.name)) and 3\n"), "--stokes damped", "a tellus.Flow, not 3"),
    (edited("psi = self.part", "psi = np.nan"), "--stokes damped", "psi holds NaN"),
    (
        edited("psi = self.part *", "psi = problem.grid.x_nodes +"),
        "--stokes damped",
        "goes through a wall",
    ),
    (edited('name = "damped"', ""), "the solver Damped has no name", "give it one"),
    (edited("class Softening", "class Softly"), "holds no class Softening", "did you mean Softly"),
    (edited("contrast: float", "sharpness: float"), "Softening(contrast=30) cannot be made", ""),
    (
        edited("self.direct, self.part =", "raise Refusal\n        _ ="),
        "parts.py: Damped(part=0.25) cannot be made (Refusal)",
        "mend it",
    ),
    (
        edited(
            'name = "leak"', 'name = "leak"\n\n    def __init__(self):\n        raise Failed("x.")'
        ),
        "parts.py: Leak() cannot be made (RunFailedError: x)",
        "mend it",
    ),
    (
        edited('name = "leak"', 'name = "leak"\n    silent = float("nan")'),
        "closure leak: silent must be a finite number, at least 0 and at most 1",
        "not nan",
    ),
    (
        edited('name = "leak"', 'name = "leak"\n    weights_sha256 = 3'),
        "a string or None, not 3",
        "",
    ),
    (
        edited('name = "leak"', 'name = "leak"\n\n    def check(self, problem):\n        pass'),
        "leak: check must return a list of warnings, strings, not None",
        "",
    ),
    (
        edited(
            "def solve(self", "def check(self, problem):\n        return 'ah'\n\n    def solve(self"
        ),
        "damped: check must return a list of warnings, strings, not 'ah'",
        "",
    ),
    (edited("import numpy", "import numpty"), "cannot be executed", "No module named"),
    (edited("import numpy", "raise SystemExit\nimport numpy"), "cannot be executed", "SystemExit"),
    (edited("class Pulse(Heating):", "class Pulse(Heating"), "cannot be executed", "SyntaxError"),
    (edited("found.along_x[:, 1:-1] = 1e-3", "return 3"), "closure leak", "Fluxes or None"),
]


@pytest.mark.parametrize(("change", "what", "why"), WRONG)
def test_what_is_wrong_is_said_before_anything_is_begun(
    folder: Path, change: Callable[[str], str], what: str, why: str
) -> None:
    (folder / "parts.py").write_text(change(PARTS))
    status = 1 if what.startswith("--stokes") else 2
    result = tellus("run", "case.toml", "--out", "run", *ASKED, status=status)
    assert what in result.output
    assert why in result.output
    assert "closure" in what or not (folder / "run").exists()
