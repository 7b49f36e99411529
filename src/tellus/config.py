"""Configurations: what a run, a data set and a training need to know, checked before anything runs.

The sections are in `config_sections`, `config_dataset` and `config_training`;
reading and the sentences about bad input in `config_read`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import model_validator

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.surrogate.settings import (
    FeatureSettings,
    LossSettings,
    NetworkSettings,
    TrainingSettings,
)

from .config_dataset import DatasetInitialSection, DatasetModelSection, DatasetSection
from .config_fields import Section
from .config_read import dump, read
from .config_sections import (
    MOST_OUTPUTS,
    GridSection,
    InitialSection,
    ModelSection,
    OutputSection,
    RheologySection,
    SteppingSection,
    StokesSection,
    TimeSection,
)
from .config_training import (
    BaseSection,
    FeaturesSection,
    LossSection,
    NetworkSection,
    TrainingSection,
)

__all__ = [
    "Config",
    "DatasetConfig",
    "TrainingConfig",
    "boundaries_of",
    "check_resumable",
    "dump",
    "grid_of",
    "load_config",
    "load_dataset_config",
    "load_training_config",
    "rheology_of",
    "settings_of",
    "simulation_of",
]

CHANGEABLE_ON_RESUME = ("time", "stokes", "output")


class Config(Section):
    """One run."""

    grid: GridSection = GridSection()
    model: ModelSection = ModelSection()
    rheology: RheologySection = RheologySection()
    initial: InitialSection = InitialSection()
    time: TimeSection = TimeSection()
    stokes: StokesSection = StokesSection()
    output: OutputSection = OutputSection()

    @model_validator(mode="after")
    def _outputs_are_countable(self) -> Self:
        outputs = self.time.end / self.output.every
        if self.time.max_steps is None and outputs > MOST_OUTPUTS:
            raise ValueError(
                f"output.every = {self.output.every:g} would write {outputs:.3g} outputs until "
                f"time.end = {self.time.end:g}: take at least {self.time.end / MOST_OUTPUTS:.3g}"
            )
        return self


class DatasetConfig(Section):
    """Many runs that differ in heating, gamma_T, gamma_p and seed; see `simulation_of`."""

    grid: GridSection = GridSection()
    model: DatasetModelSection = DatasetModelSection()
    initial: DatasetInitialSection = DatasetInitialSection()
    time: SteppingSection = SteppingSection()
    stokes: StokesSection = StokesSection()
    dataset: DatasetSection = DatasetSection()


class TrainingConfig(Section):
    """One training; `settings_of` makes the record that `tellus.surrogate` takes."""

    base: BaseSection = BaseSection()
    features: FeaturesSection = FeaturesSection()
    network: NetworkSection = NetworkSection()
    loss: LossSection = LossSection()
    training: TrainingSection = TrainingSection()


def load_config(path: Path | str | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read a run's configuration.

    Parameters
    ----------
    path : path, optional
        A TOML file; what it leaves out has its default. None: all defaults.
    overrides : sequence of str
        ``section.key=value``, each written over the file. The value is TOML, or
        a bare string; ``none`` goes back to the default.

    Raises
    ------
    InputError
        One sentence with the file, the key, the value and what is allowed.
    """
    return read(Config, path, overrides)


def load_dataset_config(
    path: Path | str | None = None, overrides: Sequence[str] = ()
) -> DatasetConfig:
    """Read a data set's configuration; arguments and errors as in `load_config`."""
    return read(DatasetConfig, path, overrides)


def load_training_config(
    path: Path | str | None = None, overrides: Sequence[str] = ()
) -> TrainingConfig:
    """Read a training configuration; arguments and errors as in `load_config`."""
    return read(TrainingConfig, path, overrides)


def check_resumable(stored: Config, changed: Config) -> None:
    """Refuse to go on with a run under other physics than it began with (InputError)."""
    before, after = stored.model_dump(), changed.model_dump()
    for section, values in before.items():
        for key, value in values.items():
            if section not in CHANGEABLE_ON_RESUME and after[section][key] != value:
                raise InputError(
                    f"a resumed run keeps its {section}.{key} = {value}; to change it start a "
                    'new run, with initial.kind = "file" to begin where this one ended.'
                )


def grid_of(config: Config | DatasetConfig) -> Grid:
    """The staggered grid."""
    return Grid(config.grid.nx, config.grid.ny, config.grid.aspect)


def rheology_of(config: Config) -> FrankKamenetskii:
    """The viscosity law."""
    law = config.rheology
    return FrankKamenetskii(law.gamma_T, law.gamma_p, law.floor, law.ceiling)


def boundaries_of(config: Config | DatasetConfig) -> BoundaryConditions:
    """What holds on the walls: free slip, T = 1 at the bottom and 0 at the top."""
    return BoundaryConditions()


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
        stokes=config.stokes,
    )


def settings_of(config: TrainingConfig) -> TrainingSettings:
    """The record that training takes; every field of it is set from the configuration."""
    return TrainingSettings(
        base=config.base.solver,
        features=FeatureSettings(**config.features.model_dump()),
        network=NetworkSettings(**config.network.model_dump()),
        loss=LossSettings(**config.loss.model_dump()),
        **config.training.model_dump(),
    )
