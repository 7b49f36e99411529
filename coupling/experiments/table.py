"""The result of many trainings as text."""

from typing import Any

from tellus.coupling.trajectory.tabular import aligned

COLUMNS = ("experiment", "parameters", "epochs", "minutes", "velocity error", "p95", "rollout")


def table(result: dict[str, Any]) -> str:
    """One line per experiment: median and 95th percentile of the velocity error on the test split,
    and how many of its rollouts got to the end and stayed close.
    """
    rows = [COLUMNS, *(_cells(row) for row in result["results"])]
    return "\n".join(aligned(rows, left=len(COLUMNS)))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    errors = row["evaluation"]["relative_l2"]
    return (
        row["name"],
        str(row["parameters"]),
        str(row["epochs"]),
        f"{row['training_seconds'] / 60:.0f}",
        f"{100 * errors['median']:.1f} %",
        f"{100 * errors['p95']:.1f} %",
        rollout(row),
    )


def rollout(row: dict[str, Any]) -> str:
    """How many rollouts are good, or, of a network that steps in time, how many are lost."""
    if row["rollout"] is not None:
        return f"{row['rollout']['outcomes']['good']} of {row['rollout']['rollouts']} good"
    own = row["evaluation"].get("rollout")
    if own is None:
        return "-"
    early = own["early"]
    return f"{early['lost']} of {early['steps'][-1]['alive'] + early['lost']} lost"
