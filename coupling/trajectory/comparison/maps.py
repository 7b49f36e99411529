"""Maps of a comparison: a row for each run, a column for each time, all panels of one size."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.figure import Figure

from tellus.coupling.output.style import colour_bar, draw_map, temperature_scale
from tellus.coupling.runs.recorded import RecordedRun
from tellus.coupling.trajectory.comparison.pair import RunPair
from tellus.solver.grid import Array

from .formatting import WIDE, Runs, Shown, finding, labels_of
from .found import Comparison

MapColumns = Mapping[int, Sequence[Array | None]]
"""By outputs of the reference, a field of each run."""

LABELS = {"temperature": "temperature", "difference": "temperature difference"}

TALLEST = 10.0
"""Inches of a figure of maps, before it goes on in another."""


def temperature_maps(result: Comparison, runs: Runs) -> Iterator[Shown]:
    """Temperature and streamlines, a row for each run, a column for each time."""
    pairs = [RunPair(runs[0], run) for run in runs]
    columns = _map_columns(pairs, lambda pair, i, j: pair.run.snapshot("temperature", j))
    if columns:
        reference = [fields[0] for fields in columns.values() if fields[0] is not None]
        scale = temperature_scale(_drawn(columns), reference)
        lines = _map_columns(pairs, lambda pair, i, j: pair.run.snapshot("psi", j))
        sentence = (
            "Temperature, on a scale that is stretched where it is hot, so that both lid and "
            "interior have colours, and streamlines, of the same values in all maps."
        )
        yield from _maps(
            labels_of(result), runs[0], columns, scale, ("temperature", sentence), lines
        )


def difference_maps(result: Comparison, runs: Runs) -> Iterator[Shown]:
    """Temperature minus that of the reference, at the same times."""
    reference, *others = labels_of(result)
    pairs = [RunPair(runs[0], run) for run in runs[1:]]
    columns = _map_columns(pairs, RunPair.temperature_difference)
    largest = max([1e-12, *(float(np.abs(values).max()) for values in _drawn(columns))])
    far = finding(
        result, "Mean absolute difference over all outputs", ("temperature_field_mae", 1.0, "")
    )
    sentence = f"Temperature less that of {reference}: red where the run is hotter. {far}"
    yield from _maps(others, runs[0], columns, CenteredNorm(0, largest), ("difference", sentence))


def _map_columns(
    pairs: Sequence[RunPair], field: Callable[[RunPair, int, int], Array]
) -> MapColumns:
    """By outputs of the reference, evenly spaced of those at which another run wrote one too.

    Of every run a field at that time, None where it has no output.
    """
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
