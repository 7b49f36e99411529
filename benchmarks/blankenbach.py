"""Steady convection in a unit box against Blankenbach et al. (1989), Geophys. J. Int. 98, 23-38.

Cases 1a, 1b (constant viscosity) and 2a (viscosity falling a thousandfold with temperature), all
walls free-slip. Nu is the heat flux through the top, Vrms the root mean square velocity.
"""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

from tellus.solver.direct import DirectSolver
from tellus.solver.energy import EnergyEquation, ThermalState
from tellus.solver.errors import InputError, RunFailedError
from tellus.solver.grid import Array, Grid
from tellus.solver.initial import conductive, mode_perturbation, regridded
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, vrms

COARSEST = 32
# Steps that a velocity is held for: a steady state is the same whatever the way to it.
HELD = 10
STEADY_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """What defines a case, and its published steady state."""

    rayleigh: float
    rheology: FrankKamenetskii
    nusselt: float
    vrms: float


CASES = {
    "1a": Case(1e4, FrankKamenetskii(gamma_T=1.0, gamma_p=1.0), 4.884409, 42.864947),
    "1b": Case(1e5, FrankKamenetskii(gamma_T=1.0, gamma_p=1.0), 10.534095, 193.21454),
    "2a": Case(1e4, FrankKamenetskii(gamma_T=1e3, gamma_p=1.0), 10.0660, 480.4334),
}


@dataclass(frozen=True)
class SteadyState:
    """Temperature, Nu and Vrms once they have stopped changing, and the steps that took."""

    temperature: Array
    nusselt: float
    vrms: float
    steps: int


def main(case: str = "1a", resolution: int = 64) -> dict[str, Any]:
    """Run `case` on resolution x resolution cells; published and measured Nu and Vrms.

    `deviation` is relative to the published value. `steps` counts those on the finest grid.
    """
    if case not in CASES:
        raise InputError(f"case must be one of {', '.join(CASES)}, not {case!r}.")
    start = perf_counter()
    measured = steady_state(CASES[case], resolution)
    published = {"nusselt_top": CASES[case].nusselt, "vrms": CASES[case].vrms}
    found = {"nusselt_top": measured.nusselt, "vrms": measured.vrms}
    results = [
        {
            "case": f"blankenbach-{case}",
            "quantity": quantity,
            "resolution": resolution,
            "published": value,
            "measured": found[quantity],
            "deviation": found[quantity] / value - 1.0,
        }
        for quantity, value in published.items()
    ]
    return {"results": results, "steps": measured.steps, "seconds": perf_counter() - start}


def steady_state(case: Case, resolution: int) -> SteadyState:
    """The steady state, started from that of a grid twice as coarse where there is one.

    The coarsest grid starts from conduction and a one-cell perturbation.
    """
    grid = Grid(resolution, resolution, aspect=1.0)
    if resolution < 2 * COARSEST or resolution % 2:
        return relaxed(case, grid, conductive(grid) + 0.1 * mode_perturbation(grid, mode=1))
    coarse = grid.coarsened(2)
    return relaxed(case, grid, regridded(steady_state(case, coarse.nx).temperature, coarse, grid))


def relaxed(case: Case, grid: Grid, temperature: Array, max_steps: int = 200_000) -> SteadyState:
    """Step until Nu and Vrms change by less than a thousandth per unit of time.

    Perturbations of cases 1a and 2a decay at rates of 20 to 30, so that less than a ten-thousandth
    of the way to the steady state is left then.
    """
    solver, energy = DirectSolver(grid), EnergyEquation(grid)
    state, seen = ThermalState(temperature), (float("inf"), float("inf"))
    for step in range(HELD, max_steps + 1, HELD):
        problem = StokesProblem(grid, state.temperature, case.rheology, case.rayleigh)
        flow = solver.solve(problem)
        dt = energy.stable_dt(flow, courant=0.5)
        for _ in range(HELD):
            state = energy.step(state, flow, dt)
        now = (state.heat_out, vrms(flow, grid))
        if all(abs(a - b) < STEADY_RATE * HELD * dt * a for a, b in zip(now, seen, strict=True)):
            return SteadyState(state.temperature, *now, step)
        seen = now
    raise RunFailedError(
        f"no steady state on {grid} in {max_steps} steps: raise max_steps, or look whether Nu "
        "and Vrms oscillate."
    )
