"""Names of Stokes solvers, `name[:argument]...`: what they stand for, and what they will take."""

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.picard import PicardSettings
from tellus.solver.stokes import StokesSolver

from .kinds import SOLVERS, built, check_kind


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
    return built(_parsed(name), grid, picard or PicardSettings())


def check_name(name: str) -> None:
    """Raise InputError unless the name's first word is known; its arguments need a grid."""
    check_kind(_parsed(name))


def _parsed(name: str) -> SolverSpec:
    if not isinstance(name, str):
        raise InputError(f'make_solver: name must be a string such as "direct", not {name!r}.')
    return SolverSpec.parse(name)


def memory_of(name: str, grid: Grid) -> float:
    """Bytes that a solver will hold at most, those that it calls included; 0 if not known."""
    held = 0.0
    for spec in SolverSpec.parse(name).chain():
        if spec.kind in SOLVERS:
            held += SOLVERS[spec.kind].memory(spec, grid)
            grid = SOLVERS[spec.kind].grid_within(spec, grid)
    return held


def period_of(name: str) -> int:
    """Calls from one of a solver's dearest solves to the next, by the numbers in its name."""
    calls = 1
    for spec in SolverSpec.parse(name).chain():
        if entry := SOLVERS.get(spec.kind):
            calls *= entry.period(spec)
            if entry.solves:
                break
    return calls


def shares_processes(name: str) -> bool:
    """Whether several processes of an mpirun share the work of a solver, or of one it calls."""
    return any(SOLVERS[kind].ranks for kind in SolverSpec.parse(name).kinds if kind in SOLVERS)


def listing() -> list[tuple[str, str, str]]:
    """Usage, meaning and requirements of every solver."""
    return [(entry.usage, entry.meaning, entry.requirements) for entry in SOLVERS.values()]
