"""The recipes of docs/use/extending.md: a toy of each kind needs no more than they say."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

from helpers.rollouts import Damped, case, summary, tellus, write_case
from tellus import Simulation, make_solver
from tellus.config import Config
from tellus.config.fields import Kinds, quantity, rows
from tellus.config.in_force import in_force, shown
from tellus.config.sections import LINEAR_LAWS, RheologySection
from tellus.config.solver_spec import OWN_ARGUMENTS, SolverSpec
from tellus.coupling import build
from tellus.coupling.solvers import kinds, memory, names
from tellus.coupling.solvers.arguments import whole_number
from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.picard import PicardSettings
from tellus.solver.rheology import Rheology
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi

ROOT = Path(__file__).parents[2]
GRID = Grid(16, 8, 2.0)


@pytest.mark.parametrize("heading", ["### By name", "### By `rheology.kind`"])
def test_a_recipe_touches_three_files_that_are_there(heading: str) -> None:
    _, _, recipe = (ROOT / "docs/use/extending.md").read_text().partition(f"{heading}\n")
    steps = re.findall(r"^\d\. .*", recipe.partition("\n#")[0], re.MULTILINE)
    touched = [path for step in steps for path in re.findall(r"\{src\}`(.+?)`", step)]
    assert 2 <= len(steps) == len(touched) <= 3
    assert all((ROOT / path).exists() for path in touched)


class Slower(Damped):
    """The direct flow, several times slower."""

    def __init__(self, grid: Grid, times: int) -> None:
        super().__init__(grid, 1.0 / times)
        self.name = f"slower:{times}"


class Reversed(CompositeSolver):
    """The flow of another solver, backwards."""

    def __init__(self, solver: StokesSolver) -> None:
        self.name, self.inner = f"reversed:{solver.name}", {"inner": solver}

    def solve(self, problem: StokesProblem) -> Flow:
        psi = -self.inner["inner"].solve(problem).psi
        return flow_from_psi(psi, problem.grid, StokesReport(self.name))


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function for each solver, and a line for that whose name ends in another's."""
    monkeypatch.setattr(kinds, "SOLVERS", table := kinds.SOLVERS.copy())
    monkeypatch.setattr(names, "SOLVERS", table)
    monkeypatch.setitem(OWN_ARGUMENTS, "reversed", lambda arguments: 0)

    @kinds.kind("slower:N", "direct, N times slower", memory=memory.direct)
    @kinds.linear
    def _slower(spec: SolverSpec, grid: Grid) -> StokesSolver:
        return Slower(grid, whole_number(spec, "times", "slower:2"))

    @kinds.kind("reversed:NAME", "NAME, backwards", "those of NAME")
    def _reversed(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
        assert spec.inner is not None
        return Reversed(kinds.built(spec.inner, grid, picard))


@pytest.mark.usefixtures("toys")
def test_a_named_solver_is_listed_run_resumed_and_refused(tmp_path: Path) -> None:
    assert "direct, N times slower" in tellus("solvers").stdout
    name, out = "skip:2:reversed:slower:3", tmp_path / "run"
    config = write_case(tmp_path / "case.toml", "time.max_steps=3")
    tellus("run", config, "--out", out, "--stokes", name)
    tellus("run", out, "--resume", "--set", "time.max_steps=5")
    assert summary(out)["solver"] == name
    assert summary(out)["solver_report"]["solved"] == 3
    said = tellus("run", config, "--out", tmp_path / "no", "--stokes", "slower:x", status=2).stderr
    assert 'needs one whole number of times, as in "slower:2"' in " ".join(said.split())


@pytest.mark.usefixtures("toys")
def test_a_named_solver_has_all_that_is_asked_of_one() -> None:
    solver = make_solver("reversed:slower:4", GRID)
    config = case("stokes.solver=direct")
    flow = Simulation.from_config(config, solver).flow()
    direct = Simulation.from_config(config).flow()
    np.testing.assert_array_equal(flow.psi, -0.25 * direct.psi)
    assert names.memory_of("reversed:slower:4", GRID) == names.memory_of("direct", GRID)
    assert (solver.weights_sha256, solver.cycle, solver.shares_processes) == (None, 1, False)
    assert dict(solver.state()) == {}


@dataclass(frozen=True)
class Melting(Rheology):
    """A fluid above a temperature, a hundred times stiffer below."""

    above: float

    def viscosity(self, temperature: Array, grid: Grid, strain_rate: Array | None = None) -> Array:
        return np.where(temperature > self.above, 1.0, 100.0)


class MeltingSection(RheologySection):
    kind: Annotated[str, Kinds(*LINEAR_LAWS, "melting")] = quantity(
        "frank-kamenetskii", "viscosity law"
    )
    above: float = quantity(0.5, "melting: its temperature", kinds=("melting",), ge=0, le=1)


class MeltingConfig(Config):
    rheology: MeltingSection = MeltingSection()


def _melting(config: Config) -> Rheology:
    assert isinstance(config, MeltingConfig)
    return Melting(config.rheology.above)


def test_a_law_by_kind_is_a_setting_a_table_entry_and_layered_and_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(build.LAWS, "melting", _melting)
    told = case("rheology.layer_depths=[0.5]", "rheology.layer_factors=[2.0,1.0]").model_dump()
    told["rheology"] |= {"kind": "melting", "above": 0.4}
    simulation = Simulation.from_config(MeltingConfig.model_validate(told))
    viscosity = simulation.problem.viscosity()
    assert (viscosity.min(), viscosity.max()) == (1.0, 200.0)
    assert simulation.step().diagnostics.vrms > 0.0
    assert "rheology.above" in [row.key for row in rows(MeltingConfig)]


def test_only_its_own_law_reads_a_setting() -> None:
    config = MeltingConfig.model_validate({"rheology": {"kind": "melting"}})
    assert dict(in_force(config))["rheology.above"] == 0.5
    assert "gamma_T" not in shown(config)
    assert {key for key, _ in in_force(MeltingConfig())} == {key for key, _ in in_force(Config())}
