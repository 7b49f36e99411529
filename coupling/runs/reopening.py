"""Which checkpoint a run goes on from, and what is no longer as it was."""

from collections.abc import Callable
from math import inf
from pathlib import Path

from tellus.config import Config
from tellus.coupling.runs.checkpoint import Arrays, read_checkpoint
from tellus.coupling.runs.ledger import KEY, Ledger
from tellus.coupling.simulation.stepping import Schedule
from tellus.coupling.solvers.names import OWN
from tellus.errors import InputError
from tellus.io.arrays import Expected
from tellus.solver.stokes import StokesSolver

EXPECTED = {
    "temperature": Expected((None, None)),
    "steps": Expected((), "iu"),
    KEY: Expected((), "U"),
}
CLOCK = Expected((2,))


def checkpoint_for(config: Config, out: Path, warn: Callable[[str], None]) -> tuple[Arrays, Ledger]:
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


def _checked(arrays: Arrays) -> Arrays:
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


def check_solver(ledger: Ledger, config: Config, solver: StokesSolver | None) -> list[str]:
    """Sentences about another solver than the one of one's own that the run began with.

    Raises InputError where nobody named the other one.
    """
    kind, _, own = str(ledger.config["stokes"]["solver"]).partition(":")
    if kind != OWN or solver is not None:
        return []
    if "solver" not in config.stokes.model_fields_set:
        raise InputError(
            f'this run was made with a solver of one\'s own, "{own}": hand it in again, '
            "tellus.run(..., solver=...), or name one with stokes.solver."
        )
    return [
        f'up to here the velocity came from a solver of one\'s own, "{own}", from here on '
        f'from "{config.stokes.solver}"'
    ]
