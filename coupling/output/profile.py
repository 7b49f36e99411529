"""Horizontal means of temperature and velocity, averaged over a window of time."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.table import Table

from tellus.coupling.directory.recorded import RecordedRun, read_outputs
from tellus.coupling.directory.timeseries import NAME as SERIES
from tellus.coupling.planet import Units, units_of
from tellus.coupling.tables import rich_table
from tellus.errors import InputError
from tellus.io.json_file import Record
from tellus.io.whole_file import write_atomically
from tellus.solver.grid import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLE, PICTURES = ".csv", (".png", ".pdf", ".svg")
COLUMNS = ("y", "temperature", "temperature_std", "vrms", "vrms_std")


@dataclass(frozen=True)
class Profile(Record):
    """Horizontal means over the height `y` of the cells, averaged over some outputs of a run.

    Outputs, the first at `from_` and the last at `to`, count by the time they stand for
    (trapezoidal rule), so that unevenly spaced ones do no harm; `..._std` are standard deviations.
    """

    run: str
    from_: float
    to: float
    outputs: int
    units: dict[str, str]
    y: Array
    temperature: Array
    temperature_std: Array
    vrms: Array
    vrms_std: Array


def profile(
    path: Path, start: float | None = None, end: float | None = None, out: Path | None = None
) -> Profile:
    """Average the profiles of a run over the outputs from `start` to `end`.

    Parameters
    ----------
    path : Path
        A run directory; the run may still go on.
    start, end : float, optional
        The window, in the unit that the run's times are shown in; by default the
        second half of the time it has outputs of.
    out : Path, optional
        Where to write the profile: a table (.csv), or a picture (.png, .pdf, .svg).

    Raises
    ------
    InputError
        No such run, a damaged one, no output in the window, or an `out` of another kind.
    """
    if out is not None and out.suffix not in (TABLE, *PICTURES):
        raise InputError(f"{out}: name a file that ends in {TABLE}, {', '.join(PICTURES)}.")
    if out is not None and out.exists() and out.name == SERIES:
        raise InputError(f"{out}: the time series of a run is not overwritten; name another file.")
    run = read_outputs(path)
    units = units_of(run.settings)
    chosen = window(run, units, start, end)
    times = run.output_times[chosen]
    columns = {}
    for name in ("temperature", "vrms"):
        mean, deviation = average(run.profiles(f"{name}_profile", chosen), times)
        columns[name] = units.show(name, mean)
        columns[f"{name}_std"] = units.show(name, deviation, difference=True)
    result = Profile(
        run=str(run.path),
        from_=units.show("time", float(times[0])),
        to=units.show("time", float(times[-1])),
        outputs=len(chosen),
        units={name: units.unit(name) for name in ("time", "y", "temperature", "vrms")},
        y=units.show("y", run.grid.y_cells),
        **columns,
    )
    if out is not None:
        _write(out, result, units)
    return result


def table(result: Profile) -> Table:
    """A profile for the terminal, the surface first."""
    unit = "" if result.units["time"] == "1" else f" {result.units['time']}"
    outputs = "1 output" if result.outputs == 1 else f"{result.outputs} outputs"
    span = f"t = {result.from_:.6g} to {result.to:.6g}{unit}"
    headings = _header(result)
    lines = [[f"{value:.6g}" for value in row] for row in reversed(_rows(result))]
    return rich_table(f"{outputs}, {span}", headings, lines, [], text=headings)


def picture(result: Profile, units: Units) -> "Figure":
    """Draw both profiles over the height, with a band of one standard deviation to either side."""
    from matplotlib.figure import Figure

    from .style import LINES, styled

    with styled():
        figure = Figure(figsize=(7.2, 4.2))
        for axis, name, colour in zip(
            figure.subplots(1, 2, sharey=True), ("temperature", "vrms"), LINES[1:], strict=False
        ):
            mean, deviation = getattr(result, name), getattr(result, f"{name}_std")
            axis.fill_betweenx(
                result.y, mean - deviation, mean + deviation, color=colour, alpha=0.25, lw=0
            )
            axis.plot(mean, result.y, color=colour, lw=1.6)
            axis.set(xlabel=units.label(name))
        figure.axes[0].set(ylabel=units.label("y"), ylim=(0, units.show("y", 1.0)))
        span = [units.model("time", each) for each in (result.from_, result.to)]
        figure.suptitle(f"mean and standard deviation, t = {units.clock(*span)}")
    return figure


def window(
    run: RecordedRun, units: Units, start: float | None = None, end: float | None = None
) -> list[int]:
    """Indices of the outputs in a window, in the units shown [default: the second half]."""
    times = run.output_times
    last = float(times[-1]) if end is None else units.model("time", end)
    first = (float(times[0]) + last) / 2 if start is None else units.model("time", start)
    # The written form of an output's time is a little off that time.
    rounding = 1e-6 * max(abs(first), abs(last))
    inside = (times >= first - rounding) & (times <= last + rounding)
    chosen: list[int] = np.flatnonzero(inside).tolist()
    if not chosen:
        raise InputError(
            f"{run.path}: no output from t = {units.clock(first, last)}; its {times.size} "
            f"outputs are from {units.clock(times[0], times[-1])}."
        )
    return chosen


def average(profiles: Array, times: Array) -> tuple[Array, Array]:
    """Mean and standard deviation over time, shape (ny,) each, by the trapezoidal rule."""
    weights = np.ones(1) if times.size == 1 else np.gradient(times)
    if times.size > 1:
        # Ends stand for half an interval.
        weights[[0, -1]] /= 2
    mean = np.average(profiles, axis=0, weights=weights)
    variance = np.average((profiles - mean) ** 2, axis=0, weights=weights)
    return mean, np.sqrt(variance)


def _write(out: Path, result: Profile, units: Units) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix in PICTURES:
        from tellus.coupling.output.style import save_picture

        save_picture(picture(result, units), out)
        return
    written = pd.DataFrame(_rows(result), columns=_header(result))
    write_atomically(out, written.to_csv(index=False, lineterminator="\r\n").encode())


def _header(result: Profile) -> list[str]:
    units = {name: result.units[name.removesuffix("_std")] for name in COLUMNS}
    return [name if unit == "1" else f"{name} ({unit})" for name, unit in units.items()]


def _rows(result: Profile) -> list[list[float]]:
    return list(np.column_stack([getattr(result, name) for name in COLUMNS]).tolist())
