"""Does a time-dependent run converge with the grid and with the time step?

A lid of contrast 1e5 over a fluid heated from below and within starts from conduction and one
smooth cosine, and is followed through its first overturn, before small differences can grow: no
noise, the same start on every grid. Errors are differences to the next finer grid or the next
shorter time step, so that their order needs no exact solution.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from tellus.config import load_config
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.stepping import Stepping
from tellus.errors import InputError, RunFailedError
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import vrms

from .rows import ErrorRow, error_rows

SETTINGS = (
    "grid.aspect=1.0",
    "model.rayleigh=300.0",
    "model.heating=3.0",
    "rheology.gamma_T=1e5",
    "rheology.gamma_p=10.0",
    "initial.kind=conductive",
    "initial.perturbation=mode",
    "initial.amplitude=0.1",
    "energy.advection=van-leer",
    "energy.velocity=held",
    "stokes.solver=direct",
)
END = 4e-3
STEPS_PER_CELL = 6.25
"""Equal steps to `END` over the cells a side: a Courant number below one throughout."""
FEWEST_CELLS = 32


def grid_convergence(resolutions: Sequence[int]) -> list[ErrorRow]:
    """Each grid against the next, which is twice as fine, at the same time steps.

    Raises
    ------
    InputError
        A resolution is not twice the one before.
    """
    if any(fine != 2 * coarse for coarse, fine in pairwise(resolutions)):
        raise InputError(
            "grid convergence needs resolutions of which each is twice the one before."
        )
    steps = fewest_steps(max(resolutions))
    states = {resolution: state(resolution, steps) for resolution in resolutions}
    errors = {}
    for coarse, fine in pairwise(resolutions):
        temperature, speed = states[fine]
        restricted = coarse_means(temperature, Grid(coarse, coarse, 1.0))
        errors[coarse] = _differences(states[coarse], (restricted, speed))
    return error_rows("grid-convergence", errors, steps=steps)


def time_step_convergence(resolution: int, halvings: int = 3) -> list[ErrorRow]:
    """Each number of steps against twice as many, on one grid."""
    counts = [fewest_steps(resolution) * 2**power for power in range(halvings + 1)]
    states = {count: state(resolution, count) for count in counts}
    errors = {few: _differences(states[few], states[many]) for few, many in pairwise(counts)}
    rows = error_rows("time-step-convergence", errors)
    return [replace(row, resolution=resolution, steps=row.resolution) for row in rows]


def fewest_steps(resolution: int) -> int:
    """Fewest steps that the Courant limit allows; on grids coarser than 32 cells those of 32."""
    return round(STEPS_PER_CELL * max(FEWEST_CELLS, resolution))


def state(resolution: int, steps: int) -> tuple[Array, float]:
    """Temperature and Vrms after `steps` equal steps to `END`."""
    size = (f"grid.nx={resolution}", f"grid.ny={resolution}", "time.scheme=implicit")
    simulation = Simulation.from_config(load_config(None, [*SETTINGS, *size]))
    dt = END / steps
    simulation.stepping = replace(Stepping(), courant=1.0, dt_max=dt, dt_initial=dt)
    for step in range(steps):
        simulation.run(END * (step + 1) / steps)
        if simulation.steps > step + 1:
            raise RunFailedError(
                f"a step of {dt:.3g} breaks the Courant limit on {resolution} cells a side: "
                "convergence is that of equal steps; take more of them."
            )
    return simulation.temperature, vrms(simulation.flow(), simulation.grid)


def _differences(one: tuple[Array, float], other: tuple[Array, float]) -> dict[str, float]:
    (temperature, speed), (true, true_speed) = one, other
    return {
        "temperature_error": float(np.linalg.norm(temperature - true) / np.linalg.norm(true)),
        "vrms_error": abs(speed / true_speed - 1.0),
    }
