"""The configurations of a run and of a data set, made of sections."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import model_validator

from tellus.errors import InputError
from tellus.io.shown import facts_table
from tellus.solver.limits import FEWEST_CELLS

from .dataset import (
    DatasetInitialSection,
    DatasetModelSection,
    DatasetSection,
    WindowsSection,
)
from .fields import Section
from .in_force import in_force
from .own_class import CLASSICAL, is_handed_in
from .read import completed, read
from .sections import (
    MOST_OUTPUT_TIMES,
    MOST_OUTPUTS,
    BoundariesSection,
    ClosureSection,
    EnergySection,
    GridSection,
    InitialSection,
    ModelSection,
    OutputSection,
    PlanetSection,
    RheologySection,
    SteppingSection,
    StokesSection,
    TimeSection,
)

CHANGEABLE_ON_RESUME = ("time", "closure", "stokes", "output", "planet")

FORMERLY = {"energy": {"advection": "van-leer", "velocity": "held"}}
"""What keys meant that runs and data sets of versions without them could not write down."""

MOST_COURANT = {"van-leer": 1.0, "mp5": 1.25}
"""Largest stable Courant number of both directions together, by `energy.advection`."""

OnGrid = TypeVar("OnGrid", "Config", "DatasetConfig")


def _grid_holds_start(config: OnGrid) -> OnGrid:
    """Refuse a wave that is not read, or has half waves of a cell or less: aliased (ValueError)."""
    grid, initial = config.grid, config.initial
    if initial.kind == "file":
        return config
    if (
        initial.perturbation != "mode"
        and initial.mode != type(initial).model_fields["mode"].default
    ):
        raise ValueError(
            f'initial.mode = {initial.mode} is only read with initial.perturbation = "mode", and '
            f'here it is "{initial.perturbation}"'
        )
    if initial.perturbation == "mode" and initial.mode >= grid.nx:
        raise ValueError(
            f"initial.mode = {initial.mode} half waves need more cells than grid.nx = {grid.nx}: "
            f"take at most {grid.nx - 1}, or a finer grid"
        )
    return config


def _transport_is_stable(config: OnGrid) -> OnGrid:
    """Refuse a step for which the transport is unstable (ValueError)."""
    courant, most = config.time.courant, MOST_COURANT[config.energy.advection]
    if courant > most:
        raise ValueError(
            f"time.courant = {courant:g} is too much for energy.advection = "
            f'"{config.energy.advection}": take at most {most:g}'
        )
    return config


class Config(Section):
    """One run."""

    grid: GridSection = GridSection()
    model: ModelSection = ModelSection()
    boundaries: BoundariesSection = BoundariesSection()
    rheology: RheologySection = RheologySection()
    initial: InitialSection = InitialSection()
    time: TimeSection = TimeSection()
    energy: EnergySection = EnergySection()
    closure: ClosureSection = ClosureSection()
    stokes: StokesSection = StokesSection()
    output: OutputSection = OutputSection()
    planet: PlanetSection = PlanetSection()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.model.core_capacity is not None and self.boundaries.bottom_thermal != "temperature":
            raise ValueError(
                'model.core_capacity needs boundaries.bottom_thermal = "temperature": the core '
                "sets it"
            )
        if self.model.core_capacity is None and self.initial.core_temperature is not None:
            raise ValueError(
                "initial.core_temperature is that of a cooling core: it needs model.core_capacity"
            )
        if not self.model.heating_fractions and self.initial.heating_age is not None:
            raise ValueError(
                "initial.heating_age is that of decaying sources: it needs model.heating_fractions "
                "and model.heating_decay"
            )
        if self.rheology.kind == "arrhenius" and self.model.surface_temperature == 0:
            raise ValueError(
                'rheology.kind = "arrhenius" needs model.surface_temperature above zero'
            )
        return self

    @model_validator(mode="after")
    def _is_above_absolute_zero(self) -> Self:
        if self.rheology.kind != "arrhenius" and self.model.dissipation_number == 0:
            return self
        zero = 0.0 - self.model.surface_temperature
        given = {
            f"boundaries.{wall}_value": getattr(self.boundaries, f"{wall}_value")
            for wall in ("left", "right", "bottom", "top")
            if getattr(self.boundaries, f"{wall}_thermal") == "temperature"
        }
        given["initial.core_temperature"] = self.initial.core_temperature
        for key, value in given.items():
            if value is not None and value < zero:
                raise ValueError(
                    f"{key} = {value:g} lies below absolute zero, which is T = {zero:g} here, "
                    "minus model.surface_temperature: raise either"
                )
        return self

    @model_validator(mode="after")
    def _closure_has_means(self) -> Self:
        if self.closure.kind != "learned" and self.closure.weights is not None:
            raise ValueError(
                'closure.weights is only read with closure.kind = "learned", and here it is '
                f'"{self.closure.kind}"'
            )
        if self.closure.kind in CLASSICAL:
            return self
        if self.energy.advection != "mp5":
            raise ValueError(
                f'closure.kind = "{self.closure.kind}" adds to the fluxes of cell means: it needs '
                f'energy.advection = "mp5", not "{self.energy.advection}"'
            )
        return self

    def _repr_html_(self) -> str:
        """A table for notebooks of what is set, given or by default, and read."""
        return facts_table("Config", dict(in_force(self)))

    _grid_holds_it = model_validator(mode="after")(_grid_holds_start)
    _steps_are_stable = model_validator(mode="after")(_transport_is_stable)

    @model_validator(mode="after")
    def _outputs_are_countable(self) -> Self:
        outputs, end = self.time.end / self.output.every, self.time.end
        # With a limit of the steps the end need not be meant, but output times must be told apart.
        most = MOST_OUTPUTS if self.time.max_steps is None else MOST_OUTPUT_TIMES
        if outputs > most:
            raise ValueError(
                f"output.every = {self.output.every:g} would write {outputs:.3g} outputs until "
                f"time.end = {end:g}: take at least {end / most:.3g}"
            )
        return self


class DatasetConfig(Section):
    """Many runs that differ in heating, gamma_T, gamma_p and seed.

    `tellus.coupling.build.simulation_of` makes a run of it.
    """

    grid: GridSection = GridSection()
    model: DatasetModelSection = DatasetModelSection()
    initial: DatasetInitialSection = DatasetInitialSection()
    time: SteppingSection = SteppingSection()
    energy: EnergySection = EnergySection()
    stokes: StokesSection = StokesSection()
    dataset: DatasetSection = DatasetSection()
    windows: WindowsSection = WindowsSection()

    _grid_holds_it = model_validator(mode="after")(_grid_holds_start)
    _steps_are_stable = model_validator(mode="after")(_transport_is_stable)

    @model_validator(mode="after")
    def _grids_divide(self) -> Self:
        if self.dataset.kind != "filtered":
            return self
        for key in ("factor", "spin_up_factor"):
            factor = getattr(self.windows, key)
            if self.grid.nx % factor or self.grid.ny % factor:
                raise ValueError(
                    f"windows.{key} = {factor} must divide grid.nx = {self.grid.nx} and grid.ny = "
                    f"{self.grid.ny}"
                )
            nx, ny = self.grid.nx // factor, self.grid.ny // factor
            if min(nx, ny) < FEWEST_CELLS:
                raise ValueError(
                    f"windows.{key} = {factor} makes {nx}x{ny} cells of grid.nx and grid.ny, and a "
                    f"grid has at least {FEWEST_CELLS} each: take less, or a finer grid"
                )
        if self.energy.advection != "mp5":
            raise ValueError(
                'dataset.kind = "filtered" keeps heat through faces, of cell means: it needs '
                'energy.advection = "mp5"'
            )
        return self


def lost_layers(grid: GridSection, rheology: RheologySection) -> list[str]:
    """Warnings of viscosity layers in which no cell has its centre: they are not there."""
    edges = (0.0, *rheology.layer_depths, 1.0) if rheology.layer_depths else ()
    return [
        f"rheology.layer_depths: no cell of grid.ny = {grid.ny} has its centre between depths "
        f"{top:g} and {bottom:g}, so that layer is missing: choose other depths, or refine the grid"
        for top, bottom in pairwise(edges)
        if not any(top < (row + 0.5) / grid.ny <= bottom for row in range(grid.ny))
    ]


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


def load_stored_config(
    model: type[OnGrid], path: Path | str, overrides: Sequence[str] = ()
) -> OnGrid:
    """The configuration that a run or data set of this version or an earlier one has left behind.

    Keys that it lacks mean what they meant then; the rest as in `load_config`.
    """
    return read(model, path, overrides, FORMERLY)


def stored_config(model: type[OnGrid], tables: Mapping[str, Any]) -> OnGrid:
    """The configuration in a checkpoint or a card, by sections; pydantic's error if it is none.

    Keys that it lacks mean what they meant then, as in `load_stored_config`.
    """
    return model.model_validate(completed(dict(tables), FORMERLY))


def check_resumable(stored: Config, changed: Config) -> None:
    """Refuse to go on with a run under other physics than it began with (InputError)."""
    before, after = stored.model_dump(), changed.model_dump()
    for section, values in before.items():
        for key, value in values.items():
            fixed = section not in CHANGEABLE_ON_RESUME or key == "derived"
            if fixed and after[section][key] != value:
                again = isinstance(value, str) and is_handed_in(value)
                raise InputError(
                    f"a resumed run keeps its {section}.{key} = {value}; "
                    f"{'hand it in again, or' if again else 'to change it'} start a new run, with "
                    'initial.kind = "file" to begin where this one ended.'
                )
