"""Which velocity is worth its seconds? One case, rolled out with every solver.

All rollouts start from one state and cover the same model time. Errors are
differences to the direct rollout over the part of it that is determined at all:
until one that was started a millionth apart has drifted away from it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from tellus.config import Config
from tellus.config.paths import with_absolute_paths
from tellus.coupling.build import grid_of
from tellus.coupling.output.style import save_picture
from tellus.coupling.runs.progress import RunProgress
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.snapshot import Snapshot
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.drift import (
    deterministic_errors,
    deterministic_outputs,
    rms,
    trajectory_drift,
)
from tellus.coupling.trajectory.record import Trajectory
from tellus.coupling.trajectory.rollout import HALF_STEP, PERTURBATION, Rollout, file_name, roll_out
from tellus.errors import InputError, RunFailedError
from tellus.io.busy import background_load
from tellus.io.lock import sole_user
from tellus.io.recognised import refuse_made
from tellus.solver.grid import Array

from .fields import cached
from .fronts import compared
from .harness import fixed_threads, origin, rest, thread_pools, timed
from .pareto_views import figure, table
from .record import save
from .selection import ROLLOUTS, Selection, chosen
from .spread import Row, Spread

__all__ = ["main", "table"]

log = logging.getLogger(__name__)


def main(
    config: Config,
    out: Path,
    solvers: Sequence[str] | None = None,
    *,
    start: float | None = None,
    outputs: int = 20,
    threads: int | None = None,
) -> Row:
    """Roll out one case with every solver, one after another.

    Parameters
    ----------
    config : Config
        The case. It is run to `start` with the direct solver, and from there to its end with
        each.
    out : Path
        Directory for the rollouts, one by one, and in the end the result and its picture. What
        it holds of the same plan is not run again.
    solvers : sequence of str, optional
        Names as --stokes takes them; by default `ROLLOUTS`, as far as they can be used.
    start : float, optional
        Model time; half of the end by default.
    outputs : int
        Times at which fields are kept and compared.
    threads : int, optional
        Threads of every library; as many as the environment allows by default.

    Returns
    -------
    dict
        ``results``: a row per rollout, the direct one first, then the floors; and where it was
        measured.
    """
    refuse_made(out)
    case, end = RolloutCase("pareto", config), config.time.end
    begin = 0.5 * end if start is None else start
    if not 0.0 < begin < end:
        raise InputError(f"--start must lie between 0 and time.end = {end:g}, not at {begin:g}.")
    names, required = chosen(solvers, ROLLOUTS, ROLLOUTS)
    # Built once before, so that bad names are refused and libraries loaded before time is spent.
    weights, left_out = _usable(case, names, required)
    with sole_user(out), fixed_threads(threads) as count:
        result = origin(
            "pareto",
            grid=str(grid_of(config)),
            config=config.model_dump(mode="json"),
            start=begin,
            end=end,
            background_load_percent=background_load(),
        )
        state = start_state(case, begin)
        done = _roll_out_all(planned(case, begin, outputs, weights, out, count), state)
        result |= {"thread_pools": thread_pools(), "left_out": left_out}
        result |= judged(done, state["temperature"], output_times(begin, end, outputs))
        written = save(result, out)
        save_picture(figure(result), written.with_suffix(".png"))
        log.info("written: %s and .png", written)
    return result


def _usable(
    case: RolloutCase, names: Sequence[str], required: bool
) -> tuple[dict[str, str | None], dict[str, str]]:
    """The solvers that can be used, with the digest of their weights; why others are left out.

    Raises InputError where one cannot that must.
    """
    selected = Selection(grid_of(case.config), required)
    weights: dict[str, str | None] = {}
    for name in names:
        try:
            simulation = Simulation.from_config(case.with_solver(name))
        except (InputError, ImportError) as error:
            selected.give_up(name, error)
        else:
            weights[name] = simulation.solver.weights_sha256
    return weights, selected.left_out


def _roll_out_all(rollouts: Sequence[Rollout], state: Snapshot) -> list[Trajectory]:
    """Do the rollouts from a state, each saved as soon as it is done."""
    direct = Simulation.from_config(rollouts[0].case.with_solver(REFERENCE))
    direct.restore(state)
    done = []
    for number, rollout in enumerate(rollouts, start=1):
        found = rollout.kept()
        again = "" if found is None else " (done before)"
        log.info("rollout %d of %d: %s%s", number, len(rollouts), rollout.label, again)
        if found is None:
            now = _seconds_of_one_solve(direct)
            rest()
            found = roll_out(rollout, state, progress=True)
            found = replace(found, account=replace(found.account, pace_seconds=now))
            found.save(rollout.stem)
        done.append(found)
    return done


# Part of every key: raise it when what an older version recorded should not be used.
RECIPE = 3

REFERENCE = "direct"
PERTURBED = f"{REFERENCE} (start perturbed by {PERTURBATION:g})"
HALVED = f"{REFERENCE} (dt times {HALF_STEP:g})"
FLOORS = (PERTURBED, HALVED)
"""What the direct rollout itself is worth: errors below these are below its own."""


def output_times(start: float, end: float, outputs: int) -> Array:
    """Model times at which T is kept, shape (outputs,): evenly spaced, the end included."""
    return np.linspace(start, end, outputs + 1)[1:]


def planned(
    case: RolloutCase,
    start: float,
    outputs: int,
    weights: Mapping[str, str | None],
    out: Path,
    threads: int,
) -> list[Rollout]:
    """The direct rollout, those that show its own errors, then those of the other solvers.

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
        rollout(HALVED, dt_factor=HALF_STEP),
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


