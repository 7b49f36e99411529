"""Many trainings compared: train, evaluate, roll out, one table.

Every training file of a folder is one experiment, trained in a worker process of a local cluster.
What is finished is not done again, and a training that was stopped goes on from its last whole
epoch, so that the same command takes the whole up where it was stopped.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from tellus.config.solver_spec import RECOMMENDED
from tellus.coupling.cluster import Report, run_all, tell
from tellus.coupling.experiments.experiment import Experiment, evaluate_model, find_experiments
from tellus.coupling.runs.provenance import provenance
from tellus.errors import InterruptedRunError, TellusError
from tellus.io.json_file import plain, read_json, read_json_lines, write_json
from tellus.io.lock import sole_user
from tellus.io.text_table import aligned
from tellus.io.whole_file import write_atomically
from tellus.solver.threads import allowed, limit
from tellus.surrogate.card import CARD
from tellus.surrogate.data import Dataset
from tellus.surrogate.kinds import KINDS

Json = dict[str, Any]

CLASSICAL = (RECOMMENDED, "skip:100")
"""Rolled out beside the networks and the direct solver: the best there is, and the cheapest."""

RESULT = "experiments.json"
LONG = ("per_simulation", "spectrum", "machine", "versions")


def run_experiments(
    folder: Path,
    data: Path,
    out: Path,
    *,
    only: Sequence[str] = (),
    changes: Sequence[str] = (),
    steps: int | None = None,
    jobs: int = 1,
    device: str = "cpu",
    report: Report = print,
) -> Json:
    """Train, evaluate and roll out every experiment of a folder.

    The training split of the data set trains, its test split judges.

    Parameters
    ----------
    folder : Path
        Of training files, an experiment each.
    data : Path
        The data set.
    out : Path
        For a folder for each experiment, the rollouts, and experiments.json, which is returned too.
    only : sequence of str
        Names of experiments; all by default.
    changes : sequence of str
        Settings of every training file to change, such as "training.seed=1".
    steps : int, optional
        Steps of the rollouts of Stokes networks over the test split; 0 leaves them out.
    jobs : int
        Trainings, and rollouts, at a time; each training uses one thread where there are several.
    device : str
        Where to train.
    report : callable
        Takes one line of progress.

    Raises
    ------
    InputError
        A training file or the data is wrong, or a name in `only` unknown.
    RunFailedError
        A training or an evaluation failed; what the others found is kept.
    """
    from tellus.coupling.trajectory.cases import cases_of_data, trained_on
    from tellus.coupling.trajectory.suite.suite import rollout_suite

    experiments = find_experiments(folder, out, only, changes)
    dataset = Dataset.open(data)
    dataset.check_present()
    for experiment in experiments:
        experiment.check(dataset)
    with sole_user(out):
        fresh = not any(e.model.exists() for e in experiments)
        begun = perf_counter()
        _train_all(experiments, data, jobs, device, report)
        seconds = perf_counter() - begun if fresh else None
        # What steps in time itself is rolled out by its evaluation.
        networks = [e.label for e in experiments if KINDS[e.settings.kind].solves]
        rollouts = None
        if networks and steps != 0:
            rollouts = rollout_suite(
                cases_of_data(data, "test", steps),
                [*networks, *CLASSICAL],
                out / "rollouts",
                jobs=jobs,
                trained=trained_on(data),
                report=report,
            )
        result = {
            "benchmark": "experiments",
            "folder": folder.name,
            "changes": list(changes),
            "out": out.resolve().name,
            "grid": str(dataset.grid),
            "data": dataset.card["hash"],
            "training_jobs": min(jobs, len(experiments)),
            # Of all trainings and evaluations; none where some were there before.
            "trainings_seconds": seconds,
            "results": [_row(e, rollouts) for e in experiments],
            "rollouts": None if rollouts is None else _beside(rollouts, networks),
            **provenance(),
        }
        write_json(out / RESULT, result)
        return result


def _train_all(
    experiments: Sequence[Experiment], data: Path, jobs: int, device: str, report: Report
) -> None:
    """Finish all that is unfinished, `jobs` at a time, and only then raise what failed first."""
    threads = 1 if jobs > 1 else None
    tasks = [(e, data, device, threads) for e in experiments if not e.is_done]
    ended = run_all(
        train_and_evaluate, tasks, jobs, threads=threads, report=report, keep_failures=True
    )
    if failures := [failure for failure in ended if failure is not None]:
        raise failures[0]


def train_and_evaluate(
    experiment: Experiment, data: Path, device: str, threads: int | None
) -> None:
    """What is left of one experiment, on a worker; `threads` of PyTorch and solves, if given."""
    import torch

    from tellus.surrogate.training.train import train

    if threads is not None:
        torch.set_num_threads(threads)
    with _named(experiment.name), limit(threads or allowed()):
        if not experiment.is_trained:
            settings, model = experiment.settings, experiment.model

            def report(line: str) -> None:
                tell(f"{experiment.name}: {line}")

            with sole_user(model):
                train(settings, data, model, resume=True, report=report, device=device)
        if not experiment.evaluation.exists():
            text = json.dumps(plain(evaluate_model(experiment.model, data)), allow_nan=False)
            write_atomically(experiment.evaluation, text.encode() + b"\n")


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Begin messages of failures inside with the name of their experiment."""
    try:
        yield
    except InterruptedRunError as stop:
        raise InterruptedRunError(f"{name}: {stop} The same command goes on.") from None
    except TellusError as failure:
        raise type(failure)(f"{name}: {failure}") from None


