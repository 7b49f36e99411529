"""From a configuration to the parts of a simulation."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from tellus.config import Config
from tellus.config.grid_checks import lost_layers
from tellus.config.paths import with_absolute_paths
from tellus.coupling.build import grid_of, rheology_of
from tellus.coupling.runs.estimate import check_memory
from tellus.coupling.starts.file import start_of_run
from tellus.coupling.starts.predicted import predicted_start
from tellus.coupling.starts.profile_file import profile_of_file
from tellus.coupling.starts.start import Start
from tellus.errors import InputError
from tellus.solver import initial
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import Rheology
from tellus.solver.stokes import StokesSolver

from .solvers.names import own_name

USABLE_VISCOSITY = 1e-35, 1e35
"""Within single precision, in which it is stored."""


def _check_above(absolute_zero: float, temperature: Array) -> None:
    coldest = float(np.min(temperature))
    if coldest < absolute_zero:
        raise InputError(
            f"the initial temperature falls to {coldest:.6g}, below absolute zero, which is "
            f"T = {absolute_zero:g} here: change [initial], or raise model.surface_temperature."
        )


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


def initial_state(config: Config) -> Start:
    """What the section `initial` describes; InputError where nothing can be computed from it."""
    grid = grid_of(config)
    if config.initial.kind == "file":
        start = start_of_run(config, grid)
    else:
        start = given_start(config, initial_temperature(config, grid))
    if config.rheology.kind == "arrhenius":
        _check_above(-config.model.surface_temperature, start.temperature)
    _check_viscosity(rheology_of(config), start.temperature, grid)
    return start


def given_start(config: Config, temperature: Array) -> Start:
    """A start from this temperature, of the age and with the core that a configuration says."""
    settings, half_cell = config.initial, 0.5 / config.grid.ny
    warnings = []
    if settings.kind == "linear" and settings.thickness <= half_cell:
        warnings.append(
            f"initial.thickness = {settings.thickness:g} lies within half a cell, {half_cell:g}: "
            "the start has no boundary layers; refine the grid"
        )
    age, core = settings.heating_age or 0.0, settings.core_temperature
    return Start(temperature, age, core, warnings=tuple(warnings))


def initial_temperature(config: Config, grid: Grid) -> Array:
    """The initial T of a configuration, perturbation included, shape (ny, nx)."""
    settings = config.initial
    if settings.kind == "file":
        return start_of_run(config, grid).temperature
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


def require_config(config: object) -> None:
    """Raise InputError for anything but a configuration of a run."""
    if not isinstance(config, Config):
        raise InputError(
            f"a run takes what tellus.load_config returns, not {type(config).__name__} "
            f"{config!r:.60}."
        )


def check_grid(config: Config, solver: StokesSolver | None = None) -> list[str]:
    """Raise InputError where the grid cannot fit in memory, before any of it is taken.

    Warnings where little is free, and of layers that the grid does not see. Of a solver handed in
    nothing is known but that it is there.
    """
    name = config.stokes.solver if solver is None else own_name(solver)
    return check_memory(grid_of(config), name) + lost_layers(config.grid, config.rheology)


def resolved(config: Config) -> Config:
    """The same configuration with paths that hold in any working directory.

    `load_config` has seen to that; this is for one that was put together in Python.
    """
    require_config(config)
    paths = {key: getattr(config.initial, key) for key in ("path", "weights")}
    moved = {key: os.path.abspath(path) for key, path in paths.items() if path}
    config = replaced(config, "initial", **moved)
    return replaced(config, "stokes", solver=with_absolute_paths(config.stokes.solver))


def replaced(config: Config, section: str, **values: Any) -> Config:
    """The same with other values; `model_fields_set` still says what somebody asked for."""
    before = getattr(config, section)
    values = {key: value for key, value in values.items() if value != getattr(before, key)}
    return config.model_copy(update={section: before.model_copy(update=values)})
