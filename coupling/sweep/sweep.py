"""A sweep run, gone on with, and put into a table."""

import logging
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from traceback import extract_tb
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from tellus.config import Config
from tellus.config.vary import varied
from tellus.coupling.build import grid_of
from tellus.coupling.cluster import Report, check_scheduler, run_all
from tellus.coupling.directory.files import CONFIG
from tellus.coupling.directory.recorded import DONE, FAILED, STOPPED, RecordedRun
from tellus.coupling.directory.sweep import ASIDE, FAILURES, PLAN, RUNS, TABLES, Sweep
from tellus.coupling.estimate import check_memory, memory_gib
from tellus.coupling.own import said
from tellus.coupling.runs.run import run_directory
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.tables import Values, settings_text
from tellus.errors import InputError, InterruptedRunError, RunFailedError, TellusError
from tellus.io.lock import sole_user
from tellus.io.places import refuse_occupied
from tellus.io.shown import shown
from tellus.io.whole_file import clear_partials, own_folder
from tellus.solver.phase_timer import time_left
from tellus.solver.threads import limit

from .plan import points, sample_size
from .table import Failure, Swept, rows, write_failures, write_tables

log = logging.getLogger("tellus")

SILENT = logging.NullHandler()


class Ending(NamedTuple):
    """How one run of a sweep ended: done, failed or stopped, and what is said of that."""

    name: str
    status: str
    message: str


def sweep(
    file: Path,
    vary: Sequence[str],
    out: Path,
    *,
    changes: Sequence[str] = (),
    sample: str | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    report: Report = print,
) -> Swept:
    """Run a configuration at every combination of some settings' values.

    Parameters
    ----------
    file : Path
        The configuration.
    vary : sequence of str
        ``section.key=VALUES`` each, see `tellus.config.vary`.
    out : Path
        Directory of the sweep: runs in ``runs``, those that failed in ``failed``. What is done in
        it is not run again, what was begun goes on; more values of the same settings may join.
    changes : sequence of str
        ``section.key=value``, over the file.
    sample : str, optional
        "sobol:N": N points of a Sobol sequence in place of every combination, see `points`.
    jobs, scheduler
        See `run_all`.
    report : callable
        Takes one line of progress.

    Raises
    ------
    InputError
        A setting or value is refused, a solver objects, the directory holds something else.
    """
    # Workers may have another working directory.
    out = out.absolute()
    count = sample_size(sample)
    axes = varied(vary, drawn=count is not None)
    wanted = points(file, changes, axes, count)
    refuse_occupied(out, (out / PLAN).exists(), "holds no sweep")
    plan = Sweep.of(out, wanted[0][1], [axis.key for axis in axes])
    signed = (axis.key for axis in axes if axis.reaches_zero)
    plan = plan.with_runs([values for values, _ in wanted], signed)
    _check([config for _, config in wanted], 1 if scheduler else min(jobs, len(wanted)))
    check_scheduler(scheduler)
    with sole_user(out):
        _claim(plan)
        named = [(plan.named(values), values, config) for values, config in wanted]
        todo = [entry for entry in named if plan.state(entry[0]) != DONE]
        report(f"{len(named) - len(todo)} runs there, {len(todo)} to run")
        endings = _run(todo, out, jobs, scheduler, report)
        return _deliver(plan, endings, report)


def check_ended(result: Swept) -> None:
    """Raise RunFailedError where runs failed, InterruptedRunError where they were only stopped."""
    if result.failures:
        first = result.failures[0]
        raise RunFailedError(
            f"{len(result.failures)} of {result.planned} runs failed, {first.run} "
            f"({settings_text(first.values)}) like this: {first.message.rstrip('.')}. "
            f"All are in {Path(result.sweep) / FAILURES}; the same command tries them again."
        )
    if result.stopped:
        raise InterruptedRunError(
            f"{len(result.stopped)} runs stopped before their end; the same command goes on."
        )