SOLVES = 5


def _seconds_of_one_solve(simulation: Simulation) -> float:
    """Median of a few, after one that is not timed: tells whether the machine has changed."""
    solve = partial(simulation.solver.solve, simulation.problem)
    return median([timed(solve)[0] for _ in range(SOLVES + 1)][1:])


def judged(done: Sequence[Trajectory], start: Array, times: Array) -> Row:
    """Rows and what they rest on: the deterministic part, the changes in it, the floors.

    `done` begins with the direct rollout and the perturbed one; `start` is T at their start, and
    `times` are those at which they kept it.
    """
    reference, perturbed = done[:2]
    for needed in (reference.account, perturbed.account):
        if not needed.finished:
            raise RunFailedError(
                f"{needed.solver}: {needed.message} There is nothing to compare with."
            )
    drift = trajectory_drift(reference, perturbed, start)
    count = deterministic_outputs(drift)
    rows = compared([_row(each, reference, times[:count]) for each in done], FLOORS)
    return {
        "results": rows,
        "output_times": times.tolist(),
        "departure": drift.tolist(),
        "deterministic_until": float(times[count - 1]),
        "deterministic_outputs": count,
        "change_of_temperature": float(np.mean(rms(reference.fields[:count] - start))),
        "pace": Spread.of([row["pace_seconds"] for row in rows]).to_json(),
        "versions_differ": len({trajectory.account.git for trajectory in done}) > 1,
    }


def _row(trajectory: Trajectory, reference: Trajectory, times: Array) -> Row:
    account = trajectory.account
    floor = account.solver in FLOORS
    row = {
        "name": REFERENCE if floor else account.solver,
        "solver": account.solver,
        "failed": None if account.finished else account.message,
        **{key: getattr(account, key) for key in TOLD},
    }
    if not account.finished:
        return row
    phases = dict(account.seconds_by_phase)
    energy, span = phases.pop("energy"), trajectory.end - float(trajectory.time[0])
    return {
        **row,
        "stokes_seconds": sum(phases.values()),
        "energy_seconds": energy,
        "phases": phases,
        "seconds_per_model_time": account.seconds / span,
        "speedup": reference.account.seconds / account.seconds,
        **deterministic_errors(reference, trajectory, times),
    }


TOLD = (
    "git",
    "warnings",
    "setup_seconds",
    "others_percent",
    "seconds",
    "steps",
    "statuses",
    "iterations",
    "rejected",
    "pace_seconds",
)
"""What a row repeats of an account."""
