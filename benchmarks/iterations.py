"""How many iterations does the iterative solver need, on which grid, at which contrast?

From rest, on states of runs that convect: an iteration that is nearly independent of the grid
takes as many on the finest as on the coarsest. The direct solve beside it is what its velocity
is compared with, and its seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tellus.coupling.solvers.names import make_solver
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem, StokesSolver, relative_velocity_error

from .fields import CASE, Case, problems
from .harness import Measurement, rest, timed
from .spread import Record, Row, Spread, optional

MEASUREMENT = Measurement([Grid(4 * ny, ny, 4.0) for ny in (32, 64, 128, 256)], repeats=5)

CASES = tuple(
    replace(CASE, gamma_T=gamma_T, gamma_p=gamma_p, states=2, end=end)
    for gamma_T, end in ((1e6, 0.01), (1e8, 0.004), (1e10, 0.002))
    for gamma_p in (1.0, 100.0)
)
"""The higher the contrast, the sooner a hot start convects."""

SOLVERS = ("iterative:cold", "iterative:velocity=1e-6:cold", "iterative:bicgstab:cold")

IterationsStart = tuple[Grid, dict[str, StokesSolver]]


def main(
    measurement: Measurement = MEASUREMENT,
    names: Sequence[str] = SOLVERS,
    cases: Sequence[Case] = CASES,
) -> Row:
    """Solve all states of the cases, whose temperatures are taken, from rest.

    Returns
    -------
    dict
        ``results``: rows by grid, case and solver, see `IterationsRow`; and where it was measured.
    """
    repeats = measurement.repeats

    def prepare(grid: Grid) -> IterationsStart:
        return grid, {name: make_solver(name, grid) for name in names}

    def measure(start: IterationsStart) -> Row:
        grid, solvers = start
        return {"results": [row for case in cases for row in _rows(grid, case, solvers, repeats)]}

    return measurement.run("iterations", prepare, measure)


@dataclass(frozen=True, kw_only=True)
class IterationsRow(Record):
    """A solve with one solver on one grid, mean over the states of a case.

    `contrast` is the median over the states. Of what iterates: iterations of a solve, products with
    A in each, those before the first included, and errors against the direct solve.
    """

    grid: str
    gamma_T: float
    gamma_p: float
    contrast: float
    solver: str
    seconds: Spread
    iterations: Spread | None = optional()
    products_per_iteration: float | None = optional()
    velocity_error: Spread | None = optional()


def _rows(
    grid: Grid, case: Case, solvers: Mapping[str, StokesSolver], repeats: int
) -> Iterator[IterationsRow]:
    states = problems(grid, case)
    direct = DirectSolver(grid)
    expected = [direct.solve(problem) for problem in states]
    row = IterationsRow(
        grid=str(grid),
        gamma_T=case.gamma_T,
        gamma_p=case.gamma_p,
        contrast=median(
            float(eta.max() / eta.min()) for eta in (problem.viscosity() for problem in states)
        ),
        solver="direct",
        seconds=_seconds(direct, states, repeats),
    )
    yield row
    for name, solver in solvers.items():
        flows = [solver.solve(problem) for problem in states]
        iterations = sum(flow.report.iterations for flow in flows)
        yield replace(
            row,
            solver=name,
            seconds=_seconds(solver, states, repeats),
            iterations=Spread.of(flow.report.iterations for flow in flows),
            products_per_iteration=sum(flow.report.products or 0 for flow in flows) / iterations,
            velocity_error=Spread.of(map(relative_velocity_error, flows, expected)),
        )


def _seconds(solver: StokesSolver, states: Sequence[StokesProblem], repeats: int) -> Spread:
    """Seconds of one solve, all states having been solved before."""
    taken = []
    for _ in range(repeats):
        rest()
        seconds, _ = timed(lambda: [solver.solve(problem) for problem in states])
        taken.append(seconds / len(states))
    return Spread.of(taken)