def _check(configs: Sequence[Config], jobs: int) -> None:
    """Let solvers object before anything is written; what they warn of is logged."""
    seen = set()
    for config in configs:
        kind = (config.grid, config.stokes, config.boundaries, config.energy, config.closure)
        if kind not in seen:
            seen.add(kind)
            Simulation.from_config(config)
    largest = max(configs, key=lambda config: memory_gib(grid_of(config), config.stokes.solver))
    if jobs > 1:
        for sentence in check_memory(grid_of(largest), largest.stokes.solver, jobs):
            log.warning("%s", sentence)


def _claim(plan: Sweep) -> None:
    """Write down which runs there are, and clear what a killed call left half done."""
    plan.write()
    for folder in (RUNS, ASIDE):
        own_folder(plan.path / folder)
    clear_partials(plan.path, PLAN, FAILURES, *TABLES)


def _run(
    todo: Sequence[tuple[str, Values, Config]],
    out: Path,
    jobs: int,
    scheduler: str | None,
    report: Report,
) -> dict[str, Ending]:
    """Do the runs, and tell how each ended."""
    started, found = perf_counter(), dict[str, Ending]()
    values_of = {name: values for name, values, _ in todo}
    tasks = [(config, name, out) for name, _, config in todo]
    for count, ending in enumerate(
        run_all(run_one, tasks, jobs, scheduler, keep_failures=True), start=1
    ):
        left = time_left(perf_counter() - started, count, len(todo))
        if isinstance(ending, Ending):
            found[ending.name] = ending
            case = f"{ending.name} ({settings_text(values_of[ending.name])})"
            report(f"{count}/{len(todo)}: {case} {ending.status}: {ending.message}; {left}")
        elif isinstance(ending, RunFailedError):  # whose it was, dask does not say
            lost = str(ending)
            report(f"{count}/{len(todo)}: {lost}")
        else:
            raise ending
    missing = (name for name in values_of if name not in found)
    return found | {name: Ending(name, FAILED, lost) for name in missing}


def run_one(config: Config, name: str, out: Path) -> Ending:
    """Do a run of a sweep, or go on with it, on one thread; a failed directory is put aside."""
    # What there is to warn of is in run.json.
    log.addHandler(SILENT)
    directory, aside = out / RUNS / name, out / ASIDE / name
    if aside.exists():
        aside.rename(directory)
    begun = (directory / CONFIG).exists()
    try:
        with limit(1), threadpool_limits(limits=1):
            done = run_directory(config, directory, resume=begun, progress=False)
    except InterruptedRunError as stop:
        return Ending(name, STOPPED, str(stop))
    except KeyboardInterrupt:
        raise
    except BaseException as failure:  # parts of one's own may raise anything, and other runs go on
        if _has_failed(directory):
            directory.rename(aside)
        return Ending(name, FAILED, _said(failure))
    message = f"{done['steps']} steps to t = {done['time']:.4g} in {done['seconds']['total']:.3g} s"
    return Ending(name, DONE, message)


def _said(failure: BaseException) -> str:
    """The message of a failure, with kind and place where nobody has put it in a sentence."""
    if isinstance(failure, TellusError | MemoryError | OSError):
        return shown(str(failure) or repr(failure))
    place = extract_tb(failure.__traceback__)[-1]
    return f"{said(failure)} (line {place.lineno} of {shown(place.filename)})"


def _has_failed(directory: Path) -> bool:
    """Whether run.json says so: not of a run in progress, or of one that never began."""
    try:
        return RecordedRun(directory).status == FAILED
    except InputError:
        return False


def _deliver(plan: Sweep, endings: dict[str, Ending], report: Report) -> Swept:
    """Write the tables, and say what is in them."""
    found = rows(plan)
    failures = [
        Failure(name, dict(plan.runs[name]), ending.message)
        for name, ending in endings.items()
        if ending.status == FAILED
    ]
    write_tables(plan.path, found)
    write_failures(plan.path, failures)
    if found:
        report(f"{len(found)} runs in {plan.path / TABLES[0]}")
    stopped = [name for name, e in endings.items() if e.status == STOPPED]
    return Swept(str(plan.path), plan.keys, len(plan.runs), found, failures, stopped)
