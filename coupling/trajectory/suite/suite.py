"""Many simulations, each rolled out with every solver and compared with the direct one."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from tellus.config.paths import with_absolute_paths
from tellus.coupling.build import grid_of
from tellus.coupling.cluster import Report, run_all
from tellus.coupling.runs.provenance import provenance
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.solvers.names import make_solver
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.record import Trajectory
from tellus.coupling.trajectory.rollout import HALF_STEP, MOST_STEPS, Rollout, file_name, roll_out
from tellus.errors import InputError
from tellus.io.json_file import parse_json, small_file, write_json
from tellus.io.lock import sole_user
from tellus.io.places import refuse_occupied
from tellus.io.shown import plain_names
from tellus.io.whole_file import own_folder
from tellus.solver.threads import limit

from .scores import (
    FLOORS,
    REFERENCE,
    THRESHOLDS,
    TIMES_TWIN,
    Trajectories,
    disturbed,
    row,
    summary,
    twin_row,
)

log = logging.getLogger("tellus")

IDENTITY = "suite.json"
RESULT = "rollout-suite.json"
ROLLOUTS = "rollouts"
FORMAT = 1

TWIN = "direct, half the time step"
"""The reference once more, which shows how far two exact solutions differ."""


def rollout_suite(
    cases: Sequence[RolloutCase],
    solvers: Sequence[str],
    out: Path,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    trained: Sequence[Mapping[str, float]] = (),
    reference: Sequence[str] = (),
    report: Report = print,
) -> dict[str, Any]:
    """Roll out every case with the direct solver and then with each of the others.

    Where there are others, the direct solver also rolls out every case with half of every time
    step, which takes twice as long as the reference: what that changes is no error of the others.

    Parameters
    ----------
    cases : sequence of RolloutCase
    solvers : sequence of str
        Names as --stokes takes them.
    out : Path
        Directory of the rollouts, the result and its pictures. What it holds already is not run
        again; solvers can be added to it, other cases cannot.
    jobs, scheduler
        See `run_all`.
    trained : sequence of dict
        Parameters of the simulations that a surrogate was trained on, for the map.
    reference : sequence of str
        Settings that the reference of every case has in place of the case's, such as
        ``grid.nx=256``; errors are then those of the grid and the scheme, too.
    report : callable
        Takes one line of progress.

    Returns
    -------
    dict
        Plain JSON, also written to `out`: "results", a row per case and solver, the reference's
        among them; "summary", a row per solver; "twins", a row per case with half the time step;
        "thresholds"; and where it was measured.

    Raises
    ------
    InputError
        A solver is not known or cannot be used on a case, or the directory holds something else.
    """
    out = out.absolute()
    cases = [case.changed((), reference) for case in cases] if reference else cases
    plain_names((case.name for case in cases), "simulations to roll out")
    labels = [REFERENCE, *(name for name in dict.fromkeys(solvers) if name != REFERENCE)]
    _check_free(cases, out)
    weights = _check_solvers(cases, labels)

    def rollouts(*labels: str) -> list[Rollout]:
        return [
            _rollout(case, label, weights.get(label), out) for label in labels for case in cases
        ]

    with sole_user(out):
        _claim(cases, out)
        report(f"{len(cases)} simulations, {len(labels)} solvers")
        found = _complete(rollouts(REFERENCE), jobs, scheduler, report)
        others = rollouts(TWIN, *labels[1:]) if labels[1:] else []
        found |= _complete(_beside(others, found), jobs, scheduler, report)
        return _deliver(cases, found, labels, trained, reference, out)


def _check_solvers(cases: Sequence[RolloutCase], labels: Sequence[str]) -> dict[str, str | None]:
    """Let every solver object to every case before any time is spent; digests of their weights."""
    weights, built = {}, {}
    warned: dict[str, list[str]] = {}
    for label in labels:
        for case in cases:
            config = (case.as_reference() if label == REFERENCE else case).config
            place = (label, grid_of(config))
            if place not in built:
                built[place] = make_solver(*place)
            warnings: list[str] = []
            Simulation.from_config(config, built[place], warn=warnings.append)
            for warning in warnings:
                warned.setdefault(f"{label}: {warning}", []).append(case.name)
        weights[label] = built[place].weights_sha256
    for warning, names in warned.items():
        log.warning("%s (%s)", warning, names[0] if len(names) == 1 else f"{len(names)} cases")
    return weights


def _rollout(case: RolloutCase, label: str, weights: str | None, out: Path) -> Rollout:
    twin = label == TWIN
    return Rollout(
        case=case.as_reference() if label in (REFERENCE, TWIN) else case,
        solver=REFERENCE if twin else with_absolute_paths(label),
        label=label,
        key=" ".join([str(FORMAT), case.digest, label, weights or ""]).strip(),
        stem=out / ROLLOUTS / case.name / file_name(label),
        dt_factor=HALF_STEP if twin else 1.0,
    )


def _beside(rollouts: Sequence[Rollout], references: Trajectories) -> list[Rollout]:
    """Rollouts whose reference took steps, up to the model time that it reached."""
    return [
        replace(rollout, until=reference.end, reference_steps=reference.account.steps)
        for rollout in rollouts
        if (reference := references[rollout.case.name, REFERENCE]).account.steps
    ]


def _complete(
    rollouts: Sequence[Rollout], jobs: int, scheduler: str | None, report: Report
) -> Trajectories:
    """Do the rollouts not done yet; InputError where one was done with something else."""
    todo = [(rollout,) for rollout in rollouts if _kept(rollout) is None]
    done = len(rollouts) - len(todo)
    if done:
        report(f"{done} rollouts there, {len(todo)} to do")
    for count, line in enumerate(run_all(roll_out_and_keep, todo, jobs, scheduler), start=done + 1):
        report(f"{count}/{len(rollouts)}: {line}")
    found = {(rollout.case.name, rollout.label): _kept(rollout) for rollout in rollouts}
    if lost := [r for r in rollouts if found[r.case.name, r.label] is None]:
        raise InputError(f"{lost[0].stem}.json is lost: run the same command again.")
    return {place: trajectory for place, trajectory in found.items() if trajectory is not None}


def roll_out_and_keep(rollout: Rollout) -> str:
    """Do and keep one rollout on one thread, as workers do; a line about it."""
    with limit(1), threadpool_limits(limits=1):
        found = roll_out(rollout)
    found.save(rollout.stem)
    account = found.account
    pace = 1e3 * account.seconds / max(account.steps, 1)
    return (
        f"{account.case} {account.solver}: {account.ended}, {account.steps} steps to "
        f"t = {account.time:.4g}, {pace:.3g} ms a step"
    )


def _kept(rollout: Rollout) -> Trajectory | None:
    found = Trajectory.load(rollout.stem)
    if found is not None and found.account.key != rollout.key:
        raise InputError(
            f"{rollout.stem}.json was rolled out with other weights or another version: choose "
            "another --out, or delete it."
        )
    return found


def _deliver(
    cases: Sequence[RolloutCase],
    found: Trajectories,
    labels: Sequence[str],
    trained: Sequence[Mapping[str, float]],
    reference: Sequence[str],
    out: Path,
) -> dict[str, Any]:
    """Judge, write, draw."""
    from .figures import draw

    twins = {
        name: twin_row(found[name, REFERENCE], trajectory)
        for (name, label), trajectory in found.items()
        if label == TWIN
    }
    by_name = {case.name: case for case in cases}
    rows = [
        row(by_name[name], found[name, REFERENCE], trajectory, twins.get(name))
        for (name, label), trajectory in found.items()
        if label != TWIN
    ]
    result = {
        "suite": out.name,
        "grids": sorted({f"{c.config.grid.nx}x{c.config.grid.ny}" for c in cases}),
        "reference": REFERENCE,
        "reference_settings": list(reference),
        "thresholds": THRESHOLDS
        | FLOORS
        | {"times_twin": TIMES_TWIN, "steps_over_reference": MOST_STEPS},
        "summary": [summary(rows, label) for label in labels],
        "results": rows,
        "twins": list(twins.values()),
        "disturbed_rollouts": disturbed(rows),
        **provenance(),
        # Rollouts run in processes of one thread each.
        "threads": 1,
    }
    write_json(out / RESULT, result)
    pictures = draw(cases, found, result, labels, trained, out)
    log.info("written: %s", ", ".join(str(path) for path in (out / RESULT, *pictures)))
    return result


def _check_free(cases: Sequence[RolloutCase], out: Path) -> None:
    """Refuse a directory that is not empty and is not this suite's."""
    begun = (out / IDENTITY).is_file()
    refuse_occupied(out, begun, "holds no suite of rollouts")
    if not begun:
        return
    try:
        stored = parse_json(small_file(out / IDENTITY))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{out / IDENTITY} cannot be read ({error}): choose another --out."
        ) from None
    if stored != _identity(cases):
        raise InputError(
            f"{out} was begun with other simulations, steps or settings ({IDENTITY} in it): give "
            "those again, or choose another --out."
        )


def _identity(cases: Sequence[RolloutCase]) -> dict[str, Any]:
    return {"format": FORMAT, "cases": {case.name: case.digest for case in cases}}


def _claim(cases: Sequence[RolloutCase], out: Path) -> None:
    _check_free(cases, out)
    for case in cases:
        own_folder(own_folder(out / ROLLOUTS) / case.name)
    write_json(out / IDENTITY, _identity(cases))
