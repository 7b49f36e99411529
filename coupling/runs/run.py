"""A run of a configuration in a directory: begun, or gone on with."""

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from tellus.config import Config, check_resumable, stored_config
from tellus.config.own_class import is_handed_in
from tellus.coupling.build import named, resolved, sources_of
from tellus.coupling.directory.checkpoint import (
    FOLDER,
    KEY,
    CheckpointArrays,
    Ledger,
    read_checkpoint,
)
from tellus.coupling.directory.fields import open_fields
from tellus.coupling.directory.files import (
    CONTENTS,
    began,
    check_free,
    check_same_physics,
    check_same_run,
)
from tellus.coupling.own import KEYS, OwnParts, check_unchanged
from tellus.coupling.ranks import Ranks, ranks_of
from tellus.coupling.runs.result import RunResult
from tellus.coupling.runs.time_loop import RunLoop
from tellus.coupling.simulation.stepping import Schedule
from tellus.coupling.starts.start import Start
from tellus.errors import InputError
from tellus.io.arrays import Expected
from tellus.io.lock import sole_user
from tellus.io.places import refuse_sources
from tellus.io.signals import remembered
from tellus.solver.closure import Closure
from tellus.solver.heating import Heating
from tellus.solver.rheology import Rheology
from tellus.solver.stokes import StokesSolver
from tellus.solver.threads import one_blas_thread

if TYPE_CHECKING:
    import xarray as xr


@one_blas_thread()
def run_directory(
    config: Config,
    out: Path | str,
    resume: bool = False,
    progress: bool = True,
    solver: StokesSolver | None = None,
    overwrite: bool = False,
    rheology: Rheology | None = None,
    heating: Heating | None = None,
    closure: Closure | None = None,
) -> RunResult:
    """Run a configuration to its end and leave a run directory.

    Parameters
    ----------
    config : Config
    out : path
        Directory to make; with `resume` the directory to go on with.
    resume : bool
        Go on from the newest whole checkpoint in `out`, bitwise as if never stopped.
    progress : bool
        Show progress on stderr.
    solver : StokesSolver, optional
        One of your own, instead of the one that `stokes.solver` names.
    overwrite : bool
        Replace a run in `out`, once the new one is ready to begin; what else lies there stays.
    rheology, heating, closure : optional
        Of your own, instead of the law of `rheology.kind`, the source of the section `model` and
        the closure of the section `closure`. As with a solver, a resumed run needs them again.

    Returns
    -------
    RunResult
        The content of run.json, with its main entries by name, the outputs and the time series.

    Raises
    ------
    InputError, RunFailedError, InterruptedRunError
        Exit status 2, 1 and 3 of the command line.
    """
    _require_path("tellus.run: out", out)
    if resume and overwrite:
        raise InputError("tellus.run: resume goes on with a run, overwrite replaces it: take one.")
    out, config, own = Path(out), resolved(config), OwnParts(solver, rheology, heating, closure)
    own.require("tellus.run", config)
    config = named(config, own)
    if not resume:
        replaced = [out / name for name in CONTENTS] if overwrite else []
        for place in (out, *replaced):
            refuse_sources(place, *sources_of(config))
    ranks = ranks_of(config.stokes.solver, solver)
    # What overflows is found by the checks of every step, and said there in a sentence.
    with remembered() as signals, np.errstate(all="ignore"):
        if resume:
            check_same_physics(config, out)
            if began(out):
                with sole_user(out) if ranks.first else nullcontext():
                    return RunResult(out, _reopened(config, out, own, ranks).go(progress, signals))
        else:
            check_free(out, overwrite)
        run = RunLoop(config, out, own, ranks, run_id=uuid4().hex)
        run.prepare()
        with sole_user(out) if ranks.first else nullcontext():
            if overwrite:
                run.files.discard()
            elif ranks.first and began(out):
                raise InputError(f"{out} was taken by another process: choose another directory.")
            run.create()
            return RunResult(out, run.go(progress, signals))


def open_run(path: Path | str) -> "xr.Dataset":
    """The outputs of a run as a lazily read xarray dataset; InputError if there are none."""
    _require_path("tellus.open_run: path", path)
    return open_fields(Path(path))


def _require_path(what: str, path: object) -> None:
    """Raise InputError for anything but a path, and for an empty one."""
    if not isinstance(path, str | os.PathLike) or path == "":
        raise InputError(f"{what} must be the path of a directory, not {path!r:.60}.")


def _reopened(config: Config, out: Path, own: OwnParts, ranks: Ranks) -> RunLoop:
    """Back at the newest whole checkpoint, with what was written after it cut.

    Nothing is changed before everything has been found whole.
    """
    damaged: list[str] = []
    try:
        arrays, ledger = checkpoint_for(config, out, damaged.append)
        changed = check_own(ledger, config)
        check_unchanged(ledger.classes, config)
        # config.toml may have been edited since.
        check_resumable(stored_config(Config, ledger.config), config)
        start = Start.from_json(arrays["temperature"], ledger.start)
        run = RunLoop(config, out, own, ranks, start, ledger.run_id)
        check_weights(ledger, config, run.weights)
        run.simulation.restore(arrays)
        run.restore(ledger)
        check_steps_left(run, stored_config(Config, ledger.config))
        check_same_run(out, ledger.run_id)
        for sentence in damaged + changed:
            run.warn(sentence)
        # Asks the solver, whose memory is from the checkpoint, too.
        run.prepare()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{out / FOLDER}: the checkpoint does not fit this configuration or version "
            f"({error}); resume with those the run began with."
        ) from error
    run.reopen(ledger)
    return run


