"""What a figure for so many seconds is worth: Pareto fronts, what others take for the same error.

Of `bench pareto` also the best classical solver and what a network's training cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from tellus.config.solver_spec import SURROGATE, SolverSpec

from .spread import Record, Row, optional

YARDSTICK = "field_error"

Point = tuple[float, float]
"""Seconds and error."""

EXACT = 0.1
"""The part of the lowest floor below which errors count as none, and as equal."""


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """Points that no other is as good as in both, and better in one; the cheapest first."""
    ordered = sorted(set(points))
    return [point for i, point in enumerate(ordered) if all(point[1] < p[1] for p in ordered[:i])]


def compared(rows: Sequence[Row], floors: Sequence[str]) -> list[Row]:
    """The rows, each solver's with what makes its speed-up honest.

    ``as_good_as_exact``: its error is below a tenth of those of the rows called `floors`, too
    small to tell it from other such ones. ``on_front``: no other solver is both faster and more
    accurate. ``best_classical``: the fastest solver without a network whose field error is no
    larger, and how much faster or slower it is than this one. ``training``: seconds that the
    network took and the number of such runs after which direct solves would have cost as much.
    """
    done = [row for row in rows if row["failed"] is None]
    rivals = [row for row in done if row["solver"] not in floors]
    nothing = exact(done, floors)

    def point(row: Row) -> Point:
        return row["seconds"], max(row[YARDSTICK], nothing)

    front = pareto_front(map(point, rivals))

    def comparisons(row: Row) -> Row:
        found = {
            "as_good_as_exact": row[YARDSTICK] < nothing,
            "on_front": point(row) in front,
            "best_classical": _best_classical(row, rivals, nothing),
        }
        return found | ({"training": _training(row, rivals)} if is_learned(row) else {})

    ranked = {id(row) for row in rivals}
    return [row | comparisons(row) if id(row) in ranked else row for row in rows]


def exact(rows: Sequence[Row], floors: Sequence[str]) -> float:
    """The error below which a solver is as good as exact."""
    return EXACT * min((row[YARDSTICK] for row in rows if row["solver"] in floors), default=0.0)


def is_learned(row: Row) -> bool:
    """Whether a network has a part in it."""
    return SURROGATE in SolverSpec.parse(row["name"]).kinds


def _best_classical(row: Row, rivals: Sequence[Row], nothing: float) -> Row:
    """The fastest classical solver of no larger error; the direct one always qualifies."""
    enough = max(row[YARDSTICK], nothing)
    classical = [r for r in rivals if not is_learned(r) and r[YARDSTICK] <= enough]
    best = min(classical, key=lambda r: r["seconds"])
    return {
        "solver": best["solver"],
        "seconds_per_model_time": best["seconds_per_model_time"],
        "speedup_over_it": best["seconds"] / row["seconds"],
    }


def _training(row: Row, rivals: Sequence[Row]) -> Row:
    """Seconds of data and training as the model's card has them, and runs until they pay."""
    seconds = training_seconds(row["name"])
    direct = next(r for r in rivals if r["name"] == "direct")
    saved = direct["seconds"] - row["seconds"]
    runs = seconds / saved if seconds is not None and saved > 0 else None
    return {"seconds": seconds, "direct_seconds_saved_per_run": saved, "break_even_runs": runs}


def training_seconds(name: str) -> float | None:
    """Seconds that data and training of a name's surrogate took; None unless its card has both."""
    from tellus.surrogate.model import load_surrogate

    cost = load_surrogate(SolverSpec.parse(name).weights or None).card.get("seconds") or {}
    data, training = cost.get("data"), cost.get("training")
    return None if data is None or training is None else float(data + training)


SECONDS = "cpu_seconds_per_model_time"

CaseDistances = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Errors of what shows the worth of a reference, by case."""

PERTURBED, HALVED, CHANCE = "perturbed", "half dt", "standard errors"
"""Runs that a start which differs by a millionth, or half of every step, lead elsewhere; what the
scatter within a reference says of its means."""


def floored(rows: Sequence[Row], distances: CaseDistances, names: Sequence[str]) -> list[Row]:
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
