"""The result of many trainings as text."""

from typing import Any

COLUMNS = ("experiment", "parameters", "epochs", "minutes", "velocity error", "p95", "rollout")


def table(result: dict[str, Any]) -> str:
    """One line per experiment: median and 95th percentile of the velocity error on the test split,
    and how many of its rollouts got to the end and stayed close.
    """
    rows = [COLUMNS, *(_cells(row) for row in result["results"])]
    widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


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
    """Good ones of all, or the step at which the last U-net diverged."""
    found = row["rollout"]
    if found is not None:
        return f"{found['outcomes']['good']} of {found['rollouts']} good"
    return "-"
