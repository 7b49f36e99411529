"""The error of a solve that went wrong, with what to do about it."""

import numpy as np

from tellus.errors import SolverError

from .grid import Array

CHOLESKY = "the Cholesky factorisation"


def failure(
    what: str, viscosity: Array, temperature: Array | None = None, subject: str = CHOLESKY
) -> SolverError:
    """One sentence: what happened to what, the range of the fields, the remedy."""
    ranges = f"viscosity ranges from {np.min(viscosity):.3g} to {np.max(viscosity):.3g}"
    if temperature is not None:
        ranges += f", T from {np.min(temperature):.3g} to {np.max(temperature):.3g}"
    return SolverError(
        f"{subject} {what}: {ranges}; set rheology.floor and rheology.ceiling to bound it, or "
        "refine the grid."
    )