def _beside(rollouts: Json, networks: Sequence[str]) -> Json:
    """What is rolled out beside the networks."""
    others = [row for row in rollouts["summary"] if row["solver"] not in networks]
    thresholds = rollouts["thresholds"]
    return {"steps": others[0]["steps"], "thresholds": thresholds, "others": others}


def _kept(evaluation: Json) -> Json:
    """An evaluation without its longest lists, at any depth."""
    return {
        key: _kept(value) if isinstance(value, dict) else value
        for key, value in evaluation.items()
        if key not in LONG
    }


def _row(experiment: Experiment, rollouts: Json | None) -> Json:
    """What is known of one experiment."""
    remedy = f"remove {experiment.model}"
    card = read_json(experiment.model / CARD, remedy)
    epochs = read_json_lines(experiment.metrics, remedy)
    summary = [] if rollouts is None else rollouts["summary"]
    return {
        "name": experiment.name,
        "kind": experiment.settings.kind,
        "meaning": experiment.config.read_text().splitlines()[0].lstrip("# "),
        "parameters": card["parameters"],
        "epochs": len(epochs),
        "training_seconds": sum(epoch["seconds"] for epoch in epochs),
        "validation": card["validation"],
        "evaluation": _kept(experiment.read_evaluation()),
        "rollout": next((s for s in summary if s["solver"] == experiment.label), None),
    }


COLUMNS = ("experiment", "parameters", "epochs", "minutes", "velocity error", "p95", "rollout")


def table(result: Json) -> str:
    """One line per experiment: median and 95th percentile of the velocity error on the test split,
    and how many of its rollouts got to the end and stayed close.
    """
    rows = [COLUMNS, *(_cells(row) for row in result["results"])]
    return "\n".join(aligned(rows, left=len(COLUMNS)))


def _cells(row: Json) -> tuple[str, ...]:
    errors = row["evaluation"]["relative_l2"]
    return (
        row["name"],
        str(row["parameters"]),
        str(row["epochs"]),
        f"{row['training_seconds'] / 60:.0f}",
        f"{100 * errors['median']:.1f} %",
        f"{100 * errors['p95']:.1f} %",
        rollout(row),
    )


def rollout(row: Json) -> str:
    """How many rollouts are good, or, of a network that steps in time, how many are lost."""
    if row["rollout"] is not None:
        return f"{row['rollout']['outcomes']['good']} of {row['rollout']['rollouts']} good"
    own = row["evaluation"].get("rollout")
    if own is None:
        return "-"
    early = own["early"]
    return f"{early['lost']} of {early['steps'][-1]['alive'] + early['lost']} lost"
