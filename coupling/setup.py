"""From a configuration to the parts of a simulation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellus.solver import initial
from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import StokesSolver

from .fields import open_fields
from .solvers import make_solver
from .stepping import Stepping

if TYPE_CHECKING:
    from tellus.config import Config


def simulation_arguments(config: "Config", solver: StokesSolver | None = None) -> dict[str, Any]:
    """The arguments of `Simulation` that a configuration describes."""
    from tellus.config import boundaries_of, grid_of, rheology_of

    grid = grid_of(config)
    return {
        "grid": grid,
        "rheology": rheology_of(config),
        "solver": make_solver(config.stokes.solver, grid) if solver is None else solver,
        "temperature": initial_temperature(config, grid),
        "rayleigh": config.model.rayleigh,
        "heating": config.model.heating,
        "boundaries": boundaries_of(config),
        "stepping": Stepping(
            courant=config.time.courant,
            dt_max=config.time.dt_max,
            dt_initial=config.time.dt_initial,
            dt_min=config.time.dt_min,
            growth=config.time.growth,
            bounds_tolerance=config.time.bounds_tolerance,
        ),
    }


def initial_temperature(config: "Config", grid: Grid) -> Array:
    """The initial state of a configuration, perturbation included, shape (ny, nx)."""
    settings = config.initial
    if settings.kind == "file":
        return temperature_of_run(Path(str(settings.path)), settings.time, grid)
    profile = {"hot": initial.hot, "linear": initial.linear, "conductive": initial.conductive}
    if settings.perturbation == "mode":
        perturbation = initial.mode_perturbation(grid, settings.mode)
    else:
        perturbation = initial.random_perturbation(grid, settings.seed)
    return profile[settings.kind](grid) + settings.amplitude * perturbation


def temperature_of_run(path: Path, time: float | None, grid: Grid) -> Array:
    """T of another run at the output nearest to `time` (its last one by default), regridded."""
    with open_fields(path) as fields:
        if fields.sizes["time"] == 0:
            raise InputError(f"initial.path: {path} holds no output yet; let that run go on first.")
        chosen = fields.isel(time=-1) if time is None else fields.sel(time=time, method="nearest")
        source = Grid(fields.sizes["x"], fields.sizes["y"], float(fields["x_node"][-1]))
        if abs(source.aspect - grid.aspect) > 1e-9 * grid.aspect:
            raise InputError(
                f"initial.path: {path} has aspect {source.aspect:g}, this run {grid.aspect:g}: "
                "set grid.aspect to match, or start from another run."
            )
        return initial.regridded(chosen["temperature"].values, source, grid)
