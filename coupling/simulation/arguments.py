"""The arguments of a simulation that a configuration describes."""

from typing import Any

from tellus.config import Config
from tellus.coupling.build import boundaries_of, closure_of, grid_of, heating_of, rheology_of
from tellus.coupling.own import NOTHING, OwnParts
from tellus.coupling.simulation.stepping import Stepping
from tellus.coupling.solvers.names import make_solver
from tellus.coupling.starts.start import Start
from tellus.solver.energy import ExtendedBoussinesq
from tellus.solver.picard import PicardSettings


def simulation_arguments(config: Config, start: Start, own: OwnParts = NOTHING) -> dict[str, Any]:
    """The arguments of `Simulation` that a configuration describes, from this start.

    What is one's `own` replaces what the configuration asks for.
    """
    grid, model, stokes = grid_of(config), config.model, config.stokes
    picard = PicardSettings(stokes.picard_tolerance, stokes.picard_limit)
    dissipation, surface = model.dissipation_number, model.surface_temperature
    return {
        "grid": grid,
        "rheology": rheology_of(config, own.rheology),
        "solver": own.solver or make_solver(stokes.solver, grid, picard),
        "temperature": start.temperature,
        "rayleigh": model.rayleigh,
        "heating": own.heating or heating_of(config, start.heating_age),
        "boundaries": boundaries_of(config),
        "scheme": config.time.scheme,
        "advection": config.energy.advection,
        "velocity": config.energy.velocity,
        "extended": ExtendedBoussinesq(dissipation, surface, model.rayleigh)
        if dissipation
        else None,
        "core_capacity": model.core_capacity,
        "core_temperature": start.core_temperature,
        "stepping": stepping_of(config),
        "closure": own.closure or closure_of(config),
    }


def stepping_of(config: Config) -> Stepping:
    """The limits of the time step."""
    names = ("courant", "dt_max", "dt_initial", "dt_min", "growth", "bounds_tolerance")
    return Stepping(**{name: getattr(config.time, name) for name in names})
