"""What a speed-up is worth: the Pareto front, the best classical solver, what training cost."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tellus.config.solver_spec import SURROGATE, SolverSpec

from .spread import Row

YARDSTICK = "field_error"

Point = tuple[float, float]
"""Seconds and error."""

EXACT = 0.1
"""The part of the lowest floor below which errors count as none, and as equal."""


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """Those that no other is as good as in both, and better in one; the cheapest first."""
    ordered = sorted(set(points))
    return [point for i, point in enumerate(ordered) if all(point[1] < p[1] for p in ordered[:i])]


def add_comparisons(rows: Sequence[Row], floors: Sequence[str]) -> None:
    """Write into each row what makes its speed-up honest.

    ``as_good_as_exact``: its error is below a tenth of those of the rows called `floors`, too
    small to tell it from other such ones. ``on_front``: no other solver is both faster and more
    accurate. ``best_classical``: the fastest solver without a network whose field error is no
    larger, and how much faster or slower it is than this one. ``training``: seconds that the
    network took and the number of such runs after which direct solves would have cost as much.
    """
    done = [row for row in rows if row["failed"] is None]
    entered = [row for row in done if row["solver"] not in floors]
    nothing = exact(done, floors)
    points = [(row["seconds"], max(row[YARDSTICK], nothing)) for row in entered]
    front = pareto_front(points)
    for row, point in zip(entered, points, strict=True):
        row["as_good_as_exact"] = row[YARDSTICK] < nothing
        row["on_front"] = point in front
        row["best_classical"] = _best_classical(row, entered, nothing)
        if is_learned(row):
            row["training"] = _training(row, entered)


def exact(rows: Sequence[Row], floors: Sequence[str]) -> float:
    """The error below which a solver is as good as exact."""
    return EXACT * min((row[YARDSTICK] for row in rows if row["solver"] in floors), default=0.0)


def is_learned(row: Row) -> bool:
    """Whether a network has a part in it."""
    return SURROGATE in SolverSpec.parse(row["name"]).kinds


def _best_classical(row: Row, entered: Sequence[Row], nothing: float) -> dict[str, Any]:
    """There always is one: the direct solver, whose error is zero."""
    enough = max(row[YARDSTICK], nothing)
    rivals = [r for r in entered if not is_learned(r) and r[YARDSTICK] <= enough]
    best = min(rivals, key=lambda r: r["seconds"])
    return {
        "solver": best["solver"],
        "seconds_per_model_time": best["seconds_per_model_time"],
        "speedup_over_it": best["seconds"] / row["seconds"],
    }


def _training(row: Row, entered: Sequence[Row]) -> dict[str, Any]:
    """Seconds of data and training as the model's card has them, and runs until they pay."""
    seconds = training_seconds(row["name"])
    direct = next(r for r in entered if r["name"] == "direct")
    saved = direct["seconds"] - row["seconds"]
    runs = seconds / saved if seconds is not None and saved > 0 else None
    return {"seconds": seconds, "direct_seconds_saved_per_run": saved, "break_even_runs": runs}


def training_seconds(name: str) -> float | None:
    """Seconds that data and training of a name's surrogate took; None unless its card has both."""
    from tellus.surrogate.model import load_surrogate

    path = f":{name}".partition(":surrogate:")[2]
    cost = load_surrogate(Path(path) if path else None).card.get("seconds") or {}
    data, training = cost.get("data"), cost.get("training")
    return None if data is None or training is None else float(data + training)
