"""One case, rolled out with every solver from one state over one span of model time."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tellus.config.paths import with_absolute_paths
from tellus.coupling.runs.progress import RunProgress
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.snapshot import Snapshot
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.rollout import Rollout, file_name
from tellus.solver.grid import Array

from .fields import cached

# Part of every key: raise it when what an older version recorded should not be used.
RECIPE = 3

REFERENCE = "direct"
PERTURBATION, DT_FACTOR = 1e-6, 0.5
PERTURBED = f"{REFERENCE} (start perturbed by {PERTURBATION:g})"
HALVED = f"{REFERENCE} (dt times {DT_FACTOR:g})"
FLOORS = (PERTURBED, HALVED)
"""What the direct rollout itself is worth: errors below these are below its own."""


def output_times(start: float, end: float, outputs: int) -> Array:
    """When T is kept: evenly spaced, the end included, the start not."""
    return np.linspace(start, end, outputs + 1)[1:]


def planned(
    case: RolloutCase,
    start: float,
    outputs: int,
    weights: Mapping[str, str | None],
    out: Path,
    threads: int,
) -> list[Rollout]:
    """The direct rollout, those that show what it is worth, then those of the other solvers.

    Parameters
    ----------
    case : RolloutCase
    start : float
        Model time of the state that all begin in.
    outputs : int
        Times at which T is kept, which the steps of every rollout are cut to meet.
    weights : mapping
        Names of the solvers, to the digest of their weights.
    out : Path
        Directory of the rollouts.
    threads : int
        On which they run.
    """
    end = case.config.time.end
    times = tuple(output_times(start, end, outputs).tolist())

    def rollout(label: str, perturbation: float = 0.0, dt_factor: float = 1.0) -> Rollout:
        said = (RECIPE, case.digest, start, outputs, threads, label, weights.get(label))
        return Rollout(
            case=case,
            solver=REFERENCE if label in FLOORS else with_absolute_paths(label),
            label=label,
            key=" ".join(map(str, said)),
            stem=out / "rollouts" / file_name(label),
            until=end,
            field_times=times,
            perturbation=perturbation,
            dt_factor=dt_factor,
        )

    return [
        rollout(REFERENCE),
        rollout(PERTURBED, perturbation=PERTURBATION),
        rollout(HALVED, dt_factor=DT_FACTOR),
        *(rollout(name) for name in weights if name != REFERENCE),
    ]


def start_state(case: RolloutCase, start: float) -> Snapshot:
    """The snapshot at model time `start`, run with the direct solver once and then cached."""

    def run() -> Snapshot:
        simulation = Simulation.from_config(case.with_solver(REFERENCE))
        with RunProgress(0.0, start) as progress:
            simulation.run(start, [lambda _, record: progress.update(record)])
        return simulation.snapshot()

    name = f"start-{RECIPE}-{case.digest}-{start!r}"
    return dict(cached(name, run, f"the state at t = {start:g} with the direct solver"))
