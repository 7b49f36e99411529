"""Conjugate gradients on A psi = b, preconditioned by a solve with an operator close to A."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiProduct, velocity_norm


class KrylovResult(NamedTuple):
    """psi, the back-substitutions that led to it, and its error as estimated by the last.

    `lowest` is the smallest eigenvalue of the preconditioned operator met so far.
    """

    psi: Array
    iterations: int = 0
    estimate: float = float("nan")
    lowest: float = 1.0


@np.errstate(divide="ignore", invalid="ignore")  # without viscosity there is no operator
def conjugate_gradients(
    A: PsiProduct,
    b: Array,
    psi: Array,
    back_substitute: Callable[[Array], Array],
    grid: Grid,
    tolerance: float,
    limit: int,
    lowest: float | None = None,
) -> KrylovResult:
    """Solve A psi = b from psi, preconditioned by a solve with an operator close to A.

    A back-substitution of the residual is an estimate of the error. The iteration ends when
    this one's velocity is at most `tolerance` times that of psi, or not finite, or the
    `limit`-th; it is added to psi in any case.

    A preconditioner that is not nearly the inverse sees errors smaller than they are, by up to
    the smallest eigenvalue of the preconditioned operator. With `lowest`, an upper bound of it
    that is known already, estimates are divided by the smallest that the iteration itself finds
    (its Ritz values, Saad 2003, section 6.7.3).
    """
    residual = b - A(psi)
    correction = back_substitute(residual)
    direction, product = correction, float(np.vdot(residual, correction))
    steps: list[float] = []
    ratios: list[float] = []
    found = 1.0 if lowest is None else lowest
    for iterations in range(1, limit + 1):
        scale, change = velocity_norm(psi, grid), velocity_norm(correction, grid)
        estimate = change / scale / found if scale > 0.0 else float(change > 0.0)
        if estimate <= tolerance or not np.isfinite(estimate):
            break
        if iterations < limit:
            image = A(direction)
            steps.append(float(np.divide(product, np.vdot(direction, image))))
            psi = psi + steps[-1] * direction
            residual -= steps[-1] * image
            correction = back_substitute(residual)
            before, product = product, float(np.vdot(residual, correction))
            if lowest is not None:
                found = min(found, smallest_ritz_value(steps, ratios))
            ratios.append(product / before)
            direction = correction + ratios[-1] * direction
    return KrylovResult(psi + correction, iterations, estimate, found)


def smallest_ritz_value(steps: Sequence[float], ratios: Sequence[float]) -> float:
    """Of the preconditioned operator, from the coefficients of conjugate gradients.

    `steps` are those along the directions, `ratios`, one fewer, what is kept of each for the next.
    """
    a, r = np.array(steps), np.array(ratios)
    if not (np.isfinite(a).all() and np.isfinite(r).all()):
        return float("nan")
    diagonal = 1.0 / a
    diagonal[1:] += r / a[:-1]
    return float(eigvalsh_tridiagonal(diagonal, np.sqrt(r) / a[:-1])[0])
