"""From a configuration to the parts that it describes."""

import os
from collections.abc import Callable
from typing import Any

from tellus.config import Config, DatasetConfig
from tellus.config.models import lost_layers
from tellus.config.paths import with_absolute_paths
from tellus.config.sections import InitialSection, ModelSection, RheologySection, TimeSection
from tellus.coupling.runs.estimate import check_memory
from tellus.coupling.simulation.stepping import Stepping
from tellus.coupling.starts.start import Start
from tellus.errors import InputError
from tellus.solver.boundaries import INSULATING, BoundaryConditions, Wall
from tellus.solver.closure import Closure
from tellus.solver.energy import ExtendedBoussinesq
from tellus.solver.grid import Grid
from tellus.solver.heating import ConstantHeating, DecayingHeating, Heating
from tellus.solver.picard import PicardSettings
from tellus.solver.rheology import (
    Arrhenius,
    Constant,
    FrankKamenetskii,
    Layered,
    Rheology,
    Viscoplastic,
)
from tellus.solver.stokes import StokesSolver, require_solver

from .solvers.names import make_solver, own_name


def simulation_arguments(
    config: Config, start: Start, solver: StokesSolver | None = None
) -> dict[str, Any]:
    """The arguments of `Simulation` that a configuration describes, from this start.

    `solver` replaces what the section `stokes` asks for.
    """
    grid, model, stokes = grid_of(config), config.model, config.stokes
    if solver is None:
        picard = PicardSettings(stokes.picard_tolerance, stokes.picard_limit)
        solver = make_solver(stokes.solver, grid, picard)
    dissipation, surface = model.dissipation_number, model.surface_temperature
    return {
        "grid": grid,
        "rheology": rheology_of(config),
        "solver": solver,
        "temperature": start.temperature,
        "rayleigh": model.rayleigh,
        "heating": heating_of(config, start.heating_age),
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
        "closure": closure_of(config),
    }


def grid_of(config: Config | DatasetConfig) -> Grid:
    """The staggered grid."""
    return Grid(config.grid.nx, config.grid.ny, config.grid.aspect)


def coarser(grid: Grid, factor: int) -> Grid:
    """The same box in cells that are longer by a whole number."""
    return Grid(grid.nx // factor, grid.ny // factor, grid.aspect)


def grid_of_data(config: DatasetConfig) -> Grid:
    """That on which a data set is kept."""
    grid = grid_of(config)
    return coarser(grid, config.windows.factor) if config.dataset.kind == "filtered" else grid


def closure_of(config: Config) -> Closure | None:
    """What adds to the heat through faces, if anything does."""
    if config.closure.kind == "none":
        return None
    # PyTorch, which few runs need.
    from tellus.surrogate.closure.model import LearnedClosure

    return LearnedClosure.load(config.closure.weights)


LAWS: dict[str, Callable[[Config], Rheology]] = {
    "constant": lambda config: Constant(),
    "frank-kamenetskii": lambda config: FrankKamenetskii(
        config.rheology.gamma_T,
        config.rheology.gamma_p,
        config.rheology.floor,
        config.rheology.ceiling,
    ),
    "arrhenius": lambda config: Arrhenius(
        config.rheology.activation_energy,
        config.rheology.activation_volume,
        config.model.surface_temperature,
        config.rheology.floor,
        config.rheology.ceiling,
    ),
}
"""By `rheology.kind`."""


def rheology_of(config: Config) -> Rheology:
    """The viscosity law, with its layers and its yielding."""
    section = config.rheology
    law = LAWS[section.kind](config)
    if section.layer_factors:
        law = Layered(law, section.layer_depths, section.layer_factors)
    if section.yield_stress is not None:
        law = Viscoplastic(law, section.yield_stress, section.eta_star)
    return law


def heating_of(config: Config, age: float = 0.0) -> Heating:
    """The internal heat source of a run, which has decayed for `age` when it starts."""
    model = config.model
    if not model.heating_fractions:
        return ConstantHeating(model.heating)
    return DecayingHeating(model.heating, model.heating_fractions, model.heating_decay, age)


def stepping_of(config: Config) -> Stepping:
    """The limits of the time step."""
    names = ("courant", "dt_max", "dt_initial", "dt_min", "growth", "bounds_tolerance")
    return Stepping(**{name: getattr(config.time, name) for name in names})


def boundaries_of(config: Config | DatasetConfig) -> BoundaryConditions:
    """What holds on the walls; those of a data set are the defaults."""
    if isinstance(config, DatasetConfig):
        return BoundaryConditions()

    def wall(name: str) -> Wall:
        section = config.boundaries
        velocity, thermal, value = (
            getattr(section, f"{name}_{part}") for part in ("velocity", "thermal", "value")
        )
        return Wall(velocity, thermal, 0.0 if thermal == INSULATING else value)

    return BoundaryConditions(**{name: wall(name) for name in ("bottom", "top", "left", "right")})


def simulation_of(
    config: DatasetConfig, gamma_T: float, gamma_p: float, heating: float, seed: int
) -> Config:
    """The run that one parameter set of a data set stands for."""
    return Config(
        grid=config.grid,
        model=ModelSection(rayleigh=config.model.rayleigh, heating=heating),
        rheology=RheologySection(gamma_T=gamma_T, gamma_p=gamma_p),
        initial=InitialSection(**config.initial.model_dump(), seed=seed),
        time=TimeSection(**config.time.model_dump(), max_steps=config.dataset.max_steps),
        energy=config.energy,
        stokes=config.stokes,
    )


def require_config(config: object) -> None:
    """Raise InputError for anything but a configuration of a run."""
    if not isinstance(config, Config):
        raise InputError(
            f"a run takes what tellus.load_config returns, not {type(config).__name__} "
            f"{config!r:.60}."
        )


def check_grid(config: Config, solver: StokesSolver | None = None) -> list[str]:
    """Raise InputError where the grid cannot fit in memory, before any of it is taken.

    Warnings where little is free, and of layers that the grid does not see. Of a solver handed in
    nothing is known but that it is there.
    """
    if solver is not None:
        require_solver("Simulation.from_config", solver)
    name = config.stokes.solver if solver is None else own_name(solver)
    return check_memory(grid_of(config), name) + lost_layers(config.grid, config.rheology)


def resolved(config: Config) -> Config:
    """The same configuration with paths that hold in any working directory.

    `load_config` has seen to that; this is for one that was put together in Python.
    """
    require_config(config)
    paths = {key: getattr(config.initial, key) for key in ("path", "weights")}
    moved = {key: os.path.abspath(path) for key, path in paths.items() if path}
    config = replaced(config, "initial", **moved)
    if config.closure.weights:
        config = replaced(config, "closure", weights=os.path.abspath(config.closure.weights))
    return replaced(config, "stokes", solver=with_absolute_paths(config.stokes.solver))


def replaced(config: Config, section: str, **values: Any) -> Config:
    """The same with other values; `model_fields_set` still says what somebody asked for."""
    before = getattr(config, section)
    values = {key: value for key, value in values.items() if value != getattr(before, key)}
    return config.model_copy(update={section: before.model_copy(update=values)})
