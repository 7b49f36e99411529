"""Every kind of solver that a name may begin with, each declared once, by what builds it.

A new one is a function here; where its name ends in the name of another solver,
`tellus.config.solver_spec` also needs to know how many arguments come before that.
"""

import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from tellus.config.own_class import is_handed_in
from tellus.config.solver_spec import RECOMMENDED, SolverSpec
from tellus.coupling.own import not_handed_in, own_solver
from tellus.errors import InputError, extras
from tellus.solver.grid import Grid
from tellus.solver.picard import PicardSettings, PicardSolver
from tellus.solver.stokes import StokesSolver

from . import memory
from .arguments import (
    ReadSetting,
    count,
    is_whole,
    no_argument,
    refusal,
    settings,
    tolerance,
    whole_number,
)

DIRECT = SolverSpec("direct")
REFINED = SolverSpec.parse(RECOMMENDED)

BuildSolver = Callable[[SolverSpec, Grid, PicardSettings], StokesSolver]
BuildLinear = Callable[[SolverSpec, Grid], StokesSolver]
MemoryEstimate = Callable[[SolverSpec, Grid], float]
GridWithin = Callable[[SolverSpec, Grid], Grid]
Period = Callable[[SolverSpec], int]


class SolverEntry(NamedTuple):
    """All that is known of a kind of solver before one is built.

    `build` gets what the name says, the grid, and when the iteration around a non-linear viscosity
    law stops; it imports what it needs, and raises InputError for arguments that it does not know
    and for requirements that are missing.
    """

    usage: str  # with meaning and requirements a row of `tellus solvers`
    meaning: str
    requirements: str
    build: BuildSolver
    memory: MemoryEstimate = lambda spec, grid: 0.0  # bytes, but for the solver in its name
    ranks: bool = False  # whether several processes of an mpirun share its work
    grid_within: GridWithin = lambda spec, grid: grid  # of the solver that its name ends in
    period: Period = lambda spec: 1  # calls from one of its dearest solves to the next, at least
    solves: bool = False  # whether these are solves of its own, beside those of NAME


SOLVERS: dict[str, SolverEntry] = {}
"""All kinds of solvers by the first word of a name, in the order of `tellus solvers`."""


def kind(
    usage: str, meaning: str, requirements: str = "-", **traits: Any
) -> Callable[[BuildSolver], BuildSolver]:
    """Declare a kind of solver, called by the first word of its usage, and what builds it.

    What follows the build in a `SolverEntry` is given by name.
    """

    def declared(build: BuildSolver) -> BuildSolver:
        entry = SolverEntry(usage, meaning, requirements, build, **traits)
        SOLVERS[re.split(r"[:\[]", usage)[0]] = entry
        return build

    return declared


