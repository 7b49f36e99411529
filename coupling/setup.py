"""From a configuration to the parts of a simulation."""

import os
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from tellus.solver import initial
from tellus.solver.energy import ExtendedBoussinesq
from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.picard import PicardSettings
from tellus.solver.rheology import Rheology
from tellus.solver.stokes import StokesSolver

from .fields import open_fields
from .predicted_start import predicted_start
from .solvers.arguments import with_absolute_paths
from .solvers.names import make_solver
from .stepping import Stepping

if TYPE_CHECKING:
    from tellus.config import Config

USABLE_VISCOSITY = 1e-35, 1e35
"""Within single precision, in which it is stored."""


def simulation_arguments(
    config: "Config", solver: StokesSolver | None = None, temperature: Array | None = None
) -> dict[str, Any]:
    """The arguments of `Simulation` that a configuration describes.

    `solver` and `temperature` replace what the sections `stokes` and `initial` ask for.
    """
    from tellus.config import boundaries_of, grid_of, heating_of, rheology_of

    grid, rheology = grid_of(config), rheology_of(config)
    solver = _solver(config, grid) if solver is None else solver
    if temperature is None:
        temperature = initial_temperature(config, grid)
        _check_viscosity(rheology, temperature, grid)
    return {
        "grid": grid,
        "rheology": rheology,
        "solver": solver,
        "temperature": temperature,
        "rayleigh": config.model.rayleigh,
        "heating": heating_of(config),
        "boundaries": boundaries_of(config),
        "scheme": config.time.scheme,
        "extended": _extended(config),
        "core_capacity": config.model.core_capacity,
        "stepping": Stepping(
            courant=config.time.courant,
            dt_max=config.time.dt_max,
            dt_initial=config.time.dt_initial,
            dt_min=config.time.dt_min,
            growth=config.time.growth,
            bounds_tolerance=config.time.bounds_tolerance,
        ),
    }


def _solver(config: "Config", grid: Grid) -> StokesSolver:
    picard = PicardSettings(config.stokes.picard_tolerance, config.stokes.picard_limit)
    return make_solver(config.stokes.solver, grid, picard)


def _check_viscosity(rheology: Rheology, temperature: Array, grid: Grid) -> None:
    with np.errstate(all="ignore"):
        viscosity = rheology.viscosity(temperature, grid)
    low, high = float(np.min(viscosity)), float(np.max(viscosity))
    if not USABLE_VISCOSITY[0] <= low <= high <= USABLE_VISCOSITY[1]:
        raise InputError(
            f"the viscosity of the initial temperature ranges from {low:.3g} to {high:.3g}, which "
            "is beyond computing: bound it with rheology.floor and rheology.ceiling, or choose "
            "milder [rheology] numbers."
        )


def _extended(config: "Config") -> ExtendedBoussinesq | None:
    model = config.model
    if model.dissipation_number == 0.0:
        return None
    return ExtendedBoussinesq(model.dissipation_number, model.surface_temperature, model.rayleigh)


def initial_temperature(config: "Config", grid: Grid) -> Array:
    """The initial state of a configuration, perturbation included, shape (ny, nx)."""
    settings = config.initial
    if settings.kind == "file":
        return temperature_of_run(Path(str(settings.path)), settings.time, grid)
    if settings.kind == "profile":
        start = profile_of_file(Path(str(settings.path)), grid)
    elif settings.kind == "predicted":
        start = predicted_start(config, grid)
    elif settings.kind == "linear":
        start = initial.linear(grid, settings.interior, settings.thickness)
    else:
        states = {"hot": initial.hot, "cold": initial.cold, "conductive": initial.conductive}
        start = states[settings.kind](grid)
    if settings.perturbation == "mode":
        perturbation = initial.mode_perturbation(grid, settings.mode)
    else:
        perturbation = initial.random_perturbation(grid, settings.seed)
    return start + settings.amplitude * perturbation


def profile_of_file(path: Path, grid: Grid) -> Array:
    """T of height from a table of two columns, y and T, linear in between.

    Commas or white space separate the columns, "#" begins a comment, and the first row may name
    the columns. Beyond the first and last y their T holds.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"initial.path: {path} cannot be read ({error}); name a text file of y and T."
        ) from error
    table = _table(text, path)
    if len(table) < 2:
        raise InputError(
            f"initial.path: {path} must hold two or more rows of two numbers, y and T."
        )
    if np.min(table[:, 0]) < 0.0 or np.max(table[:, 0]) > 1.0:
        raise InputError(
            f"initial.path: {path} must hold y and T with y, in box heights, from 0 at the bottom "
            "to 1 at the top."
        )
    table = table[np.argsort(table[:, 0], kind="stable")]
    profile = np.interp(grid.y_cells, table[:, 0], table[:, 1])
    return np.repeat(profile[:, None], grid.nx, axis=1)


def _table(text: str, path: Path) -> Array:
    """The rows of two numbers, shape (rows, 2); InputError for the first line of another kind."""
    lines = [
        (number, line.partition("#")[0].replace(",", " ").split())
        for number, line in enumerate(text.splitlines(), start=1)
    ]
    lines = [(number, entries) for number, entries in lines if entries]
    if lines and all(_number(entry) is None for entry in lines[0][1]):
        del lines[0]  # the names of the columns
    rows = [[_number(entry) for entry in entries] for _, entries in lines]
    for (number, entries), row in zip(lines, rows, strict=True):
        if len(row) != 2 or not all(value is not None and isfinite(value) for value in row):
            raise InputError(
                f"initial.path: {path} must hold two finite numbers, y and T, in each row, and "
                f'line {number} is "{" ".join(entries)[:60]}".'
            )
    return np.array(rows, dtype=np.float64)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def temperature_of_run(path: Path, time: float | None, grid: Grid) -> Array:
    """T of another run at the output nearest to `time` (its last one by default), regridded.

    Raises
    ------
    InputError
        There is no such run or output, it cannot be read, or the box has another shape.
    """
    with open_fields(path) as fields:
        if fields.sizes["time"] == 0:
            raise InputError(f"initial.path: {path} holds no output yet; let that run go on first.")
        first, last = fields["time"].values[[0, -1]].tolist()
        if time is not None and not first <= time <= last * (1 + 1e-12):
            raise InputError(
                f"initial.time: {path} has outputs from t = {first:g} to {last:g}, not at {time:g}."
            )
        chosen = fields.isel(time=-1) if time is None else fields.sel(time=time, method="nearest")
        aspect = float(fields["x_node"][-1])
        if abs(aspect - grid.aspect) > 1e-9 * grid.aspect:
            raise InputError(
                f"initial.path: {path} has aspect {aspect:g}, this run {grid.aspect:g}: "
                "set grid.aspect to match, or start from another run."
            )
        # The stored width is a sum of cells and may be off by rounding: the same box, so no
        # interpolation between equal grids.
        source = Grid(fields.sizes["x"], fields.sizes["y"], grid.aspect)
        return initial.regridded(_readable(chosen["temperature"], path), source, grid)


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


def anchored(config: "Config") -> "Config":
    """The same configuration with paths that hold in any working directory."""
    section = config.initial
    paths = {key: getattr(section, key) for key in ("path", "weights")}
    start = section.model_copy(
        update={key: path and os.path.abspath(path) for key, path in paths.items()}
    )
    stokes = config.stokes.model_copy(update={"solver": with_absolute_paths(config.stokes.solver)})
    return config.model_copy(update={"initial": start, "stokes": stokes})
