"""What stays as it is when the code behind it is rebuilt: helps, JSON outputs, short runs.

    python tests/contract.py            # record: only where a change is meant
    python tests/contract.py --check    # compare, runs to the bit

In `recorded/` lie `help.txt`, `outputs.json` (the keys of every JSON output, nested as they
are) and `runs.json` (of every solver, scheme and example a few numbers, and the SHA-256 of the
fields). Bits depend on processor and libraries, so the tests hold the numbers alone; whoever
rebuilds the code compares the bits on one machine, before and after.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import typer
from typer.testing import CliRunner

from helpers.convecting import short_states
from helpers.rollouts import SIMPLEST
from helpers.small_data import GRID as DATA_GRID
from helpers.small_data import waves, write_dataset
from helpers.small_models import save_models
from tellus.benchmarks import fields
from tellus.cli import app
from tellus.config import Config, load_config
from tellus.coupling.simulation.loop import Simulation

HERE = Path(__file__).parent / "recorded"
ROOT = Path(__file__).parents[1]

HELP, OUTPUTS, RUNS = "help.txt", "outputs.json", "runs.json"

INSTALLED = ("thread_pools", "versions")
"""Keys of outputs whose content says what is installed and loaded."""

STEPS = 8
BOX = ("grid.nx=64", "grid.ny=16", "grid.aspect=4.0", "time.dt_initial=1e-5")
CONVECTING = (
    *BOX,
    *SIMPLEST,
    "initial.kind=conductive",
    "initial.amplitude=0.2",
    "initial.perturbation=mode",
    "rheology.gamma_T=1e5",
    "model.rayleigh=10",
)
SOLVERS = (
    "direct",
    "skip:3",
    "skip:3:linear:reduced:2",
    "skip:tol=1e-2",
    "coarse:4",
    "fine:2",
    "richardson",
    "richardson:4",
    "reduced:4",
    "refined",
    "refined:2:tol=1e-3",
    "lagged",
    "iterative",
    "iterative:bicgstab:jacobi:tol=1e-8:from:coarse:4",
    "mumps",
    "mumps-psi",
    "surrogate",
    "anchored:4:reduced:4",
    "anchored:tol=1e-2:coarse:4",
    "check:coarse:4",
    "guarded:tol=0.1:coarse:4",
)
EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").glob("*.toml")
    if not path.name.startswith(("dataset-", "train-", "pareto"))
)


def helps() -> str:
    """The help of every command, and the lists of solvers and settings."""
    command = typer.main.get_command(app)
    texts = [_run(*names, "--help") for names in _commands(command, ())]
    return "\n".join([*texts, _run("solvers"), _run("config", "--help-fields")])


def _commands(command: Any, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield names
    # Not `isinstance(command, click.Group)`: Typer may bring a Click of its own.
    within = getattr(command, "commands", {})
    for name in sorted(within):
        yield from _commands(within[name], (*names, name))


def _run(*arguments: str) -> str:
    environment = {"COLUMNS": "100", "TERM": "dumb"}
    result = CliRunner().invoke(app, list(arguments), env=environment, prog_name="tellus")
    if result.exit_code:
        raise RuntimeError(f"tellus {' '.join(arguments)}: {result.output}")
    return f"$ tellus {' '.join(arguments)}\n{result.stdout}"


@cache
def run_cases() -> dict[str, Config]:
    """By name: every solver, both schemes, and every example at a size that takes no time."""
    cases = {f"{name}, explicit": _case(*CONVECTING, solver=name) for name in SOLVERS}
    for name in ("direct", "refined", "skip:3"):
        cases[f"{name}, implicit"] = _case(*CONVECTING, "time.scheme=implicit", solver=name)
    for scheme in ("explicit", "implicit"):
        high_order = ("energy.advection=mp5", "energy.velocity=mid-step", f"time.scheme={scheme}")
        default = *high_order, "time.courant=1.0"
        cases[f"default, {scheme}"] = _case(*CONVECTING, *default, solver="richardson:4")
        cases[f"mp5, mid-step, {scheme}"] = _case(*CONVECTING, *high_order, solver="direct")
    for path in EXAMPLES:
        aspect = load_config(path).grid.aspect
        cases[path.stem] = load_config(path, ["grid.ny=16", f"grid.nx={round(16 * aspect)}"])
    return cases


def _case(*overrides: str, solver: str) -> Config:
    return load_config(None, [*overrides, f"stokes.solver={solver}"])


def numbers(config: Config) -> dict[str, Any]:
    """After a few steps: time and means, to be compared as numbers; digests, to the bit."""
    simulation = Simulation.from_config(config, warn=lambda sentence: None)
    for _ in range(STEPS):
        record = simulation.step()
    psi = simulation.flow().psi
    means = {
        "time": simulation.time,
        "mean_temperature": float(simulation.temperature.mean()),
        "temperature_squared": float((simulation.temperature**2).mean()),
        "nusselt_top": record.diagnostics.nusselt_top,
        "nusselt_bottom": record.diagnostics.nusselt_bottom,
        "vrms": record.diagnostics.vrms,
        "psi_squared": float((psi**2).mean()),
    }
    digest = hashlib.sha256(np.ascontiguousarray(simulation.temperature).tobytes())
    digest.update(np.ascontiguousarray(psi).tobytes())
    return {**means, "sha256": digest.hexdigest()}


def outputs() -> dict[str, Any]:
    """The keys of what commands print with --json and leave on disk."""
    with TemporaryDirectory() as scratch, patch.object(fields, "make_states", short_states):
        return {name: keys(found) for name, found in _outputs(Path(scratch))}


def _outputs(root: Path) -> Iterator[tuple[str, Any]]:
    short = [word for key in (*CONVECTING, f"time.max_steps={STEPS}") for word in ("--set", key)]
    case = root / "case.toml"
    case.touch()
    for name in ("direct", "refined", "surrogate", "skip:3"):
        run = root / name.replace(":", "-")
        _run("run", str(case), "--out", str(run), "--stokes", name, *short)
        yield f"run.json, {name}", _read(run / "run.json")
    pair = [str(root / "direct"), str(root / "skip-3")]
    yield "compare", _json("compare", *pair)
    yield "profile", _json("profile", pair[0])
    data, models = root / "data", save_models(root / "models", DATA_GRID)
    write_dataset(data, DATA_GRID, waves())
    yield "evaluate", _json("evaluate", str(models["multi-scale"]), "--data", str(data))
    size = ("--grid", "64x16", "--threads", "1")
    for name in ("direct", "refined,skip:3"):
        options = ("--solvers", name, "--repeats", "5", *size)
        yield f"bench step, {name}", _json("bench", "step", *options)
    yield (
        "bench stokes",
        _json("bench", "stokes", "--solvers", "direct,coarse:4", *size, "--no-memory"),
    )
    yield "bench energy", _json("bench", "energy", *size)
    yield "bench apply", _json("bench", "apply", *size)
    yield (
        "bench verification",
        _json("bench", "verification", "--cases", "solkz", "--resolutions", "16,32"),
    )


def _json(*arguments: str) -> Any:
    return json.loads(_run(*arguments, "--json").partition("\n")[2])


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def keys(value: Any) -> Any:
    """Of nested dictionaries the keys; of a list what its first element has; nothing of values."""
    if isinstance(value, dict):
        shown = {key: None if key in INSTALLED else entry for key, entry in value.items()}
        return {key: keys(entry) for key, entry in sorted(shown.items())}
    if isinstance(value, list):
        return [keys(value[0])] if value and isinstance(value[0], dict | list) else []
    return None


def written(value: Any) -> str:
    """As it is recorded."""
    return value if isinstance(value, str) else json.dumps(value, indent=1) + "\n"


def recorded(name: str) -> str:
    """The text of a file of `recorded/`; empty before the first time."""
    path = HERE / name
    return path.read_text() if path.exists() else ""


def main() -> int:
    """Record, or with --check list what has changed."""
    with TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        runs = {name: numbers(case) for name, case in run_cases().items()}
        found = {HELP: helps(), OUTPUTS: outputs(), RUNS: runs}
    if "--check" not in sys.argv:
        for name, value in found.items():
            (HERE / name).write_text(written(value))
        return 0
    changed = [name for name, value in found.items() if recorded(name) != written(value)]
    before = json.loads(recorded(RUNS))
    bits = [case for case in runs if runs[case]["sha256"] != before.get(case, {}).get("sha256")]
    print("\n".join([f"changed: {name}" for name in [*changed, *bits]] or ["nothing has changed"]))
    return bool(changed)


if __name__ == "__main__":
    sys.exit(main())
