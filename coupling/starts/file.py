"""A start from an output of another run: its T, how far its sources had decayed, its core."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tellus.config import Config
from tellus.coupling.directory.fields import open_fields
from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.starts.start import Start
from tellus.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.regridding import regridded

if TYPE_CHECKING:
    import xarray as xr

SAME_TIME = 1e-9
"""Relative difference up to which an output is at the time asked for: a person's rounding."""


def start_of_run(config: Config, grid: Grid) -> Start:
    """The state of the run `initial.path` at the output nearest to `initial.time`.

    Under the same physics it goes on as that run did: decaying sources are as old, and a
    cooling core as warm, as they were there. Where that run had none they start afresh.

    Raises
    ------
    InputError
        There is no such run or output, it cannot be read, or the box has another shape.
    """
    run, asked = RecordedRun.at(Path(str(config.initial.path)), "initial.path"), config.initial.time
    with open_fields(run.path) as fields:
        chosen = _chosen(fields, run.path, asked)
        time = float(chosen["time"])
        temperature = _regridded(chosen, run, time, grid)
    warnings = []
    if asked is not None and abs(time - asked) > SAME_TIME * max(abs(time), abs(asked)):
        warnings.append(
            f"initial.time = {asked:g}: {run.path} has no output there; starts from the nearest, "
            f"t = {time:.6g}"
        )
    age, core = _clock_and_core(config, run, time)
    return Start(temperature, age, core, str(run.path), time, tuple(warnings))


def _chosen(fields: "xr.Dataset", path: Path, time: float | None) -> "xr.Dataset":
    if fields.sizes["time"] == 0:
        raise InputError(f"initial.path: {path} holds no output yet; let that run go on first.")
    first, last = fields["time"].values[[0, -1]].tolist()
    if time is not None and not first <= time <= last * (1 + SAME_TIME):
        raise InputError(
            f"initial.time: {path} has outputs from t = {first:g} to {last:g}, not at {time:g}."
        )
    return fields.isel(time=-1) if time is None else fields.sel(time=time, method="nearest")


def _regridded(chosen: "xr.Dataset", run: RecordedRun, time: float, grid: Grid) -> Array:
    aspect = float(chosen["x_node"][-1])
    if abs(aspect - grid.aspect) > 1e-9 * grid.aspect:
        raise InputError(
            f"initial.path: {run.path} has aspect {aspect:g}, this run {grid.aspect:g}: "
            "set grid.aspect to match, or start from another run."
        )
    # The stored width is a sum of cells and may be off by rounding: the same box, so no
    # interpolation between equal grids.
    source = Grid(chosen.sizes["x"], chosen.sizes["y"], grid.aspect)
    temperature = _readable(chosen["temperature"], run.path)
    if source == grid:
        return temperature
    _core(run, time)
    return regridded(temperature, source, grid, run.walls_at(time))


def _readable(temperature: "xr.DataArray", path: Path) -> Array:
    try:
        values = np.asarray(temperature.values, dtype=np.float64)
    except Exception as error:
        # What a truncated chunk raises is up to its codec.
        raise InputError(
            f"initial.path: a temperature in {path} cannot be read ({error}); choose another "
            "initial.time, or run it anew."
        ) from error
    if not np.all(np.isfinite(values)):
        raise InputError(
            f"initial.path: a temperature in {path} is not finite, or a file of it is lost; "
            "choose another initial.time, or run it anew."
        )
    return values


def _clock_and_core(config: Config, run: RecordedRun, time: float) -> tuple[float, float | None]:
    """Age of the sources and temperature of the core, each where the new run has it and asks."""
    age, core = config.initial.heating_age, config.initial.core_temperature
    try:
        if age is None:
            age = _heating_age(run, time) if config.model.heating_fractions else 0.0
        if core is None and config.model.core_capacity is not None:
            core = _core(run, time)
    except (InputError, LookupError, ValueError, TypeError) as error:
        raise InputError(
            f"initial.path: {run.path} does not say how old its sources and how warm its core are "
            f"({error}): set initial.heating_age and initial.core_temperature."
        ) from error
    return age, core


def _core(run: RecordedRun, time: float) -> float | None:
    """Temperature of the core of a run at an output; None where it does not cool."""
    cools = run.settings.model.core_capacity is not None
    if cools and time > 0.0 and run.series["time"][-1] < time:
        raise InputError(
            f"initial.path: {run.path} does not say how warm its core was (its time series ends "
            "before): start on the grid of that run, or run it anew."
        )
    return run.core_at(time)


def _heating_age(run: RecordedRun, time: float) -> float:
    """Model time over which a run's sources had decayed at `time`; 0 where they do not."""
    if not run.settings.model.heating_fractions:
        return 0.0
    return run.start.heating_age + time
