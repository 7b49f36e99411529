"""What does a whole time step cost with every solver?

A sample is the mean over a block of steps, as long as the cycle of a solver that
skips some: all its direct solves are counted, at their share. Where a solver decides by
itself when to pay for more, as one with an old factor does, all blocks are averaged.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import lcm
from pathlib import Path
from statistics import fmean, median

from tellus.coupling.build import closure_named
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.solvers.names import make_solver
from tellus.solver.closure import Closure
from tellus.solver.energy import MP5, VAN_LEER
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem, StokesSolver

from .fields import Case, problems
from .harness import Measurement, in_turn, timed
from .selection import SINGLE_SOLVES, Selection, chosen, select
from .spread import Record, Row, Spread, by_phase

Average = Callable[[Sequence[float]], float]
StepStart = tuple[StokesProblem, Selection]
DEFAULT = ("direct", "skip:10", "surrogate")
EVERYTHING = (*SINGLE_SOLVES, "skip:10", "skip:10:linear")


MEASUREMENT = Measurement(repeats=5)


def main(
    measurement: Measurement = MEASUREMENT,
    solvers: Sequence[str] | None = None,
    closure: str | None = None,
) -> Row:
    """Time steps of a simulation: Stokes, energy and diagnostics, without output.

    All solvers start from the same state and go their own ways from there.

    Repeats are blocks of steps; `skip:N` is welcome among the solvers. With a closure, transport
    is of high order, and each solver is timed without one and with it.

    Returns
    -------
    dict
        ``results``: a row per grid and solver, see `StepRow`; and where it was measured.
    """
    case, repeats = measurement.case, measurement.repeats
    names, required = chosen(solvers, DEFAULT, EVERYTHING)
    ways = {"": Way()}
    if closure is not None:
        ways = {", mp5": Way(MP5), f", mp5, {Path(closure).name}": Way(MP5, closure_named(closure))}

    def prepare(grid: Grid) -> StepStart:
        state = problems(grid, case)[-1]
        return state, select(names, state, required)

    def measure(start: StepStart) -> Row:
        state, selected = start
        left_out = {str(state.grid): selected.left_out} if selected.left_out else {}
        return {"results": _rows(selected, state, case, ways, repeats), "left_out": left_out}

    return measurement.run("step", prepare, measure)


@dataclass(frozen=True)
class Way:
    """What carries T beside the solver's velocity."""

    advection: str = VAN_LEER
    closure: Closure | None = None


@dataclass(frozen=True, kw_only=True)
class StepRow(Record):
    """A time step of one solver on one grid: mean seconds, over blocks of `steps`.

    `phases` are Stokes, energy and what else there is; `warnings` what the solver says of such
    problems.
    """

    grid: str
    solver: str
    steps: int
    seconds: Spread
    steps_per_second: float
    phases: dict[str, float]
    stokes_phases: dict[str, float]
    warnings: list[str]


@dataclass(frozen=True)
class Block:
    """Mean seconds of a step in a block of them: all, of Stokes by phase, of the energy."""

    seconds: float
    stokes: dict[str, float]
    energy: float

    @property
    def phases(self) -> dict[str, float]:
        """Mean seconds of a step by what they went to."""
        stokes = sum(self.stokes.values())
        other = self.seconds - sum((stokes, self.energy))
        return {"stokes": stokes, "energy": self.energy, "other": other}


def _rows(
    selected: Selection, state: StokesProblem, case: Case, ways: Mapping[str, Way], repeats: int
) -> list[StepRow]:
    steps = steps_per_block(selected.solvers.values())
    grid, runs = state.grid, dict[tuple[str, str], Simulation]()
    for (name, solver), (told, way) in product(selected.solvers.items(), ways.items()):
        own = make_solver(name, grid) if len(ways) > 1 else solver  # Each with its own memory.
        runs[name, told] = case.simulation(
            grid, state.temperature, state.time, own, way.advection, way.closure
        )
    for run in runs.values():
        run.warm_up()
    # Without a rest: what a solver's threads do to the energy step after it is part of its cost.
    samplers = {key: partial(_block, run, steps) for key, run in runs.items()}
    blocks = in_turn(samplers, repeats, rested=False)
    rows = []
    for (name, told), taken in blocks.items():
        # The median, unless only some blocks have the factorisation that all of them live on.
        average: Average = fmean if selected.solvers[name].cycle is None else median
        seconds = [block.seconds for block in taken]
        spread = Spread(average(seconds), min(seconds), max(seconds))
        rows.append(
            StepRow(
                grid=str(state.grid),
                solver=f"{name}{told}",
                steps=steps,
                seconds=spread,
                steps_per_second=1.0 / spread.median,
                phases=by_phase((block.phases for block in taken), average),
                stokes_phases=by_phase((block.stokes for block in taken), average),
                warnings=selected.warnings[name],
            )
        )
    return rows


FEWEST_STEPS = 10


def steps_per_block(solvers: Iterable[StokesSolver]) -> int:
    """Steps of a block: whole cycles of all solvers, `FEWEST_STEPS` or more."""
    cycle = lcm(*(solver.cycle or 1 for solver in solvers))
    return cycle * -(-FEWEST_STEPS // cycle)


def _block(run: Simulation, steps: int, number: int) -> Block:
    """The steps of a block, whatever its number."""
    stokes_before, energy_before = dict(run.statistics.stokes), run.statistics.energy
    seconds, _ = timed(lambda: run.run(steps=steps))
    stokes = {
        phase: (total - stokes_before.get(phase, 0.0)) / steps
        for phase, total in run.statistics.stokes.items()
    }
    return Block(seconds / steps, stokes, (run.statistics.energy - energy_before) / steps)
