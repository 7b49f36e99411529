"""Conjugate gradients on A psi = b, preconditioned by a solve with an operator close to A."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .grid import Array, Grid
from .psi_operator import PsiProduct
from .stokes import velocity_norm


class Iterated(NamedTuple):
    """psi, the back-substitutions that led to it, and its error as estimated by the last."""

    psi: Array
    iterations: int = 0
    estimate: float = float("nan")


def conjugate_gradients(
    A: PsiProduct,
    b: Array,
    psi: Array,
    back_substitute: Callable[[Array], Array],
    grid: Grid,
    tolerance: float,
    limit: int,
) -> Iterated:
    """Solve A psi = b, preconditioned by the factor of an operator close to A.

    A back-substitution of the residual is an estimate of the error. The iteration ends when
    this one's velocity is at most `tolerance` times that of psi, or not finite, or the
    `limit`-th; it is added to psi in any case.
    """
    residual = b - A(psi)
    correction = back_substitute(residual)
    direction, product = correction, float(np.vdot(residual, correction))
    for iterations in range(1, limit + 1):
        scale, change = velocity_norm(psi, grid), velocity_norm(correction, grid)
        estimate = change / scale if scale > 0.0 else float(change > 0.0)
        if estimate <= tolerance or not np.isfinite(estimate):
            break
        if iterations < limit:
            image = A(direction)
            step = product / float(np.vdot(direction, image))
            psi = psi + step * direction
            residual -= step * image
            correction = back_substitute(residual)
            before, product = product, float(np.vdot(residual, correction))
            direction = correction + (product / before) * direction
    return Iterated(psi + correction, iterations, estimate)


def relative_residual(A: PsiProduct, psi: Array, b: Array) -> float:
    """|A psi - b| / |b|, or zero where nothing drives the flow."""
    scale = float(np.linalg.norm(b))
    return float(np.linalg.norm(A(psi) - b)) / scale if scale > 0.0 else 0.0