def check_steps_left(run: RunLoop, was: Config) -> None:
    """Raise InputError where there is no step for what is asked for.

    That is an end before what has been reached, or, of a run that is finished, another solver,
    closure or output.
    """
    time, goal, clock = run.simulation.time, run.schedule.goal, run.config.time
    if clock.end < was.time.end and goal < time:
        raise InputError(
            f"time.end = {clock.end:g} is before t = {time:.6g}, where the run is: name a later "
            "one, or begin a run of its own."
        )
    steps, most = run.simulation.steps, clock.max_steps
    if most is not None and most != was.time.max_steps and most < steps:
        raise InputError(
            f"time.max_steps = {most} is before step {steps}, where the run is: name a later one, "
            "or begin a run of its own."
        )
    for section in ("stokes", "closure", "output"):
        if run.finished and getattr(run.config, section) != getattr(was, section):
            raise InputError(
                f"the run is finished, and no step is left to take with another {section}: raise "
                "time.end or time.max_steps as well."
            )


def check_weights(ledger: Ledger, config: Config, now: Mapping[str, str | None]) -> None:
    """Raise InputError where what is named as it was has other weights than it had."""
    for part, was in ledger.weights.items():
        section, _, name = KEYS[part].partition(".")
        before, named = ledger.config[section], getattr(config, section).model_dump()
        same = all(before.get(key) == named.get(key) for key in (name, "weights"))
        if was is None or was == now[part] or not same or is_handed_in(named[name]):
            continue
        option = "--closure" if part == "closure" else "--stokes"
        raise InputError(
            f"{KEYS[part]}: the weights of {named.get('weights') or named[name]} have changed "
            f"since the checkpoint (SHA-256 {was[:12]} then, {str(now[part])[:12]} now): put those "
            f"back, or go on with a copy of these by its own name, {option}."
        )


EXPECTED = {
    "temperature": Expected((None, None)),
    "steps": Expected((), "iu"),
    KEY: Expected((), "U"),
}
CLOCK = Expected((2,))


def checkpoint_for(
    config: Config, out: Path, warn: Callable[[str], None]
) -> tuple[CheckpointArrays, Ledger]:
    """The newest whole checkpoint that lies on the way to the end of `config`, and its ledger.

    One at an earlier end that is no output time came of a step cut short for it, which a run to
    the later end never takes: then the one before. Raises InputError, KeyError, TypeError and
    ValueError where a checkpoint is missing or not of this version.
    """
    arrays = _checked(read_checkpoint(out, warn))
    ledger = Ledger.of(arrays)
    if not _off_the_way(float(arrays["clock"][0]), ledger, config):
        return arrays, ledger
    try:
        arrays = _checked(read_checkpoint(out, warn, before=int(arrays["steps"])))
    except InputError:
        warn(
            "the step to the earlier end was cut short for it, and no checkpoint before is left: "
            "from here on this differs from a run that never stopped there by its time steps"
        )
        return arrays, ledger
    return arrays, Ledger.of(arrays)


def _checked(arrays: CheckpointArrays) -> CheckpointArrays:
    """What the digest in its name does not tell: a stranger's has the right one, too."""
    for name, expected in EXPECTED.items():
        expected.checked(name, arrays[name])
    # Before the first step dt is infinite.
    CLOCK.check("clock", arrays["clock"].shape, arrays["clock"].dtype)
    if not (0 <= arrays["clock"][0] < inf and arrays["steps"] >= 0):
        raise ValueError(f"clock and steps are {arrays['clock'][0]} and {arrays['steps']}")
    return arrays


def _off_the_way(time: float, ledger: Ledger, config: Config) -> bool:
    earlier = Schedule(ledger.config["output"]["every"], ledger.config["time"]["end"])
    later = Schedule(config.output.every, config.time.end)
    return earlier.end_is_extra and time >= earlier.goal and later.goal > time


WHAT = {"solver": "velocity", "closure": "heat that cells lose"}
"""What comes from each part of one's own that a run may go on without."""


def check_own(ledger: Ledger, config: Config) -> list[str]:
    """Sentences about parts of one's own that the run began with and goes on without.

    Raises InputError where nobody named others.
    """
    sentences = []
    for part in WHAT:  # all else is kept, see `check_resumable`
        section, _, name = KEYS[part].partition(".")
        # The first checkpoints know no closures.
        before = str(ledger.config.get(section, {}).get(name, ""))
        now = getattr(config, section)
        if not is_handed_in(before) or is_handed_in(getattr(now, name)):
            continue
        own = before.partition(":")[2]
        if name not in now.model_fields_set:
            raise InputError(
                f'this run was made with a {part} of one\'s own, "{own}": hand it in again, '
                f"tellus.run(..., {part}=...), or name one with {KEYS[part]}."
            )
        sentences.append(
            f'up to here the {WHAT[part]} came from a {part} of one\'s own, "{own}", from here on '
            f'from "{getattr(now, name)}"'
        )
    return sentences
