"""The state that the section `initial` describes, found to be one that can be computed from."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tellus.config import Config
from tellus.coupling.build import boundaries_of, grid_of, rheology_of
from tellus.coupling.starts.file import start_of_run
from tellus.coupling.starts.profile_file import profile_of_file
from tellus.coupling.starts.start import Start
from tellus.errors import InputError, extras
from tellus.solver import initial
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.energy import VAN_LEER
from tellus.solver.grid import Array, Grid
from tellus.solver.limits import check_shape
from tellus.solver.rheology import Rheology

log = logging.getLogger("tellus")

WEIGHTS = np.array([13.0, 11.0, 11.0, 13.0])
"""Weights of the centres of four equal parts of a line: exact means of cubic polynomials."""

USABLE_VISCOSITY = 1e-35, 1e35
"""Least and largest viscosity within single precision, in which it is stored."""


@extras()
def predicted_start(config: Config, grid: Grid) -> Array:
    """The predicted T of height at every cell, shape (ny, nx), without perturbation.

    Logs a warning where the predictor was trained for something else. Raises InputError
    where the viscosity law is not the one it knows, or its weights cannot be read.
    """
    from tellus.surrogate.profile.predictor import ProfilePredictor

    law = config.rheology
    if law.kind != "frank-kamenetskii" or law.layer_factors or law.yield_stress is not None:
        raise InputError(
            'initial.kind = "predicted" knows the Frank-Kamenetskii law alone: leave out layers '
            'and yielding, or start with initial.kind = "hot" or "profile".'
        )
    predictor = ProfilePredictor.load(config.initial.weights)
    warnings = predictor.check(
        law.gamma_T, law.gamma_p, config.model.heating, config.model.rayleigh
    )
    if boundaries_of(config) != BoundaryConditions():
        warnings.append("the profile predictor was trained for the default [boundaries]")
    for warning in warnings:
        log.warning(warning)
    profile = predictor.profile(law.gamma_T, law.gamma_p, config.model.heating, grid.y_cells)
    return np.repeat(profile[:, None], grid.nx, axis=1)


STATES: dict[str, Callable[[Config, Grid], Array]] = {
    "hot": lambda config, grid: initial.hot(grid),
    "cold": lambda config, grid: initial.cold(grid),
    "conductive": lambda config, grid: initial.conductive(grid),
    "linear": lambda config, grid: initial.linear(
        grid, config.initial.interior, config.initial.thickness
    ),
    "profile": lambda config, grid: profile_of_file(Path(str(config.initial.path)), grid),
    "predicted": predicted_start,
}
"""T of each kind that is perturbed; a file is taken as it is."""


def initial_state(config: Config, own: Rheology | None = None) -> Start:
    """What the section `initial` describes; InputError where nothing can be computed from it.

    One's `own` viscosity law stands in the place of that of the section `rheology`.
    """
    grid = grid_of(config)
    if config.initial.kind == "file":
        start = start_of_run(config, grid)
    else:
        start = given_start(config, initial_means(config, grid))
    if config.rheology.kind == "arrhenius":
        _check_above(-config.model.surface_temperature, start.temperature)
    _check_viscosity(rheology_of(config, own), start.temperature, grid)
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


def initial_means(config: Config, grid: Grid) -> Array:
    """T of a kind other than file as the energy equation has it, shape (ny, nx).

    At the cell centres for a scheme of second order; over the cells, of fourth order, for one of
    high order.
    """
    if config.energy.advection == VAN_LEER:
        return initial_temperature(config, grid)
    parts = len(WEIGHTS)
    points = initial_temperature(config, grid.finer(parts))
    blocks = points.reshape(grid.ny, parts, grid.nx, parts)
    means: Array = np.einsum("jbia,b,a->ji", blocks, WEIGHTS, WEIGHTS) / np.sum(WEIGHTS) ** 2
    return means


def initial_temperature(config: Config, grid: Grid) -> Array:
    """T of a kind other than file at the cell centres, perturbation included, shape (ny, nx)."""
    settings = config.initial
    if settings.perturbation == "mode":
        perturbation = initial.mode_perturbation(grid, settings.mode)
    else:
        perturbation = initial.random_perturbation(grid, settings.seed)
    return STATES[settings.kind](config, grid) + settings.amplitude * perturbation


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
    check_shape("rheology", f"{type(rheology).__name__}.viscosity", viscosity, grid.cells)
    low, high = float(np.min(viscosity)), float(np.max(viscosity))
    if not USABLE_VISCOSITY[0] <= low <= high <= USABLE_VISCOSITY[1]:
        raise InputError(
            f"the viscosity of the initial temperature ranges from {low:.3g} to {high:.3g}, which "
            "is beyond computing: bound it with rheology.floor and rheology.ceiling, or choose "
            "milder [rheology] numbers."
        )
