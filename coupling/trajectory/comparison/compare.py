"""How far runs drift from a reference run, and what each of them cost."""

import statistics
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np

from tellus.config import Config
from tellus.config.fields import fields
from tellus.config.sections import PHYSICS
from tellus.coupling.directory.recorded import DONE, RUNNING, STOPPED, RecordedRun, read_run
from tellus.coupling.directory.summary import guards
from tellus.coupling.tables import Values, settings_text
from tellus.errors import InputError
from tellus.io.shown import shown

from .found import ComparedRun, Comparison, Cost, Drift
from .pair import RunPair


def compare(runs: Sequence[Path], out: Path | None = None) -> Comparison:
    """Compare runs with the first of them, the reference.

    Every difference is taken over the model time that a run and the reference
    have in common, so a run that failed or stopped early is compared up to
    where it got, and says so in its `notes`.

    Parameters
    ----------
    runs : sequence of Path
        Run directories; the first is the reference.
    out : Path, optional
        Where to write a self-contained HTML report.

    Raises
    ------
    InputError
        A missing, truncated or damaged run directory, boxes of different aspect
        ratio, or no model time in common.

    Notes
    -----
    Runs on another grid of the same box are regridded onto the reference grid:
    temperature as means over cells, of fifth order, with what holds on the walls
    of the run; the stream function by bicubic splines, then differenced, so that
    the velocity stays divergence-free.
    """
    if out is not None:
        from . import report  # matplotlib, which nothing else here needs

        report.check_place(Path(out))
    if not runs:
        raise InputError("compare: no run given; name one or more run directories.")
    recorded = [read_run(path) for path in runs]
    pairs = [RunPair(recorded[0], run) for run in recorded]
    each = [summary(pair, label) for pair, label in zip(pairs, labels(recorded), strict=True)]
    result = Comparison(str(recorded[0].path), each, _warnings(recorded))
    if out is not None:
        report.write_report(Path(out), result, recorded)
    return result


MOST_TOLD = 3
"""Settings in a label; where more of them differ, directories say it better."""

UNTOLD = ("stokes", "output", "planet")
"""Sections that a label does not tell of: the solver stands there by its name."""

PATHS = ("path", "weights")
"""Keys that it does not tell of either."""


def labels(runs: Sequence[RecordedRun]) -> list[str]:
    """Short, distinct names: what differs of solver and settings, with the directory if need be."""
    solvers, settings = [run.solver for run in runs], _varying([run.settings for run in runs])
    if 0 < len(settings[0]) <= MOST_TOLD:
        several = len(set(solvers)) > 1
        names = [
            ", ".join([run.solver] * several + [settings_text(own)])
            for run, own in zip(runs, settings, strict=True)
        ]
    else:
        names = solvers
    return [
        shown(name if names.count(name) == 1 else f"{name} ({run.path.name})")
        for name, run in zip(names, runs, strict=True)
    ]


def _varying(configs: Sequence[Config]) -> list[Values]:
    """For each configuration, the settings by section.key that not all have the same."""
    told: list[Values] = [{} for _ in configs]
    for key, _ in fields(Config):
        section, _, name = key.partition(".")
        each = [attrgetter(key)(config) for config in configs]
        if section not in UNTOLD and name not in PATHS and any(v != each[0] for v in each):
            told = [{**own, key: value} for own, value in zip(told, each, strict=True)]
    return told


def summary(pair: RunPair, label: str) -> ComparedRun:
    """One entry of ``compare(...).runs``."""
    run = pair.run
    return ComparedRun(
        run=str(run.path),
        label=label,
        solver=run.solver,
        status=run.status,
        message=run.summary.message,
        closure=run.summary.closure.name if run.summary.closure else None,
        notes=_notes(pair),
        grid=str(run.grid),
        steps=run.steps,
        common_time=pair.span,
        drift=_drift(pair),
        cost=_cost(pair),
    )


