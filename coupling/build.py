"""Make the parts that a configuration describes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tellus.config import Config, DatasetConfig, load_config
from tellus.config.fields import paths
from tellus.config.models import lost_layers
from tellus.config.own_class import closure_settings
from tellus.config.paths import ABSOLUTE
from tellus.config.sections import InitialSection, ModelSection, RheologySection, TimeSection
from tellus.config.solver_spec import SolverSpec
from tellus.coupling.estimate import check_memory
from tellus.coupling.own import NOTHING, OwnParts, classes_of, made
from tellus.errors import InputError, extras
from tellus.solver.boundaries import INSULATING, BoundaryConditions, Wall
from tellus.solver.closure import Closure, Homogenised, require_closure
from tellus.solver.grid import Grid
from tellus.solver.heating import ConstantHeating, DecayingHeating, Heating, require_heating
from tellus.solver.rheology import (
    Arrhenius,
    Constant,
    FrankKamenetskii,
    Layered,
    Rheology,
    Viscoplastic,
    require_rheology,
)


def grid_of(config: Config | DatasetConfig) -> Grid:
    """The staggered grid."""
    return Grid(config.grid.nx, config.grid.ny, config.grid.aspect)


def coarser(grid: Grid, factor: int) -> Grid:
    """A grid over the same box with cells `factor` times longer."""
    return Grid(grid.nx // factor, grid.ny // factor, grid.aspect)


def grid_of_data(config: DatasetConfig) -> Grid:
    """The grid on which a data set is kept, coarser than that of its runs where it is filtered."""
    grid = grid_of(config)
    return coarser(grid, config.windows.factor) if config.dataset.kind == "filtered" else grid


@extras()
def closure_of(config: Config) -> Closure | None:
    """What puts back what cells are too coarse for, if anything does."""
    if config.closure.kind == "none":
        return None
    if config.closure.kind == "homogenised":
        return Homogenised()
    if config.closure.kind != "learned":
        closure: Closure = made(config.closure.kind, "closure.kind")
        require_closure(f"closure.kind: {config.closure.kind}", closure, config.energy.advection)
        return closure
    # PyTorch, which few runs need.
    from tellus.surrogate.closure.model import LearnedClosure

    return LearnedClosure.load(config.closure.weights)


def closure_named(name: str) -> Closure | None:
    """What --closure stands for; InputError where that is nothing."""
    return closure_of(load_config(None, [f"{k}={v}" for k, v in closure_settings(name).items()]))


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
"""What makes the viscosity law of a configuration, by `rheology.kind`."""


def _own_law(config: Config) -> Rheology:
    law: Rheology = made(config.rheology.kind, "rheology.kind")
    require_rheology(f"rheology.kind: {config.rheology.kind}", law)
    return law


def rheology_of(config: Config, own: Rheology | None = None) -> Rheology:
    """The viscosity law, or one's `own` in its place, with its layers and its yielding."""
    section = config.rheology
    law = own or LAWS.get(section.kind, _own_law)(config)
    if section.layer_factors:
        law = Layered(law, section.layer_depths, section.layer_factors)
    if section.yield_stress is not None:
        law = Viscoplastic(law, section.yield_stress, section.eta_star)
    return law


def heating_of(config: Config, age: float = 0.0) -> Heating:
    """The internal heat source of a run, which has decayed for `age` when it starts."""
    model = config.model
    if model.heating_law is not None:
        heating: Heating = made(model.heating_law, "model.heating_law")
        require_heating(f"model.heating_law: {model.heating_law}", heating)
        return heating
    if not model.heating_fractions:
        return ConstantHeating(model.heating)
    return DecayingHeating(model.heating, model.heating_fractions, model.heating_decay, age)


def boundaries_of(config: Config | DatasetConfig) -> BoundaryConditions:
    """The boundary conditions of a run; the defaults for a data set."""
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
    """The run that one parameter set of a data set stands for.

    Parameters
    ----------
    config : DatasetConfig
        Of the data set, for all else.
    gamma_T, gamma_p : float
        Viscosity contrasts due to temperature and to pressure, at least 1.
    heating : float
        The internal heat source H, constant.
    seed : int
        Of the perturbation of the initial state.
    """
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


def check_grid(config: Config, own: OwnParts = NOTHING) -> list[str]:
    """Raise InputError where the grid cannot fit in memory, before any of it is taken.

    Warnings where little is free, and of layers that the grid does not see. Of a solver handed in
    nothing is known but that it is there.
    """
    own.require("Simulation.from_config", config)
    name = named(config, own).stokes.solver
    return check_memory(grid_of(config), name) + lost_layers(config.grid, config.rheology)


def resolved(config: Config) -> Config:
    """A configuration whose paths hold in any working directory.

    `load_config` has seen to that; this is for one that was put together in Python.
    """
    require_config(config)
    for key, kind in paths(Config):
        section, _, name = key.partition(".")
        if value := getattr(getattr(config, section), name):
            config = replaced(config, section, **{name: ABSOLUTE[kind](value, "")})
    return config


def named(config: Config, own: OwnParts) -> Config:
    """A configuration with the names of parts handed in from Python in their places."""
    for key, name in own.names.items():
        section, _, leaf = key.partition(".")
        config = replaced(config, section, **{leaf: name})
    return config


def sources_of(config: Config) -> list[Path]:
    """The files and directories that a run reads."""
    weights = SolverSpec.parse(config.stokes.solver).weights
    given = (config.initial.path, config.initial.weights, config.closure.weights, weights)
    own = [each.file for each in classes_of(config).values()]
    return [Path(path) for path in (*given, *own) if path]


def replaced(config: Config, section: str, **values: Any) -> Config:
    """Replace values of a section; `model_fields_set` still says what somebody asked for."""
    before = getattr(config, section)
    values = {key: value for key, value in values.items() if value != getattr(before, key)}
    return config.model_copy(update={section: before.model_copy(update=values)})
