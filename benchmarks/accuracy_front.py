"""What no other row beats in error and seconds; what others take for the same error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from .pareto_front import Point, pareto_front
from .spread import Record, Row, optional

SECONDS = "cpu_seconds_per_model_time"

Distances = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By case, what its reference is worth."""

PERTURBED, HALVED, CHANCE = "perturbed", "half dt", "standard errors"
"""Runs that a start which differs by a millionth, or half of every step, lead elsewhere; what the
scatter within a reference says of its means."""


def floored(rows: Sequence[Row], distances: Distances, names: Sequence[str]) -> list[Row]:
    """The rows with errors of at least what any of these makes: less is chance."""
    found = []
    for row in rows:
        twins = distances.get(row["case"], {})
        floors = [twins[twin] for twin in (PERTURBED, HALVED, CHANCE) if twin in twins]
        least = {name: max((floor[name] for floor in floors), default=0.0) for name in names}
        found.append({**row, **{name: max(row[name], least[name]) for name in names}})
    return found


def seconds_at(front: Sequence[Point], error: float) -> float | None:
    """What an error costs on a front, between its points on straight lines of the logarithms.

    That of the cheapest point for larger errors; None for smaller ones than it has.
    """
    if not front or error < front[-1][1]:
        return None
    dearer = next(i for i, point in enumerate(front) if point[1] <= error)
    if dearer == 0:
        return front[0][0]
    (s0, e0), (s1, e1) = front[dearer - 1], front[dearer]
    share = log(e0 / error) / log(e0 / e1)
    return exp(log(s0) + share * log(s1 / s0))


@dataclass(frozen=True, kw_only=True)
class EqualError(Record):
    """A scheme's seconds over those of today's best row on a grid, at its error."""

    case: str
    quantity: str
    grid: str
    error: float
    seconds: float
    ratio: float | None = optional()


def at_equal_error(
    rows: Sequence[Row], others: Sequence[Row], quantities: Sequence[str]
) -> list[EqualError]:
    """What `others` take for the errors that `rows` reach, case by case and grid by grid.

    Each side at its best Courant number and solver: on a grid of `rows` the smallest error counts,
    of `others` the front over all grids.
    """
    found = []
    for case, name in ((c, q) for c in _order(rows, "case") for q in quantities):
        rivals = (row for row in others if row["case"] == case)
        front = pareto_front((row[SECONDS], row[name]) for row in rivals)
        ours = [row for row in rows if row["case"] == case]
        for grid in _order(ours, "grid"):
            best = min((row for row in ours if row["grid"] == grid), key=lambda row: row[name])
            seconds = seconds_at(front, best[name])
            ratio = None if seconds is None else seconds / best[SECONDS]
            found.append(
                EqualError(
                    case=case,
                    quantity=name,
                    grid=grid,
                    error=best[name],
                    seconds=best[SECONDS],
                    ratio=ratio,
                )
            )
    return found


def _order(rows: Sequence[Row], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))
