"""The error of a factorisation that went wrong, with what to do about it."""

import numpy as np

from tellus.errors import SolverError

from .grid import Array


def failure(what: str, viscosity: Array, temperature: Array | None = None) -> SolverError:
    """One sentence: what happened, the range of the fields, the remedy."""
    ranges = f"viscosity ranges from {np.min(viscosity):.3g} to {np.max(viscosity):.3g}"
    if temperature is not None:
        ranges += f", T from {np.min(temperature):.3g} to {np.max(temperature):.3g}"
    return SolverError(
        f"the Cholesky factorisation {what}: {ranges}; set rheology.floor and rheology.ceiling "
        "to bound it, or refine the grid."
    )
