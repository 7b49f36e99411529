"""From a configuration to the parts of a simulation."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellus.config_paths import with_absolute_paths
from tellus.solver import initial
from tellus.solver.energy import ExtendedBoussinesq
from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.picard import PicardSettings
from tellus.solver.rheology import Rheology
from tellus.solver.stokes import StokesSolver

from .estimate import check_memory
from .file_start import start_of_run
from .predicted_start import predicted_start
from .profile_file import profile_of_file
from .solvers.names import make_solver, own_name
from .start import Start
from .stepping import Stepping

if TYPE_CHECKING:
    from tellus.config import Config

USABLE_VISCOSITY = 1e-35, 1e35
"""Within single precision, in which it is stored."""


def simulation_arguments(
    config: "Config", start: Start, solver: StokesSolver | None = None
) -> dict[str, Any]:
    """The arguments of `Simulation` that a configuration describes, from this start.

    `solver` replaces what the section `stokes` asks for.
    """
    from tellus.config import boundaries_of, grid_of, heating_of, rheology_of

    grid = grid_of(config)
    return {
        "grid": grid,
        "rheology": rheology_of(config),
        "solver": _solver(config, grid) if solver is None else solver,
        "temperature": start.temperature,
        "rayleigh": config.model.rayleigh,
        "heating": heating_of(config, start.heating_age),
        "boundaries": boundaries_of(config),
        "scheme": config.time.scheme,
        "extended": _extended(config),
        "core_capacity": config.model.core_capacity,
        "core_temperature": start.core_temperature,
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


def _extended(config: "Config") -> ExtendedBoussinesq | None:
    model = config.model
    if model.dissipation_number == 0.0:
        return None
    return ExtendedBoussinesq(model.dissipation_number, model.surface_temperature, model.rayleigh)


def initial_state(config: "Config") -> Start:
    """What the section `initial` describes; InputError where nothing can be computed from it."""
    from tellus.config import grid_of, rheology_of

    grid = grid_of(config)
    if config.initial.kind == "file":
        start = start_of_run(config, grid)
    else:
        start = given_start(config, initial_temperature(config, grid))
    if config.rheology.kind == "arrhenius":
        _check_above(-config.model.surface_temperature, start.temperature)
    _check_viscosity(rheology_of(config), start.temperature, grid)
    return start


def given_start(config: "Config", temperature: Array) -> Start:
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


def initial_temperature(config: "Config", grid: Grid) -> Array:
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
    from tellus.config import Config

    if not isinstance(config, Config):
        raise InputError(
            f"a run takes what tellus.load_config returns, not {type(config).__name__} "
            f"{config!r:.60}."
        )


def check_grid(config: "Config", solver: StokesSolver | None = None) -> list[str]:
    """Raise InputError where the grid cannot fit in memory, before any of it is taken.

    Warnings where little is free, and of layers that the grid does not see. Of a solver handed in
    nothing is known but that it is there.
    """
    from tellus.config import grid_of
    from tellus.config_grid import lost_layers

    name = config.stokes.solver if solver is None else own_name(solver)
    return check_memory(grid_of(config), name) + lost_layers(config.grid, config.rheology)


def resolved(config: "Config") -> "Config":
    """The same configuration with paths that hold in any working directory.

    `load_config` has seen to that; this is for one that was put together in Python.
    """
    require_config(config)
    paths = {key: getattr(config.initial, key) for key in ("path", "weights")}
    moved = {key: os.path.abspath(path) for key, path in paths.items() if path}
    config = replaced(config, "initial", **moved)
    return replaced(config, "stokes", solver=with_absolute_paths(config.stokes.solver))


def replaced(config: "Config", section: str, **values: Any) -> "Config":
    """The same with other values; `model_fields_set` still says what somebody asked for."""
    before = getattr(config, section)
    values = {key: value for key, value in values.items() if value != getattr(before, key)}
    return config.model_copy(update={section: before.model_copy(update=values)})
