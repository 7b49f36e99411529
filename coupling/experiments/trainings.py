"""Many trainings compared: train, evaluate, roll out, one table.

Every training file of a folder is one experiment, trained by `tellus train` in a
process of its own. What is finished is not done again, and a training that was
stopped goes on, so that the same command takes the whole up where it was stopped.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from tellus.config import AnyTraining, load_training_config
from tellus.coupling.runs.provenance import provenance
from tellus.errors import InputError, InterruptedRunError
from tellus.io.json_file import read_json, read_json_lines
from tellus.io.lock import sole_user
from tellus.io.names import plain_names
from tellus.io.signals import remembered
from tellus.io.whole_file import write_atomically
from tellus.surrogate.data import Dataset

from .commands import Commands

Report = Callable[[str], None]
Json = dict[str, Any]

CLASSICAL = ("refined:tol=1e-3", "skip:100")
"""Rolled out beside the networks and the direct solver: the best there is, and the cheapest."""

RESULT = "experiments.json"
LONG = ("per_simulation", "spectrum", "machine", "versions")

LISTENING = 0.5
"""Seconds between looks at signals."""


@dataclass(frozen=True)
class Experiment:
    """One training file, what is changed in it, and where its results go."""

    config: Path
    settings: AnyTraining
    changes: tuple[str, ...]
    out: Path

    @property
    def name(self) -> str:
        """The file's name without number and ending, such as "exact-walls"."""
        number, dash, rest = self.config.stem.partition("-")
        return rest if dash and number.isdecimal() else self.config.stem

    @property
    def kind(self) -> str:
        """What is trained, such as "multi-scale"."""
        return self.settings.kind.name

    @property
    def model(self) -> Path:
        """Directory of the trained model."""
        return self.out / self.name / "model"

    @property
    def evaluation(self) -> Path:
        """The result of `tellus evaluate`."""
        return self.out / self.name / "evaluation.json"


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

    Parameters
    ----------
    folder : Path
        Training files, in the order of the table.
    data : Path
        The data set: its training split trains, its test split judges.
    out : Path
        A folder for each experiment, the rollouts, and experiments.json.
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

    Returns
    -------
    dict
        "results": a row per experiment, as in experiments.json.

    Raises
    ------
    InputError
        A training file or the data is wrong, or a name in `only` unknown.
    RunFailedError
        A training or an evaluation failed; what the others found is kept.
    """
    experiments = find_experiments(folder, out, only, changes)
    dataset = Dataset.open(data)
    dataset.check_present()
    for experiment in experiments:
        _check_evaluation(experiment)
        _check_model(experiment, dataset)
    commands = Commands(report, threads=1 if jobs > 1 else None)
    with sole_user(out):
        fresh = not any(e.model.exists() for e in experiments)
        begun = perf_counter()
        _all(experiments, lambda e: _train_and_evaluate(e, data, device, commands), jobs, commands)
        seconds = perf_counter() - begun if fresh else None
        rollouts = _rolled_out(experiments, data, out, steps, jobs, report)
        return _deliver(experiments, folder, dataset, rollouts, jobs, seconds)


def _deliver(
    experiments: Sequence[Experiment],
    folder: Path,
    dataset: Dataset,
    rollouts: Json | None,
    jobs: int,
    seconds: float | None,
) -> Json:
    """Put the result together and write it.

    `seconds` is the wall time of all trainings and evaluations, None where some were there before.
    """
    result = {
        "benchmark": "experiments",
        "folder": folder.name,
        "changes": list(experiments[0].changes),
        "out": experiments[0].out.resolve().name,
        "grid": str(dataset.grid),
        "data": dataset.card["hash"],
        "training_jobs": min(jobs, len(experiments)),
        "trainings_seconds": seconds,
        "results": [_row(e, rollouts) for e in experiments],
        "rollouts": None if rollouts is None else _beside(rollouts, experiments),
        **provenance(),
    }
    write_atomically(experiments[0].out / RESULT, json.dumps(result, indent=1).encode() + b"\n")
    return result


def find_experiments(
    folder: Path, out: Path, only: Sequence[str] = (), changes: Sequence[str] = ()
) -> list[Experiment]:
    """The experiments of a folder, their files read, changed and found right."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise InputError(
            f"{folder} holds no training files (*.toml): name a folder such as experiments/small."
        )
    found = []
    for file in files:
        config = load_training_config(file, changes)
        if not config.kind.moves:
            raise InputError(
                f'{file}: model.kind = "{config.kind.name}" predicts no velocity to compare; train '
                "it with `tellus train`."
            )
        found.append(Experiment(file, config, tuple(changes), out))
    names = plain_names((e.name for e in found), str(folder))
    for name in only:
        if name not in names:
            raise InputError(f"{folder} has no experiment {name}: it has {', '.join(names)}.")
    return [e for e in found if not only or e.name in only]


