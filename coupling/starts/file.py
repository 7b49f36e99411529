"""A start from an output of another run: its T, how far its sources had decayed, its core."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from tellus.config import Config
from tellus.coupling.runs.fields import open_fields
from tellus.coupling.runs.recorded import read_outputs, read_series
from tellus.coupling.starts.start import Start
from tellus.errors import InputError
from tellus.solver import initial
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid

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
    path, asked = Path(str(config.initial.path)), config.initial.time
    with open_fields(path) as fields:
        chosen = _chosen(fields, path, asked)
        time, step = float(chosen["time"]), int(chosen["step"])
        temperature = _regridded(chosen, path, grid)
    warnings = []
    if asked is not None and abs(time - asked) > SAME_TIME * max(abs(time), abs(asked)):
        warnings.append(
            f"initial.time = {asked:g}: {path} has no output there; starts from the nearest, "
            f"t = {time:.6g}"
        )
    age, core = _clock_and_core(config, path, time, step)
    return Start(temperature, age, core, str(path), time, tuple(warnings))


def temperature_of_run(path: Path, time: float | None, grid: Grid) -> Array:
    """T of another run at the output nearest to `time` (its last one by default), regridded.

    Raises InputError where there is no such run or output, it cannot be read, or the box has
    another shape.
    """
    with open_fields(path) as fields:
        return _regridded(_chosen(fields, path, time), path, grid)


def _chosen(fields: xr.Dataset, path: Path, time: float | None) -> xr.Dataset:
    if fields.sizes["time"] == 0:
        raise InputError(f"initial.path: {path} holds no output yet; let that run go on first.")
    first, last = fields["time"].values[[0, -1]].tolist()
    if time is not None and not first <= time <= last * (1 + SAME_TIME):
        raise InputError(
            f"initial.time: {path} has outputs from t = {first:g} to {last:g}, not at {time:g}."
        )
    return fields.isel(time=-1) if time is None else fields.sel(time=time, method="nearest")


def _regridded(chosen: xr.Dataset, path: Path, grid: Grid) -> Array:
    aspect = float(chosen["x_node"][-1])
    if abs(aspect - grid.aspect) > 1e-9 * grid.aspect:
        raise InputError(
            f"initial.path: {path} has aspect {aspect:g}, this run {grid.aspect:g}: "
            "set grid.aspect to match, or start from another run."
        )
    # The stored width is a sum of cells and may be off by rounding: the same box, so no
    # interpolation between equal grids.
    source = Grid(chosen.sizes["x"], chosen.sizes["y"], grid.aspect)
    walls = None if source == grid else _walls(path, int(chosen["step"]))
    return initial.regridded(_readable(chosen["temperature"], path), source, grid, walls)


def _walls(path: Path, step: int) -> BoundaryConditions:
    """What held on the walls of a run after `step`."""
    walls = read_outputs(path).walls
    try:
        core = _core_temperature(path, step)
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"initial.path: {path} does not say how warm its core was ({error}): start on the "
            "grid of that run, or run it anew."
        ) from error
    return walls if core is None else replace(walls, bottom=replace(walls.bottom, value=core))


def _readable(temperature: xr.DataArray, path: Path) -> Array:
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


def _clock_and_core(
    config: Config, path: Path, time: float, step: int
) -> tuple[float, float | None]:
    """Age of the sources and temperature of the core, each where the new run has it and asks."""
    age, core = config.initial.heating_age, config.initial.core_temperature
    try:
        if age is None:
            age = _heating_age(path, time) if config.model.heating_fractions else 0.0
        if core is None and config.model.core_capacity is not None:
            core = _core_temperature(path, step)
    except (InputError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"initial.path: {path} does not say how old its sources and how warm its core are "
            f"({error}): set initial.heating_age and initial.core_temperature."
        ) from error
    return age, core


def _heating_age(path: Path, time: float) -> float:
    """For how long the sources of a run had decayed at `time`; 0 where they do not."""
    if not read_outputs(path).config["model"].get("heating_fractions"):
        return 0.0
    return _own_start(path).heating_age + time


def _core_temperature(path: Path, step: int) -> float | None:
    """That of the core of a run after `step`; None where it does not cool."""
    config = read_outputs(path).config
    if config["model"].get("core_capacity") is None:
        return None
    if step == 0:
        own = _own_start(path).core_temperature
        return float(config["boundaries"]["bottom_value"]) if own is None else own
    series = read_series(path)
    return float(series["bottom_temperature"][series["step"] == step].item())


def _own_start(path: Path) -> Start:
    """What a run itself started from; those of earlier versions do not say: at age 0."""
    summary = json.loads((path / "run.json").read_text(encoding="utf-8"))
    return Start.from_json(np.empty(0), summary.get("start") or {})
