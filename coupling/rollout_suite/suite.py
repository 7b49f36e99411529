"""Many simulations, each rolled out with every solver and compared with the direct one."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tellus.config.paths import with_absolute_paths
from tellus.coupling.build import grid_of
from tellus.coupling.cluster import run_all
from tellus.coupling.runs.provenance import provenance
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.io.json_file import parse_json, small_file
from tellus.io.lock import NAME as LOCK
from tellus.io.lock import sole_user
from tellus.io.names import plain_names
from tellus.io.whole_file import entries, own_folder, write_atomically

from .cases import RolloutCase
from .rollout import MOST_STEPS, Rollout, Task, file_name, roll_out
from .scores import (
    FLOORS,
    REFERENCE,
    THRESHOLDS,
    TIMES_TWIN,
    Row,
    add_speedups,
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

TWIN, TWIN_FACTOR = "direct, half the time step", 0.5
"""The reference once more, which shows how far two exact solutions differ."""


@dataclass(frozen=True)
class RolloutPair:
    """A case and a solver, before it is known how far the reference gets."""

    case: RolloutCase
    label: str
    solver: str
    key: str
    stem: Path
    dt_factor: float = 1.0


def rollout_suite(
    cases: Sequence[RolloutCase],
    solvers: Sequence[str],
    out: Path,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    trained: Sequence[dict[str, float]] = (),
    report: Callable[[str], None] = print,
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
    plain_names((case.name for case in cases), "simulations to roll out")
    labels = [name for name in dict.fromkeys(solvers) if name != REFERENCE]
    _check_free(cases, out)
    weights = _check_solvers(cases, [REFERENCE, *labels])
    with sole_user(out):
        _claim(cases, out)
        references = [_pair(case, REFERENCE, None, out) for case in cases]
        twins = [_twin(case, out) for case in cases] if labels else []
        others = [_pair(case, name, weights[name], out) for name in labels for case in cases]
        report(f"{len(cases)} simulations, {len(labels) + 1} solvers")
        _complete([_task(pair) for pair in references], jobs, scheduler, report)
        ends = {pair.case.name: _loaded(pair) for pair in references}
        _complete(_following([*twins, *others], ends), jobs, scheduler, report)
        pairs = [*references, *others]
        return _deliver(cases, pairs, twins, ends, [REFERENCE, *labels], trained, out)


def _check_solvers(cases: Sequence[RolloutCase], labels: Sequence[str]) -> dict[str, str | None]:
    """Let every solver object to every case before any time is spent; digests of their weights."""
    weights, built = {}, {}
    warned: dict[str, list[str]] = {}
    for label in labels:
        for case in cases:
            place = (label, grid_of(case.config))
            if place not in built:
                built[place] = make_solver(*place)
            warnings: list[str] = []
            Simulation.from_config(case.config, built[place], warn=warnings.append)
            for warning in warnings:
                warned.setdefault(f"{label}: {warning}", []).append(case.name)
        weights[label] = getattr(built[place], "weights_sha256", None)
    for warning, names in warned.items():
        log.warning("%s (%s)", warning, names[0] if len(names) == 1 else f"{len(names)} cases")
    return weights


def _pair(case: RolloutCase, label: str, weights: str | None, out: Path) -> RolloutPair:
    key = " ".join([str(FORMAT), case.digest, label, weights or ""]).strip()
    stem = out / ROLLOUTS / case.name / file_name(label)
    # Workers may have another working directory.
    return RolloutPair(case, label, with_absolute_paths(label), key, stem)


def _twin(case: RolloutCase, out: Path) -> RolloutPair:
    pair = _pair(case, TWIN, None, out)
    return replace(pair, solver=REFERENCE, dt_factor=TWIN_FACTOR)


def _task(pair: RolloutPair, until: float | None = None, steps: int | None = None) -> Task:
    place = pair.case, pair.solver, pair.label, pair.key, pair.stem
    return Task(*place, until, steps, pair.dt_factor)


def _following(pairs: Sequence[RolloutPair], ends: dict[str, Rollout]) -> Iterator[Task]:
    """What is to be compared with a reference that got anywhere."""
    for pair in pairs:
        reference = ends[pair.case.name]
        if reference.info["steps"]:
            yield _task(pair, reference.end, reference.info["steps"])


def _complete(
    tasks: "Sequence[Task] | Iterator[Task]",
    jobs: int,
    scheduler: str | None,
    report: Callable[[str], None],
) -> None:
    """Do those that are not there yet; InputError where one was done with something else."""
    wanted = list(tasks)
    todo = []
    for task in wanted:
        found = Rollout.load(task.stem)
        if found is None:
            todo.append(task)
        elif found.info["key"] != task.key:
            raise InputError(
                f"{task.stem}.json was rolled out with other weights or another version: choose "
                "another --out, or delete it."
            )
    done = len(wanted) - len(todo)
    if done:
        report(f"{done} rollouts there, {len(todo)} to do")
    lines = run_all(roll_out, [(task,) for task in todo], jobs, scheduler)
    for count, line in enumerate(lines, start=done + 1):
        report(f"{count}/{len(wanted)}: {line}")


def _loaded(pair: RolloutPair) -> Rollout:
    found = Rollout.load(pair.stem)
    if found is None:
        raise InputError(f"{pair.stem}.json is lost: run the same command again.")
    return found


def _deliver(
    cases: Sequence[RolloutCase],
    pairs: Sequence[RolloutPair],
    twins: Sequence[RolloutPair],
    references: dict[str, Rollout],
    labels: Sequence[str],
    trained: Sequence[dict[str, float]],
    out: Path,
) -> dict[str, Any]:
    """Judge, write, draw."""
    from .figures import draw

    rollouts: dict[tuple[str, str], Rollout] = {}
    rows: list[Row] = []
    halved = {
        pair.case.name: twin_row(references[pair.case.name], _loaded(pair))
        for pair in twins
        if references[pair.case.name].info["steps"]
    }
    for pair in pairs:
        reference = references[pair.case.name]
        if reference.info["steps"] or pair.label == REFERENCE:
            rollouts[pair.case.name, pair.label] = found = _loaded(pair)
            rows.append(row(pair.case, reference, found, halved.get(pair.case.name)))
    add_speedups(rows)
    result = {
        "suite": out.name,
        "grids": sorted({f"{c.config.grid.nx}x{c.config.grid.ny}" for c in cases}),
        "reference": REFERENCE,
        "thresholds": THRESHOLDS
        | FLOORS
        | {"times_twin": TIMES_TWIN, "steps_over_reference": MOST_STEPS},
        "summary": [summary(rows, label) for label in labels],
        "results": rows,
        "twins": list(halved.values()),
        "disturbed_rollouts": disturbed(rows),
        **provenance(),
        # Rollouts run in processes of one thread each.
        "threads": 1,
    }
    write_atomically(out / RESULT, json.dumps(result, indent=1, allow_nan=False).encode() + b"\n")
    pictures = draw(cases, rollouts, result, labels, trained, out)
    log.info("written: %s", ", ".join(str(path) for path in (out / RESULT, *pictures)))
    return result


def _check_free(cases: Sequence[RolloutCase], out: Path) -> None:
    """Refuse a directory that is not empty and is not this suite's."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: choose another --out.")
    try:
        stored = parse_json(small_file(out / IDENTITY))
    except FileNotFoundError:
        if out.exists() and entries(out) - {LOCK}:
            raise InputError(
                f"{out} is not empty and holds no suite of rollouts: choose another --out."
            ) from None
        return
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
    write_atomically(out / IDENTITY, json.dumps(_identity(cases), indent=1).encode() + b"\n")
