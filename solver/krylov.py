"""`lagged` and `refined`: conjugate gradients preconditioned by what an earlier step factored."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from tellus.solver.direct import DirectSolver
from tellus.solver.factor.cached import BandedCholesky, Build, CachedFactor
from tellus.solver.grid import Array, Grid
from tellus.solver.history import History
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.operator import PsiProduct, relative_residual, velocity_norm
from tellus.solver.splines.projection import FEWEST, SplinePreconditioner, require_knots
from tellus.solver.stokes import Flow, SolverState, StokesProblem, StokesSolver, failure
from tellus.solver.threads import one_blas_thread


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
    """Solve A psi = b, preconditioned by a solve with an operator close to A.

    A back-substitution of the residual is an estimate of the error. The last one is added to psi
    in any case.

    A preconditioner that is not nearly the inverse sees errors smaller than they are, by up to
    the smallest eigenvalue of the preconditioned operator.

    Parameters
    ----------
    A : PsiProduct
    b : array, shape (ny+1, nx+1)
        Zero on the walls.
    psi : array, shape (ny+1, nx+1)
        Where to begin; zero on the walls, too.
    back_substitute : callable
        That solve, of a residual at the nodes.
    grid : Grid
    tolerance : float
        The iteration ends with an estimate whose velocity is at most this times that of psi, or is
        not finite.
    limit : int
        Most back-substitutions, at least 1.
    lowest : float, optional
        An upper bound of that eigenvalue that is known already. With it estimates are divided by
        the smallest that the iteration itself finds (its Ritz values, Saad 2003, section 6.7.3).
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
    """Smallest Ritz value of the preconditioned operator, from conjugate gradients' coefficients.

    `steps` are those along the directions, `ratios`, one fewer, what is kept of each for the next.
    """
    a, r = np.array(steps), np.array(ratios)
    if not (np.isfinite(a).all() and np.isfinite(r).all()):
        return float("nan")
    # A few rows at most: dense, as the call of a solver for bands takes ten times as long.
    matrix = np.diag(1.0 / a)
    row = np.arange(len(r))
    matrix[row + 1, row + 1] += r / a[:-1]
    matrix[row + 1, row] = np.sqrt(r) / a[:-1]
    return float(np.linalg.eigvalsh(matrix)[0])


LIMIT, COST = 4, 10
"""Iterations above which a factor is made anew, and those that a factorisation costs. Over 80 steps
at 256x64 and tol = 1e-6 the cost of limits from 3 to 6 differs by a tenth. A factorisation takes
about 15 iterations at 128x32, 13 at 256x64, 9 at 512x128, measured on one thread."""

REFINED_LIMIT, REFINED_COST = 6, 5
"""`LIMIT` and `COST` where the spline solve is kept, in `refined`. Over 24 steps at 512x128 and
tol = 1e-6, limits from 3 to 8 differ by less than a tenth. At a Courant number of 1, `by_age`
brings iterations from 2.9 to 1.8 (128x32, tol = 1e-3, a factor every 17 steps) and from 5.2 to 2.8
(256x64, 1e-6, every 7)."""

MOST = 40
"""Iterations with what was made at the present viscosity; where these don't do, a Cholesky
factorisation does."""

LOWEST = 0.5
"""The smallest eigenvalue of a preconditioned operator, until iterations have shown it, where the
preconditioner is not exact."""


