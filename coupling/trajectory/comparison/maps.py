"""Maps of temperature of compared runs side by side, and of what they differ in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tellus.coupling.output.style import draw_map
from tellus.coupling.runs.recorded import RecordedRun
from tellus.coupling.trajectory.panels import temperature_scale
from tellus.io.shown import in_picture
from tellus.solver.grid import Array

from .pair import RunPair

Runs = Sequence[RecordedRun]
Result = Mapping[str, Any]
Panels = Sequence[Sequence[Array | None]]

RUNS_ABREAST = 3
MAP_ROWS = 4


def temperature_maps(result: Result, runs: Runs) -> Iterator[Figure]:
    """Temperature of the runs side by side, one row per time.

    The coldest part, the lid, shares one colour: the convecting interior gets the others.
    """
    pairs = [RunPair(runs[0], run) for run in runs]
    chosen = _chosen_outputs(pairs)
    panels = _panels(pairs, chosen, lambda pair, i, j: pair.run.snapshot("temperature", j))
    if chosen:
        scale = temperature_scale(_drawn(panels), _drawn([row[:1] for row in panels]))
        yield from _maps(labels_of(result), runs[0], chosen, panels, scale, "temperature")


def difference_maps(result: Result, runs: Runs) -> Iterator[Figure]:
    """Temperature minus that of the reference, at the same times."""
    reference, *others = labels_of(result)
    pairs = [RunPair(runs[0], run) for run in runs[1:]]
    chosen = _chosen_outputs(pairs)
    panels = _panels(pairs, chosen, RunPair.temperature_difference)
    largest = max([1e-12, *(float(np.abs(values).max()) for values in _drawn(panels))])
    scale, name = Normalize(-largest, largest), f"temperature minus that of {reference}"
    yield from _maps(others, runs[0], chosen, panels, scale, name)


def _panels(
    pairs: Sequence[RunPair], chosen: Sequence[int], field: Callable[[RunPair, int, int], Array]
) -> list[list[Array | None]]:
    """A row for each chosen output of the reference; None where a run wrote none at that time."""
    partners = [dict(pair.equal_outputs) for pair in pairs]
    return [
        [
            field(pair, i, outputs[i]) if i in outputs else None
            for pair, outputs in zip(pairs, partners, strict=True)
        ]
        for i in chosen
    ]


def labels_of(result: Result) -> list[str]:
    """Names of the runs for a picture, the reference first."""
    return [in_picture(run["label"]) for run in result["runs"]]


def _maps(
    labels: Sequence[str],
    reference: RecordedRun,
    chosen: Sequence[int],
    panels: Panels,
    scale: Normalize,
    name: str,
) -> Iterator[Figure]:
    """Panels by time (rows) and run (columns), a few runs to a figure."""
    if not chosen:
        return
    times, aspect = reference.output_times[chosen], reference.grid.aspect
    for first in range(0, len(labels), RUNS_ABREAST):
        shown = range(first, min(first + RUNS_ABREAST, len(labels)))
        width = min(4.2, 2.6 * aspect)
        size = (width * len(shown) + 1.0, len(times) * (width / aspect + 0.2) + 0.3)
        figure = Figure(figsize=size)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03, hspace=0.0, wspace=0.0)
        grid = figure.subplots(len(times), len(shown), squeeze=False)
        for axes, time, values in zip(grid, times, panels, strict=True):
            drawn = [
                draw_map(a, values[k], aspect, scale) for k, a in zip(shown, axes, strict=True)
            ]
            axes[0].set_ylabel(f"t = {time:.4g}")
        for axis, k in zip(grid[0], shown, strict=True):
            axis.set_title(labels[k], fontweight="bold")
        cut = "neither" if name != "temperature" else "min"
        figure.colorbar(drawn[0], ax=grid, label=name, fraction=0.04, aspect=30, extend=cut)
        yield figure


def _chosen_outputs(pairs: Sequence[RunPair]) -> list[int]:
    """Reference outputs, evenly spaced, at which at least one other run wrote one too."""
    others = [pair for pair in pairs if pair.run is not pair.reference] or pairs
    shared = sorted({i for pair in others for i, _ in pair.equal_outputs})
    if not shared:
        return []
    places = np.linspace(0, len(shared) - 1, MAP_ROWS + 1)[1:].round().astype(int)
    return [shared[k] for k in dict.fromkeys(places.tolist())]


def _drawn(panels: Panels) -> list[Array]:
    """The fields in panels that are not empty."""
    return [values for row in panels for values in row if values is not None]