def _check_evaluation(experiment: Experiment) -> None:
    """Refuse a damaged evaluation that an earlier command left, before anything is computed."""
    if experiment.evaluation.exists():
        _evaluation_of(experiment)


def _evaluation_of(experiment: Experiment) -> Json:
    return read_json(experiment.evaluation, "remove it, and it is evaluated again")


def _check_model(experiment: Experiment, dataset: Dataset) -> None:
    """Refuse a model of an earlier command that was trained on other data or otherwise."""
    card = experiment.model / "card.json"
    if not card.exists():
        return
    try:
        found = read_json(card, f"remove {experiment.model}")
        trained = found["training"] | {"time_limit": None}, found["data"]["hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{card} is damaged ({error!r}): remove {experiment.model}.") from None
    settings = experiment.settings.settings().to_json() | {"time_limit": None}
    if trained != (json.loads(json.dumps(settings)), dataset.card["hash"]):
        raise InputError(
            f"{experiment.model} was trained under other settings than {experiment.config}, or on "
            f"other data than {dataset.path}: name another --out, or remove it."
        )


def _all(
    experiments: Sequence[Experiment],
    work: Callable[[Experiment], None],
    jobs: int,
    commands: Commands,
) -> None:
    """Work on all of them, `jobs` at a time; a signal stops what runs, a failure only itself."""
    with remembered() as asked, ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(work, experiment) for experiment in experiments]
        while wait(futures, timeout=LISTENING).not_done:
            if asked.by is not None:
                commands.stop()
        late = asked.by
    failures = [failure for future in futures if (failure := future.exception()) is not None]
    if failures:
        raise failures[0]
    if late is not None:
        raise InterruptedRunError(f"stopped by {late.name}. The same command goes on.")


def _train_and_evaluate(
    experiment: Experiment, data: Path, device: str, commands: Commands
) -> None:
    name = experiment.name
    if _epochs_done(experiment) < experiment.settings.settings().epochs:
        places = ["--data", str(data), "--out", str(experiment.model)]
        changes = [f"--set={change}" for change in experiment.changes]
        command = ["train", str(experiment.config), *changes, *places]
        command += ["--device", device, "--resume"]
        commands.run(name, command, tell=True)
    if not experiment.evaluation.exists():
        command = ["evaluate", str(experiment.model), "--data", str(data), "--json"]
        write_atomically(experiment.evaluation, commands.run(name, command).encode())


def _kept(evaluation: Json) -> Json:
    """An evaluation without its longest lists, at any depth."""
    return {
        key: _kept(value) if isinstance(value, dict) else value
        for key, value in evaluation.items()
        if key not in LONG
    }


def _epochs_done(experiment: Experiment) -> int:
    """Whole lines of its metrics: a kill may have cut the last one short."""
    metrics = experiment.model / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return sum(line.endswith("}") for line in lines)


def _rolled_out(
    experiments: Sequence[Experiment],
    data: Path,
    out: Path,
    steps: int | None,
    jobs: int,
    report: Report,
) -> Json | None:
    """The rollouts of all Stokes networks, beside classical solvers, from one suite."""
    from tellus.coupling.trajectory.cases import cases_of_data, trained_on
    from tellus.coupling.trajectory.suite.suite import rollout_suite

    # Kinds that step in time themselves are rolled out by their evaluation.
    networks = [f"surrogate:{e.model}" for e in experiments if e.settings.kind.solves]
    if steps == 0 or not networks:
        return None
    return rollout_suite(
        cases_of_data(data, "test", steps),
        [*networks, *CLASSICAL],
        out / "rollouts",
        jobs=jobs,
        trained=trained_on(data),
        report=report,
    )


def _beside(rollouts: Json, experiments: Sequence[Experiment]) -> Json:
    """What the suite says of the others, and what it calls good."""
    labels = {f"surrogate:{e.model}" for e in experiments}
    others = [row for row in rollouts["summary"] if row["solver"] not in labels]
    return {"steps": others[0]["steps"], "thresholds": rollouts["thresholds"], "others": others}


def _row(experiment: Experiment, rollouts: Json | None) -> Json:
    """What is known of one experiment."""
    card = read_json(experiment.model / "card.json", f"remove {experiment.model}")
    metrics = experiment.model / "metrics.jsonl"
    lines = read_json_lines(metrics, f"remove {experiment.model}")
    label = f"surrogate:{experiment.model}"
    summary = [] if rollouts is None else rollouts["summary"]
    return {
        "name": experiment.name,
        "kind": experiment.kind,
        "meaning": experiment.config.read_text().splitlines()[0].lstrip("# "),
        "parameters": card["parameters"],
        "epochs": len(lines),
        "training_seconds": sum(line["seconds"] for line in lines),
        "validation": card["validation"],
        "evaluation": _kept(_evaluation_of(experiment)),
        "rollout": next((s for s in summary if s["solver"] == label), None),
    }
