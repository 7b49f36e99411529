"""Names of Stokes solvers, `name[:argument]...`, and what they build."""

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.picard import PicardSettings, PicardSolver
from tellus.solver.stokes import StokesSolver

from . import memory
from .arguments import (
    count,
    is_whole,
    no_argument,
    refusal,
    settings,
    tolerance,
    whole_number,
)

DIRECT = SolverSpec("direct")

OWN = "own"
"""Kind of a name that only says what a solver handed in from Python called itself."""


class SolverEntry(NamedTuple):
    """One row of `tellus solvers`, and the function that builds what it describes.

    `build` gets what the name says, the grid, and when the iteration around a non-linear viscosity
    law stops; it imports what it needs, and raises InputError for arguments that it does not know
    and for requirements that are missing. `memory` says in bytes what the solver will hold, those
    that it calls included.
    """

    usage: str
    meaning: str
    requirements: str
    build: Callable[[SolverSpec, Grid, PicardSettings], StokesSolver]
    memory: Callable[[SolverSpec, Grid], float] = lambda spec, grid: 0.0


def _direct(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.direct import DirectSolver

    no_argument(spec)
    return PicardSolver(DirectSolver(grid), picard)


def _skip(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .skip import SkipSolver
    from .skip_tolerance import ToleranceSkipSolver

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


def _coarse(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.coarse import CoarseSolver

    factor = whole_number(spec, "cells in one", "coarse:4", least=2)
    return PicardSolver(CoarseSolver(grid, factor), picard)


def _reduced(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.splines.reduced import ReducedSolver

    factor = whole_number(spec, "cells between knots", "reduced:4", least=2)
    return PicardSolver(ReducedSolver(grid, factor), picard)


def _pardiso(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.factor.pardiso import PardisoSolver

    no_argument(spec)
    return PicardSolver(PardisoSolver(grid), picard)


def _cudss(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.factor.cudss import CudssSolver

    no_argument(spec)
    return PicardSolver(CudssSolver(grid), picard)


def _lagged(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.krylov.lagged import CHOLESKY, LaggedSolver

    known = {"tol": tolerance, "limit": count}
    asked = settings(spec, spec.arguments, known, "lagged:tol=1e-6")
    limit = int(asked.get("limit", CHOLESKY.limit))
    solver = LaggedSolver(grid, asked.get("tol", 1e-6), limit, str(spec))
    return PicardSolver(solver, picard)


def _refined(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.krylov.refined import refined_solver

    rest = list(spec.arguments)
    factor = int(rest.pop(0)) if rest and is_whole(rest[0], 2) else None
    asked = settings(spec, rest, {"tol": tolerance}, "refined:3:tol=1e-6")
    return PicardSolver(refined_solver(grid, factor, asked.get("tol", 1e-6), str(spec)), picard)


def _iterative(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.iterative.solver import IterativeSolver

    from .iterative import iterative_settings

    asked = iterative_settings(spec)
    start = None if spec.inner is None else built(spec.inner, grid, picard)
    return PicardSolver(IterativeSolver(grid, asked, start, str(spec)), picard)


def _mumps(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.mumps.solver import MumpsSolver

    return PicardSolver(MumpsSolver(grid, str(spec)), picard)


def _mumps_psi(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from tellus.solver.mumps.solver import MumpsSolver

    return PicardSolver(MumpsSolver(grid, str(spec)), picard)


def _surrogate(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .surrogate import SurrogateSolver

    path = Path(spec.weights) if spec.arguments else None
    return SurrogateSolver.from_weights(path, grid)


def _anchored(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .anchored import AnchoredSolver
    from .anchored_tolerance import ToleranceAnchoredSolver

    (often,) = spec.arguments or [""]
    if spec.inner is None or not (is_whole(often) or often.startswith("tol=")):
        raise refusal(
            spec,
            "needs a number of steps or a tolerance, and the name of a solver, as in "
            '"anchored:50:reduced:4" or "anchored:tol=1e-3:reduced:4".',
        )
    approximate = built(spec.inner, grid, picard)
    if is_whole(often):
        return AnchoredSolver(approximate, _direct(DIRECT, grid, picard), int(often), grid)
    known = settings(spec, [often], {"tol": tolerance}, "anchored:tol=1e-3:reduced:4")
    name = f"anchored:{often}:{approximate.name}"
    return ToleranceAnchoredSolver(approximate, known["tol"], grid, picard, name)


def _check(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    from .checked import CheckedSolver

    if spec.inner is None:
        raise refusal(spec, 'needs the name of a solver, as in "check:reduced:4".')
    return CheckedSolver(built(spec.inner, grid, picard), _direct(DIRECT, grid, picard))


def memory_of(name: str, grid: Grid) -> float:
    """Bytes that a solver will hold at most; 0 for a name that is not known."""
    return _memory(SolverSpec.parse(name), grid)


def _memory(spec: SolverSpec | None, grid: Grid) -> float:
    return SOLVERS[spec.kind].memory(spec, grid) if spec and spec.kind in SOLVERS else 0.0


def _skip_memory(spec: SolverSpec, grid: Grid) -> float:
    return _memory(spec.inner or DIRECT, grid)


def _anchored_memory(spec: SolverSpec, grid: Grid) -> float:
    return _memory(spec.inner, grid) + memory.lagged(spec, grid)


def _check_memory(spec: SolverSpec, grid: Grid) -> float:
    return _memory(spec.inner, grid) + memory.direct(spec, grid)


def _iterative_memory(spec: SolverSpec, grid: Grid) -> float:
    return _memory(spec.inner, grid) + memory.iterative(spec, grid)


SOLVERS = {
    "direct": SolverEntry(
        "direct",
        "banded Cholesky on the psi system, every step",
        "-",
        _direct,
        memory.direct,
    ),
    "skip": SolverEntry(
        "skip:N[:linear][:NAME], skip:tol=X[:NAME]",
        "direct, or NAME, every N-th step or when the error may exceed X; held or extrapolated",
        "-",
        _skip,
        _skip_memory,
    ),
    "coarse": SolverEntry(
        "coarse:R",
        "direct on a grid R times coarser, interpolated by splines",
        "-",
        _coarse,
        memory.coarse,
    ),
    "reduced": SolverEntry(
        "reduced:R",
        "projected onto cubic splines with knots R cells apart",
        "-",
        _reduced,
        memory.reduced,
    ),
    "refined": SolverEntry(
        "refined[:R][:tol=X]",
        "reduced:R, refined by conjugate gradients to a velocity error of X",
        "-",
        _refined,
        memory.refined,
    ),
    "pardiso": SolverEntry(
        "pardiso",
        "sparse Cholesky of Intel's MKL, analysed once",
        "extra mkl",
        _pardiso,
        memory.pardiso,
    ),
    "cudss": SolverEntry(
        "cudss",
        "sparse Cholesky of NVIDIA's cuDSS on a GPU, analysed once",
        "extra cudss, a GPU",
        _cudss,
        memory.cudss,
    ),
    "lagged": SolverEntry(
        "lagged[:tol=X][:limit=N]",
        "conjugate gradients with an old Cholesky factor, to a velocity error of X",
        "-",
        _lagged,
        memory.lagged,
    ),
    "mumps": SolverEntry(
        "mumps[:lu][:ORDERING][:analyse]",
        "sparse LDL^T, or LU, of u, v and p together; over processes under mpirun",
        "PETSc (make petsc)",
        _mumps,
        memory.mumps,
    ),
    "mumps-psi": SolverEntry(
        "mumps-psi[:ORDERING][:analyse]",
        "sparse Cholesky on the psi system; over processes under mpirun",
        "PETSc (make petsc)",
        _mumps_psi,
        memory.mumps_psi,
    ),
    "iterative": SolverEntry(
        "iterative[:OPTION...][:from:NAME]",
        "conjugate gradients with multigrid, on a CPU or a GPU",
        "torch",
        _iterative,
        _iterative_memory,
    ),
    "surrogate": SolverEntry(
        "surrogate[:PATH]",
        "coarse solve corrected by a network",
        "torch",
        _surrogate,
        memory.surrogate,
    ),
    "anchored": SolverEntry(
        "anchored:N:NAME, anchored:tol=X:NAME",
        "direct every N-th step, or when the error may exceed X; increments of NAME between",
        "those of NAME",
        _anchored,
        _anchored_memory,
    ),
    "check": SolverEntry(
        "check:NAME",
        "NAME, and its true error from a direct solve each step",
        "those of NAME",
        _check,
        _check_memory,
    ),
}


def make_solver(name: str, grid: Grid, picard: PicardSettings | None = None) -> StokesSolver:
    """Build the solver that a name stands for.

    `picard` says when the iteration around a non-linear viscosity law stops.

    Raises
    ------
    InputError
        The name or one of its arguments is not known; the nearest valid one is named.
    """
    if not isinstance(grid, Grid):
        raise InputError(f"make_solver: grid must be a tellus.Grid, not {grid!r}.")
    check_name(name)
    return built(SolverSpec.parse(name), grid, picard or PicardSettings())


def built(spec: SolverSpec, grid: Grid, picard: PicardSettings) -> StokesSolver:
    """The solver that is meant; errors as in `make_solver`."""
    check_name(str(spec))
    return SOLVERS[spec.kind].build(spec, grid, picard)


def own_name(solver: StokesSolver) -> str:
    """What stands as `stokes.solver` in the directory of a run with a solver of one's own."""
    return f"{OWN}:{' '.join(str(solver.name).split()) or 'unnamed'}"


def check_name(name: str) -> None:
    """Raise InputError unless the name's first word is known; its arguments need a grid."""
    if not isinstance(name, str):
        raise InputError(f'make_solver: name must be a string such as "direct", not {name!r}.')
    kind, _, argument = name.partition(":")
    if kind == OWN:
        raise InputError(
            f'stokes.solver: "{argument}" is a solver of one\'s own: hand it in again, '
            "tellus.run(..., solver=...), or name another with --stokes."
        )
    if kind not in SOLVERS:
        near = get_close_matches(kind, SOLVERS, n=1, cutoff=0.0)[0]
        raise InputError(
            f'stokes.solver: there is no solver "{kind}"; did you mean "{SOLVERS[near].usage}"? '
            "`tellus solvers` lists them all."
        )


def listing() -> list[tuple[str, str, str]]:
    """Usage, meaning and requirements of every solver."""
    return [(entry.usage, entry.meaning, entry.requirements) for entry in SOLVERS.values()]
