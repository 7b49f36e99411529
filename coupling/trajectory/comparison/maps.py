"""What the figures of a comparison share, and its maps: a row for each run, a column for each time.

All panels of maps are of one size.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.figure import Figure

from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.output.style import colour_bar, draw_map, temperature_scale
from tellus.coupling.trajectory.comparison.pair import RunPair
from tellus.io.shown import in_picture
from tellus.io.text_table import digits
from tellus.solver.grid import Array

from .found import Comparison

RunPairs = Sequence[RunPair]
"""The runs beside the first of them, which is one too."""

MapColumns = Mapping[int, Sequence[Array | None]]
"""A field of each run, None where it has no output, by outputs of the reference."""

WIDE = 12.6
"""Inches of a figure across the page."""

LABELS = {"temperature": "temperature", "difference": "temperature difference"}

TALLEST = 10.0
"""Inches of a figure of maps, before it goes on in another."""


class Shown(NamedTuple):
    """A figure, the name of its file, and what it says."""

    name: str
    figure: Figure
    sentence: str


def labels_of(result: Comparison) -> list[str]:
    """Names of the runs for a picture, the reference first."""
    return [in_picture(run.label) for run in result.runs]


def finding(result: Comparison, what: str, *names: str, scale: float = 1.0, unit: str = "") -> str:
    """A sentence of the drift that `compare` found of each run; nothing of a single one.

    Parameters
    ----------
    result : Comparison
    what : str
        Of what the numbers are, the sentence's beginning.
    *names : str
        Fields of `Drift`, of which each run's are said.
    scale : float
        What they are multiplied by.
    unit : str
        What follows each.
    """
    found = []
    for run in result.runs[1:]:
        values = [f"{digits(getattr(run.drift, name), scale)}{unit}" for name in names]
        found.append(f"{run.label} {' and '.join(values)}")
    return f"{what}: {'; '.join(found)}." if found else ""


def temperature_maps(result: Comparison, pairs: RunPairs) -> Iterator[Shown]:
    """Temperature and streamlines."""
    columns = _map_columns(pairs, lambda pair, i, j: pair.run.snapshot("temperature", j))
    if columns:
        reference = [fields[0] for fields in columns.values() if fields[0] is not None]
        scale = temperature_scale(_drawn(columns), reference)
        lines = _map_columns(pairs, lambda pair, i, j: pair.run.snapshot("psi", j))
        sentence = (
            "Temperature, on a scale that is stretched where it is hot, so that both lid and "
            "interior have colours, and streamlines, of the same values in all maps."
        )
        what = ("temperature", sentence)
        yield from _maps(labels_of(result), pairs[0].run, columns, scale, what, lines)


def difference_maps(result: Comparison, pairs: RunPairs) -> Iterator[Shown]:
    """Temperature minus that of the reference, at the same times."""
    reference, *others = labels_of(result)
    columns = _map_columns(pairs[1:], RunPair.temperature_difference)
    largest = max([1e-12, *(float(np.abs(values).max()) for values in _drawn(columns))])
    far = finding(result, "Mean absolute difference over all outputs", "temperature_field_mae")
    sentence = f"Temperature less that of {reference}: red where the run is hotter. {far}"
    scale, what = CenteredNorm(0, largest), ("difference", sentence)
    yield from _maps(others, pairs[0].run, columns, scale, what)


def _map_columns(pairs: RunPairs, field: Callable[[RunPair, int, int], Array]) -> MapColumns:
    """Fields of all runs at outputs of the reference: evenly spaced ones that other runs share."""
    outputs = [dict(pair.equal_outputs) for pair in pairs]
    others = [pair for pair in pairs if pair.run is not pair.reference] or pairs
    shared = sorted({i for pair in others for i, _ in pair.equal_outputs})
    count = _abreast(pairs[0].reference.grid.aspect) if pairs else 0
    places = np.linspace(0, len(shared) - 1, count + 1)[1:].round().astype(int)
    return {
        shared[k]: [
            field(pair, shared[k], theirs[shared[k]]) if shared[k] in theirs else None
            for pair, theirs in zip(pairs, outputs, strict=True)
        ]
        for k in (dict.fromkeys(places.tolist()) if shared else ())
    }


def _abreast(aspect: float) -> int:
    """How many boxes stand side by side: two of the widest, four square ones."""
    return int(np.clip(np.ceil(4.0 / aspect), 2, 4))


def _maps(
    labels: Sequence[str],
    reference: RecordedRun,
    columns: MapColumns,
    scale: Normalize,
    what: tuple[str, str],
    lines: MapColumns | None = None,
) -> Iterator[Shown]:
    """Panels by run (rows) and time (columns), all of one size, some runs to a figure."""
    if not (labels and columns):
        return
    name, sentence = what
    times, aspect = reference.output_times[list(columns)], reference.grid.aspect
    width = min((WIDE - 1.1) / _abreast(aspect), 2.6 * aspect)
    height = width / aspect + 0.28
    psi = _drawn(lines or {})
    largest = max((float(np.abs(values).max()) for values in psi), default=0.0)
    rows = max(1, int(TALLEST / height))
    for first in range(0, len(labels), rows):
        shown = range(first, min(first + rows, len(labels)))
        size = (width * len(times) + 1.1, height * len(shown) + 0.25)
        figure = Figure(figsize=size)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.04, hspace=0.0, wspace=0.0)
        grid = figure.subplots(len(shown), len(times), squeeze=False)
        for k, axes in zip(shown, grid, strict=True):
            for output, axis in zip(columns, axes, strict=True):
                streams = lines[output][k] if lines else None
                drawn = draw_map(axis, columns[output][k], aspect, scale, streams, largest)
            axes[0].set_title(labels[k], loc="left", fontweight="bold")
        for axis, time in zip(grid[0], times, strict=True):
            axis.set_title(f"t = {time:.4g}", loc="right")
        colour_bar(figure, drawn, grid, LABELS[name])
        yield Shown(name if first == 0 else f"{name}-{first // rows + 1}", figure, sentence)


def _drawn(columns: MapColumns) -> list[Array]:
    """The fields that are there."""
    return [values for fields in columns.values() for values in fields if values is not None]
