"""The solvers that take part in a benchmark."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tellus.coupling.solvers import make_solver
from tellus.solver.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem, StokesSolver

log = logging.getLogger(__name__)

DEFAULT = ("direct", "surrogate")


@dataclass
class Entrants:
    """Solvers by name, what they warn of, and the reasons of those left out."""

    solvers: dict[str, StokesSolver] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def entrants(
    names: Sequence[str] | None, problem: StokesProblem, default: Sequence[str] = DEFAULT
) -> Entrants:
    """Build the solvers called `names` for problems like this one, each once.

    Without names, those of `default` that can be used here: weights may not fit
    this box, PyTorch may be missing. What was asked for by name raises InputError.
    """
    found = Entrants()
    for name in dict.fromkeys(default if names is None else names):
        try:
            solver = make_solver(name, problem.grid)
            found.warnings[name] = solver.check(problem)
        except (InputError, ImportError) as error:
            if names is not None:
                raise
            log.warning("%s at %s is left out: %s", name, problem.grid, error)
            found.left_out[name] = str(error)
            continue
        found.solvers[name] = solver
    return found


def left_out(grids: Sequence[Grid], taking_part: Sequence[Entrants]) -> dict[str, dict[str, str]]:
    """By grid, the solvers left out and why."""
    pairs = zip(grids, taking_part, strict=True)
    return {str(grid): entry.left_out for grid, entry in pairs if entry.left_out}


def remarks(result: Mapping[str, Any]) -> list[str]:
    """Lines under a table: what solvers warned of, and which were left out."""
    warned = [
        f"{row['grid']}: {row['solver']}: {warning}"
        for row in result["results"]
        for warning in row["warnings"]
    ]
    return warned + [
        f"{grid}: {name} is left out: {reason}"
        for grid, missing in result["left_out"].items()
        for name, reason in missing.items()
    ]
