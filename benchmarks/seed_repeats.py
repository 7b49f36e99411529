"""What of a table of trainings is chance: the same trainings with another seed, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_lowercase
from typing import Any

from .markdown import number, percent, table

Row = Mapping[str, Any]


def headline(result: Row) -> str:
    """Grid, folder and what was changed in every training file, such as the seed."""
    changes = "".join(f", {change}" for change in result.get("changes", ()))
    return f"{result['grid']}: experiments/{result['folder']}{changes}"


def seed_repeats(experiments: Sequence[Row]) -> Iterator[str]:
    """A section for every folder of experiments that was trained more than once on one grid."""
    folders = dict.fromkeys((result["grid"], result["folder"]) for result in experiments)
    for folder in folders:
        same = [r for r in experiments if (r["grid"], r["folder"]) == folder]
        if len(same) > 1:
            yield ""
            yield from _side_by_side(same)


def _side_by_side(results: Sequence[Row]) -> Iterator[str]:
    first, *_ = results
    yield f"## {first['grid']}: experiments/{first['folder']}, {len(results)} throws"
    yield ""
    told = "; ".join(f"{_repeat(k)}: {_made(result)}" for k, result in enumerate(results))
    yield (
        f"The same trainings more than once ({told}): a difference between experiments that is "
        "smaller than that between throws is chance. Velocity error: median over the test split, "
        "after one step for a network that steps in time. Good, and the error of <T>: of the "
        "rollouts above."
    )
    yield ""
    named = [{row["name"]: row for row in result["results"]} for result in results]
    names = [name for name in named[0] if all(name in rows for rows in named)]
    parts = ("velocity error", "good", "error of <T>")
    yield from table(
        ("experiment", *(f"{part}, {_repeat(k)}" for part in parts for k in range(len(results)))),
        [(name, *_cells([rows[name] for rows in named])) for name in names],
    )


def _repeat(index: int) -> str:
    return ascii_lowercase[index]


def _made(result: Row) -> str:
    changes = ", ".join(result.get("changes", ())) or "as the files have it"
    return f"{changes}, {result['machine']['processor']}"


def _cells(rows: Sequence[Row]) -> Iterator[str]:
    yield from (percent(row["evaluation"]["relative_l2"]["median"]) for row in rows)
    rolled = [row["rollout"] for row in rows]
    yield from ("-" if r is None else f"{r['outcomes']['good']} of {r['rollouts']}" for r in rolled)
    yield from ("-" if r is None else number(r["mean_temperature_mae"]) for r in rolled)
