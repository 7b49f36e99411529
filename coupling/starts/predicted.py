"""A start from the profile that a trained network expects of the steady state."""

import logging

import numpy as np

from tellus.config import Config
from tellus.coupling.build import boundaries_of
from tellus.errors import InputError, extras
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid

log = logging.getLogger("tellus")


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
