"""The solvers that take part in a benchmark."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tellus.coupling.solvers.names import check_name, make_solver
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem, StokesSolver

from .harness import timed
from .spread import Result

log = logging.getLogger(__name__)

DEFAULT = ("direct", "surrogate")
ALL = "all"


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SINGLE_SOLVES = _names("""
direct pardiso cudss
mumps mumps:amd mumps:metis mumps:lu mumps:lu:pord mumps:analyse
mumps-psi mumps-psi:amd mumps-psi:metis
lagged lagged:tol=1e-3 refined refined:tol=1e-3
iterative iterative:cold iterative:tol=1e-10 iterative:velocity=1e-3
iterative:bicgstab:relax=0.99 iterative:cuda
coarse:2 coarse:4 coarse:8 reduced:2 reduced:4 reduced:8
surrogate anchored:10:coarse:4 anchored:10:reduced:4 anchored:10:surrogate
""")
"""What `--solvers all` stands for in `bench stokes`: every kind whose error can be measured against
a direct solve on the same grid, and variants that differ."""

ROLLOUTS = _names("""
skip:2 skip:5 skip:10 skip:50 skip:100
skip:2:linear skip:5:linear skip:10:linear skip:50:linear skip:100:linear
skip:5:linear:reduced:2 skip:2:linear:lagged:tol=1e-3 skip:5:linear:lagged:tol=1e-3
skip:tol=1e-2:lagged:tol=1e-4
skip:tol=1e-1:refined skip:tol=1e-2:refined skip:tol=1e-3:refined
coarse:2 coarse:4 coarse:8 reduced:2 reduced:4 reduced:8
pardiso lagged lagged:tol=1e-3 lagged:tol=1e-2 refined refined:tol=1e-3
iterative iterative:tol=1e-3 iterative:velocity=1e-2
surrogate anchored:10:coarse:4 anchored:50:coarse:4 anchored:10:reduced:4 anchored:50:reduced:4
anchored:50:surrogate anchored:200:surrogate
anchored:tol=1e-2:reduced:4 anchored:tol=1e-3:reduced:4 anchored:tol=1e-2:surrogate
""")
"""What `bench pareto` rolls out by default, as far as they can be used; `direct` always is."""


@dataclass
class Selection:
    """Solvers by name on a grid, what they warn of, and the reasons of those left out.

    Where they are `required`, all of them must be there, and solve.
    """

    grid: Grid
    required: bool
    solvers: dict[str, StokesSolver] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    build_seconds: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def give_up(self, name: str, error: Exception) -> None:
        """Go on without a solver that failed; raises the error where the solver is required."""
        if self.required:
            raise error
        reason = str(error) or "out of memory"
        log.warning("%s at %s is left out: %s", name, self.grid, reason)
        self.left_out[name] = reason
        self.solvers.pop(name, None)


def chosen(
    names: Sequence[str] | None, default: Sequence[str], everything: Sequence[str] = ()
) -> tuple[list[str], bool]:
    """The names to try, each once, and whether all of them must be there.

    Without names those of `default`, for "all" those of `everything`, as far as they can be used
    here: a library may not be installed, weights may not fit the box. What was asked for by name
    must be there.
    """
    if names is None or (everything and list(names) == [ALL]):
        return list(dict.fromkeys(default if names is None else everything)), False
    for name in names:
        # Before fields are made, which takes long.
        check_name(name)
    return list(dict.fromkeys(names)), True


def select(names: Sequence[str], problem: StokesProblem, required: bool) -> Selection:
    """Build the solvers called `names` for problems like this one.

    Raises InputError for one that cannot be built, or, unless `required`, leaves it out.
    """
    found = Selection(problem.grid, required)
    for name in names:
        try:
            found.build_seconds[name], solver = timed(partial(make_solver, name, problem.grid))
            found.warnings[name] = solver.check(problem)
        except (InputError, ImportError, MemoryError) as error:
            found.give_up(name, error)
        else:
            found.solvers[name] = solver
    return found


def remarks(result: Result) -> list[str]:
    """Lines under a table: what solvers warned of, and which were left out."""
    warned = [
        (f"{row['solver']} at {row['grid']}", warning)
        for row in result["results"]
        for warning in row["warnings"]
    ]
    missing = [
        (f"{name} at {grid}", reason)
        for grid, reasons in result["left_out"].items()
        for name, reason in reasons.items()
    ]
    return grouped(warned) + [f"left out: {line}" for line in grouped(missing)]


def grouped(sayings: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each different thing that is said, after all who say it.

    >>> grouped([("a", "no torch"), ("b", "too small"), ("c", "no torch")])
    ['a, c: no torch', 'b: too small']
    """
    found: dict[str, list[str]] = {}
    for who, what in sayings:
        found.setdefault(" ".join(what.split()), []).append(who)
    return [f"{', '.join(who)}: {what}" for what, who in found.items()]