class LaggedSolver(StokesSolver):
    """Keep a factor, and let conjugate gradients make up for its age.

    Preconditioned by the factor of a viscosity not long ago, the residual is an estimate of the
    error of psi. The iteration starts from psi extrapolated in time and ends when the velocity
    of that estimate is at most `tolerance` times the velocity. The last estimate is added too,
    so that the error left is smaller than the estimate.

    The factor is made anew by the solve after one that took more than `limit` iterations, and at
    once in a solve that takes its cost more than that. With `by_age`, it also is where its age has
    cost as much as making it: by the solve after that by which the iterations above the fewest
    with it add up to `cost`. Where iterations grow steadily nothing takes less in all.

    Parameters
    ----------
    grid : Grid
    tolerance : float
        Largest estimated velocity error, relative to the velocity.
    limit : int
        Most iterations of a solve after which a factor is kept.
    name : str
    build : callable
        Makes room for what stands for A^-1, see `CachedFactor`.
    cost : int
        What making it takes, in iterations, each a back-substitution and a product.
    exact : bool
        Whether it is the inverse itself at the viscosity it was made for.
    by_age : bool
        Whether its age ends a factor, too.
    """

    def __init__(
        self,
        grid: Grid,
        tolerance: float = 1e-6,
        limit: int = LIMIT,
        name: str = "lagged",
        build: Build = BandedCholesky,
        cost: int = COST,
        exact: bool = True,
        by_age: bool = True,
    ) -> None:
        self.name = name
        self.grid, self.tolerance = grid, tolerance
        self.limit, self.cost, self._exact, self._by_age = limit, cost, exact, by_age
        self._kept = CachedFactor(grid, build)
        self._tired = False
        self._fewest, self._aged = MOST, 0
        self._lowest = self._untried = 1.0 if exact else LOWEST
        self._history = History()

    @one_blas_thread()
    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity; the report counts back-substitutions as iterations.

        Raises SolverError where A cannot be factored or nothing finite comes out.
        """
        timer = PhaseTimer()
        viscosity = problem.viscosity()
        operator = self._kept.operator_for(problem.boundaries)
        A = operator.at(viscosity)
        b = operator.right_hand_side(problem.temperature, problem.rayleigh)
        timer.lap("assemble")
        start = self._history.start(problem.time) if np.any(b) else None
        if start is None:
            start = np.zeros(self.grid.nodes)
        found = KrylovResult(start)
        if self._kept.viscosity is not None and not self._tired:
            found = self._conjugate_gradients(A, b, start, self.limit + self.cost)
        timer.lap("solve")
        made = not found.estimate <= self.tolerance
        if made:
            self._kept.factor(viscosity)
            self._lowest = self._untried
            timer.lap("factor")
            found = self._anew(A, b, start, found.iterations)
            timer.lap("solve")
            if found.estimate > self.tolerance:  # no iteration gets there
                cholesky = CachedFactor(self.grid)
                cholesky.operator_for(problem.boundaries)
                cholesky.factor(viscosity)
                psi = start + cholesky.back_substitute(b - A(start))
                found = KrylovResult(psi, found.iterations + 1)
                timer.lap("factor")
        residual = relative_residual(A, found.psi, b)
        timer.lap("residual")
        if not np.isfinite(residual):
            raise failure("gave no finite solution", viscosity, problem.time)
        self._tired = not made and self._has_tired(found.iterations)
        if made:
            self._fewest, self._aged = MOST, 0
        self._history.add(problem.time, found.psi)
        how = (timer.seconds, found.iterations, residual)
        return self.flow(found.psi, self.grid, *how, estimate=found.estimate)

    def _has_tired(self, iterations: int) -> bool:
        """Whether the factor should be made anew, after so many iterations with it."""
        self._fewest = min(self._fewest, iterations)
        self._aged += iterations - self._fewest
        return iterations > self.limit or (self._by_age and self._aged >= self.cost)

    def _anew(self, A: PsiProduct, b: Array, start: Array, before: int) -> KrylovResult:
        """The solution with a factor of A itself, after `before` iterations with one too old."""
        if self._exact:
            return KrylovResult(start + self._kept.back_substitute(b - A(start)), before + 1)
        found = self._conjugate_gradients(A, b, start, MOST)
        return found._replace(iterations=before + found.iterations)

    def _conjugate_gradients(
        self, A: PsiProduct, b: Array, start: Array, most: int
    ) -> KrylovResult:
        solve, ends = self._kept.back_substitute, (self.tolerance, most)
        lowest = None if self._exact else self._lowest
        found = conjugate_gradients(A, b, start, solve, self.grid, *ends, lowest)
        self._lowest = found.lowest
        return found

    def state(self) -> SolverState:
        if self._kept.viscosity is None:
            return {}
        lowest = {} if self._exact else {"lowest": np.array(self._lowest)}
        return {
            **lowest,
            **self._kept.state(),
            "tired": np.array(self._tired),
            "aged": np.array([self._fewest, self._aged]),
            **self._history.state(),
        }

    def restore(self, state: SolverState) -> None:
        self._tired = bool(state.get("tired", False))
        self._fewest, self._aged = np.asarray(state.get("aged", (MOST, 0))).tolist()
        self._lowest = float(state.get("lowest", self._untried))
        self._history.restore(state)
        self._kept.restore(state)


def refined_solver(
    grid: Grid, factor: int | None = None, tolerance: float = 1e-6, name: str = "refined"
) -> StokesSolver:
    """Conjugate gradients whose preconditioner is the Galerkin solve between splines, smoothed.

    Everything else as in `LaggedSolver`: the preconditioner is kept over steps, the iteration
    starts from psi extrapolated in time, and ends at a velocity error of `tolerance`.

    Parameters
    ----------
    grid : Grid
    factor : int, optional
        Cells between knots. The smaller, the fewer iterations, and the larger the factor; by
        default what was fastest on grids of this size, and a direct solver where no knots fit.
    tolerance : float
    name : str

    Raises InputError where fewer than three intervals of `factor` cells fit across the box.
    """
    build = preconditioner(grid, factor)
    if build is None:
        return DirectSolver(grid, name=name)
    return LaggedSolver(grid, tolerance, REFINED_LIMIT, name, build, REFINED_COST, exact=False)


def preconditioner(grid: Grid, factor: int | None = None) -> Build | None:
    """What allocates the preconditioner of `refined_solver`; None where no knots fit.

    Raises InputError where the knots that are asked for do not fit.
    """
    apart = fastest_factor(grid) if factor is None else factor
    if factor is None and min(grid.nx, grid.ny) < FEWEST * apart:
        return None
    require_knots(grid, apart)
    return partial(SplinePreconditioner, factor=apart)


def fastest_factor(grid: Grid) -> int:
    """Cells between knots."""
    short = min(grid.nx, grid.ny)
    return 2 if short < 96 else 3 if short < 192 else 4
