"""`refined`: the reduced solve, refined by conjugate gradients until the velocity is right."""

from tellus.solver.factor.factor import Factor
from tellus.solver.grid import Grid
from tellus.solver.krylov.lagged import LaggedSolver, Preconditioning
from tellus.solver.psi.operator import PsiOperator
from tellus.solver.splines.preconditioner import SplinePreconditioner
from tellus.solver.splines.projection import require_knots

LIMIT, COST = 6, 5
"""Iterations for which the splines' factor is kept, and what making it costs in iterations. Over
24 steps at 512x128 and tol = 1e-6, limits from 3 to 8 differ by less than a tenth."""


def refined_solver(
    grid: Grid, factor: int | None = None, tolerance: float = 1e-6, name: str = "refined"
) -> LaggedSolver:
    """Conjugate gradients whose preconditioner is the Galerkin solve between splines, smoothed.

    Everything else as in `LaggedSolver`: the preconditioner is kept over steps, the iteration
    starts from psi extrapolated in time, and ends at a velocity error of `tolerance`.

    Parameters
    ----------
    grid : Grid
    factor : int, optional
        Cells between knots. The smaller, the fewer iterations, and the larger the factor; by
        default what was fastest on grids of this size.
    tolerance : float
    name : str

    Raises InputError where fewer than three knot intervals fit across the box.
    """
    apart = fastest_factor(grid) if factor is None else factor
    require_knots(grid, apart)

    def build(operator: PsiOperator) -> Factor:
        return SplinePreconditioner(operator, apart)

    preconditioning = Preconditioning(build, LIMIT, COST, exact=False)
    return LaggedSolver(grid, tolerance, name=name, preconditioning=preconditioning)


def fastest_factor(grid: Grid) -> int:
    """Cells between knots."""
    short = min(grid.nx, grid.ny)
    return 2 if short < 96 else 3 if short < 192 else 4