def _drift(pair: RunPair) -> Drift:
    top, bottom = pair.series_mae("nusselt_top"), pair.series_mae("nusselt_bottom")
    times = [float(pair.reference.output_times[i]) for i, _ in pair.equal_outputs]
    field_mae = [pair.field_mae(*both) for both in pair.equal_outputs]
    velocity = [pair.velocity_error(*both) for both in pair.equal_outputs]
    later = [k for k, t in enumerate(times) if t > pair.span[0]]
    relative = [v for k in later if (v := velocity[k]) is not None]
    return Drift(
        mean_temperature_mae=pair.series_mae("mean_temperature"),
        nusselt_top_mae=top,
        nusselt_bottom_mae=bottom,
        nusselt_mae=None if top is None or bottom is None else (top + bottom) / 2,
        profile_mae=pair.profile_mae(*pair.last_third),
        final_profile_mae=pair.profile_mae(pair.last_third[1], pair.last_third[1]),
        temperature_field_mae=statistics.fmean(field_mae[k] for k in later) if later else None,
        velocity_error=statistics.median(relative) if relative else None,
        quiet_outputs=sum(velocity[k] is None for k in later),
        equal_times={"time": times, "temperature_field_mae": field_mae, "velocity_error": velocity},
    )


def _cost(pair: RunPair) -> Cost:
    run, mine, reference = pair.run, *(_prices(r, pair.span) for r in (pair.run, pair.reference))
    gains: Sequence[float | None] = [None] * len(mine)
    if not _other_physics(pair.reference, run):  # else it is another task
        both = zip(reference, mine, strict=True)
        gains = [a / b if a is not None and b else None for a, b in both]
    return Cost(
        mine[0],
        mine[1],
        run.priced_steps,
        run.summary.seconds.total if run.priced_steps else None,
        run.seconds_by_phase if run.priced_steps else {},
        run.summary.others_percent,
        run.summary.solver_report or {},
        *gains,
    )


def _prices(run: RecordedRun, span: tuple[float, float]) -> tuple[float | None, ...]:
    """Seconds of a step, of a Stokes solve, and charged to `span`; None where not known.

    That is the run's own wall time, by the share of its rows in that span.
    """
    steps, seconds = run.priced_steps, run.summary.seconds
    if not steps:
        return None, None, None
    stokes = sum(seconds.stokes.values()) / steps
    times, priced = run.series["time"], run.series["step"] <= steps
    inside = int(np.count_nonzero((times > span[0]) & (times <= span[1])))
    taken = max(int(np.count_nonzero((times > times[0]) & priced)), 1)
    return stokes + (seconds.energy or 0.0) / steps, stokes, seconds.total * inside / taken


ENDINGS = {RUNNING: "still going on", "killed": "was killed", STOPPED: "stopped early"}


def _notes(pair: RunPair) -> list[str]:
    run, notes = pair.run, []
    if run.status != DONE:
        word = ENDINGS.get(run.state, run.status)
        notes.append(f"{word} at model time {run.series['time'][-1]:.4g}")
    if not run.priced_steps:
        notes.append("what it costs is not known: it has no checkpoint after its start")
    elif run.priced_steps < run.steps and run.status == RUNNING:
        notes.append(f"priced by its first {run.priced_steps} steps, up to its newest checkpoint")
    notes += [f"{name}: {said}" for name, said in guards(run.summary).items()]
    if run.grid != pair.reference.grid:
        notes.append(f"regridded from {run.grid} to {pair.reference.grid}")
    ours, theirs = pair.reference.settings, run.settings
    notes += _other_physics(pair.reference, run)
    notes += _unlike("time", ours, theirs, ["scheme"])
    return [*notes, *_unlike("energy", ours, theirs, ["advection", "velocity"])]


def _other_physics(reference: RecordedRun, run: RecordedRun) -> list[str]:
    """What of the physics differs."""
    return [note for name in PHYSICS for note in _unlike(name, reference.settings, run.settings)]


def _unlike(
    section: str, ours: Config, theirs: Config, keys: Sequence[str] | None = None
) -> list[str]:
    """What two configurations set differently, in a section or in some of its keys."""
    a, b = (dict(getattr(config, section)) for config in (ours, theirs))
    return [
        f"{section}.{key} = {b[key]}, not {a[key]}"
        for key in (sorted(a) if keys is None else keys)
        if a[key] != b[key]
    ]


def _warnings(runs: Sequence[RecordedRun]) -> list[str]:
    """What makes a comparison of seconds or errors unfair, in sentences."""
    first = runs[0].summary
    unlike = [
        what
        for what, key in (("machines", "machine"), ("numbers of threads", "threads"))
        if any(getattr(run.summary, key) != getattr(first, key) for run in runs)
    ]
    found = [f"The runs used different {what}: their seconds do not compare." for what in unlike]
    if any(run.summary.git != first.git for run in runs):
        found.append("The runs were made by different versions of the code.")
    if any(_other_physics(runs[0], run) for run in runs):
        found.append("Between runs of different physics there is no speed-up.")
    return found
