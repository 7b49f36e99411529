"""What does a step of the energy equation cost, next to a direct Stokes solve?

Each step follows the solve that gave its velocity, as in a run: the caches are
as warm, or as cold, as they will be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product

from tellus.coupling.simulation.stepping import Stepping
from tellus.solver.direct import DirectSolver
from tellus.solver.energy import EXPLICIT, IMPLICIT, MP5, VAN_LEER, EnergyEquation, ThermalState
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.stokes import StokesProblem

from .fields import Case, problems
from .harness import Measurement
from .spread import Record, Row, Spread

MEASUREMENT = Measurement()


def main(measurement: Measurement = MEASUREMENT) -> Row:
    """Time the energy step of every scheme on every grid.

    Returns
    -------
    dict
        ``results``: a row per grid, advection and scheme, see `EnergyRow`; where it was measured.
    """
    case, repeats = measurement.case, measurement.repeats

    def measure(states: Sequence[StokesProblem]) -> Row:
        solver = DirectSolver(states[0].grid)
        return {
            "results": [
                _row(advection, scheme, solver, states, case, repeats)
                for advection, scheme in product((VAN_LEER, MP5), (EXPLICIT, IMPLICIT))
            ]
        }

    return measurement.run("energy", lambda grid: problems(grid, case), measure)


@dataclass(frozen=True, kw_only=True)
class EnergyRow(Record):
    """A step of one scheme on one grid; choosing dt; the direct solve before it, and over it."""

    advection: str
    scheme: str
    grid: str
    seconds: Spread
    stable_dt_seconds: Spread
    direct_seconds: Spread
    direct_over_energy: Spread


def _row(
    advection: str,
    scheme: str,
    solver: DirectSolver,
    states: Sequence[StokesProblem],
    case: Case,
    repeats: int,
) -> EnergyRow:
    grid, heating = states[0].grid, case.heating
    equation = EnergyEquation(grid, heating=heating, scheme=scheme, advection=advection)
    _sample(solver, equation, states[0])
    samples = [_sample(solver, equation, problem) for problem in islice(cycle(states), repeats)]
    return EnergyRow(
        advection=advection,
        scheme=scheme,
        grid=str(grid),
        seconds=Spread.of(s["step"] for s in samples),
        stable_dt_seconds=Spread.of(s["stable_dt"] for s in samples),
        direct_seconds=Spread.of(s["direct"] for s in samples),
        direct_over_energy=Spread.of(s["direct"] / s["step"] for s in samples),
    )


def _sample(
    solver: DirectSolver, equation: EnergyEquation, problem: StokesProblem
) -> dict[str, float]:
    state = ThermalState(problem.temperature)
    timer = PhaseTimer()
    flow = solver.solve(problem)
    timer.lap("direct")
    dt = min(equation.stable_dt(flow, Stepping.courant), Stepping.dt_max)
    timer.lap("stable_dt")
    equation.step(state, flow, dt)
    timer.lap("step")
    return timer.seconds
