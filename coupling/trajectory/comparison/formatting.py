"""What a figure of a comparison says: its file's name, the runs' names, a sentence."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from tellus.coupling.runs.recorded import RecordedRun
from tellus.io.shown import in_picture
from tellus.io.text_table import digits

from .found import Comparison

Runs = Sequence[RecordedRun]

WIDE = 12.6
"""Inches of a figure across the page."""


class Shown(NamedTuple):
    """A figure, the name of its file, and what it says."""

    name: str
    figure: Figure
    sentence: str


def labels_of(result: Comparison) -> list[str]:
    """Names of the runs for a picture, the reference first."""
    return [in_picture(run.label) for run in result.runs]


def finding(result: Comparison, what: str, *columns: tuple[str, float, str]) -> str:
    """A sentence of what `compare` found of each run; nothing of a single one."""
    found = [
        f"{run.label} "
        + " and ".join(f"{digits(getattr(run.drift, k), scale)}{u}" for k, scale, u in columns)
        for run in result.runs[1:]
    ]
    return f"{what}: {'; '.join(found)}." if found else ""