def linear(build: BuildLinear) -> BuildSolver:
    """Picard's iteration around a solver at a given viscosity."""

    def iterated(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
        return PicardSolver(build(spec, grid), picard)

    return iterated


def _every(spec: SolverSpec) -> int:
    """The number of steps that a name begins with; 1 where it begins with none."""
    often = spec.arguments[:1]
    return int(often[0]) if often and is_whole(often[0]) else 1


@kind("direct", "banded Cholesky on the psi system, every step", memory=memory.direct)
@linear
def _direct(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.direct import DirectSolver

    no_argument(spec)
    return DirectSolver(grid)


@kind(
    "skip:N[:linear][:NAME], skip:tol=X[:NAME]",
    "direct, or NAME, every N-th step or when the error may exceed X; held or extrapolated",
    memory=lambda spec, grid: 0.0 if spec.inner else memory.bands(grid),
    period=_every,
)
def _skip(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .skip import SkipSolver, ToleranceSkipSolver

    often, *linear = spec.arguments or [""]
    if not is_whole(often) and not often.startswith("tol="):
        raise refusal(
            spec,
            'needs one whole number of steps or a tolerance, as in "skip:10" or "skip:tol=1e-2".',
        )
    inner = built(spec.inner or DIRECT, grid, picard)
    if is_whole(often):
        return SkipSolver(inner, int(often), grid, bool(linear))
    known = settings(spec, [often], {"tol": tolerance}, "skip:tol=1e-2")
    return ToleranceSkipSolver(inner, known["tol"], grid, str(spec))


@kind("coarse:R", "direct on a grid R times coarser, interpolated by splines", memory=memory.coarse)
@linear
def _coarse(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.coarse import CoarseSolver

    return CoarseSolver(grid, whole_number(spec, "cells in one", "coarse:4", least=2))


@kind("reduced:R", "projected onto cubic splines with knots R cells apart", memory=memory.reduced)
@linear
def _reduced(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.splines.projection import reduced_solver

    return reduced_solver(grid, whole_number(spec, "cells between knots", "reduced:4", least=2))


@kind(
    "refined[:R][:tol=X]",
    "reduced:R, refined by conjugate gradients to a velocity error of X",
    memory=memory.refined,
)
@linear
def _refined(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.krylov import refined_solver

    rest = list(spec.arguments)
    factor = int(rest.pop(0)) if rest and is_whole(rest[0], 2) else None
    asked = settings(spec, rest, {"tol": tolerance}, "refined:3:tol=1e-6")
    return refined_solver(grid, factor, asked.get("tol", 1e-6), str(spec))


@kind(
    "pardiso",
    "sparse Cholesky of Intel's MKL, analysed once",
    requirements="extra mkl",
    memory=memory.pardiso,
)
@linear
def _pardiso(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.direct import DirectSolver
    from tellus.solver.factor.cached import CachedFactor
    from tellus.solver.factor.pardiso import PardisoCholesky

    no_argument(spec)
    return DirectSolver(grid, CachedFactor(grid, PardisoCholesky(grid).between), str(spec))


@kind(
    "cudss",
    "sparse Cholesky of NVIDIA's cuDSS on a GPU, analysed once",
    requirements="extra cudss, a GPU",
    memory=lambda spec, grid: memory.fields(grid, 40),  # the factor lies on the GPU
)
@linear
def _cudss(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.cudss import CudssSolver

    no_argument(spec)
    return CudssSolver(grid)


@kind(
    "lagged[:tol=X][:limit=N]",
    "conjugate gradients with an old Cholesky factor, to a velocity error of X",
    memory=memory.lagged,
)
@linear
def _lagged(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.krylov import LIMIT, LaggedSolver

    known: dict[str, ReadSetting] = {"tol": tolerance, "limit": count}
    asked = settings(spec, spec.arguments, known, "lagged:tol=1e-6")
    limit = int(asked.get("limit", LIMIT))
    by_age = "limit" not in asked
    return LaggedSolver(grid, asked.get("tol", 1e-6), limit, str(spec), by_age=by_age)


@kind(
    "mumps-psi[:ORDERING][:analyse]",
    "sparse Cholesky on the psi system; over processes under mpirun",
    requirements="PETSc (make petsc)",
    memory=memory.mumps,
    ranks=True,
)
@kind(
    "mumps[:lu][:ORDERING][:analyse]",
    "sparse LDL^T, or LU, of u, v and p together; over processes under mpirun",
    requirements="PETSc (make petsc)",
    memory=memory.mumps,
    ranks=True,
)
@linear
def _mumps(spec: SolverSpec, grid: Grid) -> StokesSolver:
    from tellus.solver.mumps.solver import MumpsSolver

    return MumpsSolver(grid, spec.kind, *spec.arguments)


@kind(
    "iterative[:OPTION...][:from:NAME]",
    "conjugate gradients with multigrid, on a CPU or a GPU",
    requirements="extra learn",
    memory=lambda spec, grid: memory.TORCH + memory.fields(grid, 85),
)
def _iterative(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.iterative.solver import IterativeSolver

    from .iterative import iterative_settings

    asked = iterative_settings(spec)
    start = None if spec.inner is None else built(spec.inner, grid, picard)
    return PicardSolver(IterativeSolver(grid, asked, start, str(spec)), picard)


@kind(
    "surrogate[:PATH]",
    "coarse solve corrected by a network",
    requirements="extra learn",
    memory=memory.surrogate,
)
def _surrogate(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.surrogate.model import SurrogateSolver, load_surrogate

    return SurrogateSolver(load_surrogate(Path(spec.weights) if spec.arguments else None, grid))


@kind(
    "anchored:N:NAME, anchored:tol=X:NAME",
    "direct every N-th step, or when the error may exceed X; increments of NAME between",
    requirements="those of NAME",
    memory=memory.lagged,
    period=_every,
    solves=True,
)
def _anchored(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .anchored import AnchoredSolver, ToleranceAnchoredSolver

    (often,) = spec.arguments or [""]
    if spec.inner is None or not (is_whole(often) or often.startswith("tol=")):
        raise refusal(
            spec,
            "needs a number of steps or a tolerance, and the name of a solver, as in "
            '"anchored:50:reduced:4" or "anchored:tol=1e-3:reduced:4".',
        )
    approximate = built(spec.inner, grid, picard)
    if is_whole(often):
        return AnchoredSolver(approximate, built(DIRECT, grid, picard), int(often), grid)
    known = settings(spec, [often], {"tol": tolerance}, "anchored:tol=1e-3:reduced:4")
    name = f"anchored:{often}:{approximate.name}"
    return ToleranceAnchoredSolver(approximate, known["tol"], grid, picard, name)


@kind(
    "check:NAME",
    "NAME, and its true error from a direct solve each step",
    requirements="those of NAME",
    memory=memory.direct,
    solves=True,
)
def _check(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .guarded import CheckedSolver

    if spec.inner is None:
        raise refusal(spec, 'needs the name of a solver, as in "check:reduced:4".')
    return CheckedSolver(built(spec.inner, grid, picard), built(DIRECT, grid, picard))


@kind(
    "guarded[:tol=X]:NAME",
    f"NAME, or {RECOMMENDED} where its error, by its residual, may exceed X (0.05)",
    requirements="those of NAME",
    memory=lambda spec, grid: 2.0 * memory.refined(REFINED, grid),
)
def _guarded(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .guarded import GuardedSolver

    if spec.inner is None:
        raise refusal(spec, 'needs the name of a solver, as in "guarded:surrogate".')
    asked = settings(spec, spec.arguments, {"tol": tolerance}, "guarded:tol=0.05:surrogate")
    inner, fallback = built(spec.inner, grid, picard), built(REFINED, grid, picard)
    return GuardedSolver(inner, fallback, asked.get("tol", 0.05), grid)


def _finer(spec: SolverSpec, grid: Grid) -> Grid:
    """A grid with cells as many times shorter as the name of a solver says."""
    factor = whole_number(spec, "cells in each direction to a cell", "fine:2", least=2)
    return grid.finer(factor)


@kind(
    "fine:R[:NAME]",
    f"{RECOMMENDED}, or NAME, on a grid R times finer than that of T",
    memory=lambda spec, grid: memory.fine(spec, _finer(spec, grid)),
    grid_within=_finer,
)
def _fine(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .fine import FineSolver

    finer = _finer(spec, grid)
    return FineSolver(built(spec.inner or REFINED, finer, picard), grid, finer)


@kind(
    "richardson[:N][:NAME]",
    f"{RECOMMENDED}, or NAME, on the grid of T and, every N-th step, fine:2: fourth order",
    memory=lambda spec, grid: _alone(spec, grid) + memory.fine(spec, grid.finer(2)),
    grid_within=lambda spec, grid: grid.finer(2),
    period=_every,
)
def _richardson(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .fine import FineSolver, RichardsonSolver

    if spec.inner is not None and not spec.inner.kind[:1].isalpha():
        raise refusal(
            spec,
            "takes a whole number of steps, at least 1, and then the name of a solver, as in "
            '"richardson:4" or "richardson:4:direct".',
        )
    every = whole_number(spec, "steps", "richardson:4") if spec.arguments else 1
    name, finer = spec.inner or REFINED, grid.finer(2)
    fine = FineSolver(built(name, finer, picard), grid, finer)
    return RichardsonSolver(built(name, grid, picard), fine, every)


def _alone(spec: SolverSpec, grid: Grid) -> float:
    """Bytes of the solver that a name ends in, on another grid than that which it is within."""
    inner = spec.inner or REFINED
    return SOLVERS[inner.kind].memory(inner, grid) if inner.kind in SOLVERS else 0.0


@extras()
def built(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    """The solver that is meant; InputError where there is none of that kind."""
    check_kind(spec)
    if spec.inner is None and spec.own is not None:
        return own_solver(spec.own, grid, picard)
    return SOLVERS[spec.kind].build(spec, grid, picard)


def check_kind(spec: SolverSpec) -> None:
    """Raise InputError for a kind that is not known; the nearest one is named."""
    kind = spec.kind
    if is_handed_in(str(spec)):
        raise not_handed_in("stokes.solver", str(spec))
    if kind not in SOLVERS and spec.own is None:
        near = get_close_matches(kind, SOLVERS, n=1, cutoff=0.0)[0]
        raise InputError(
            f'stokes.solver: there is no solver "{kind}"; did you mean "{SOLVERS[near].usage}"? '
            "`tellus solvers` lists them all."
        )
