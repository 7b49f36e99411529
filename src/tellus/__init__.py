"""Tellus: two-dimensional mantle convection whose momentum solve can be swapped, step by step.

Names are imported when they are first used, so that `import tellus` needs
neither PyTorch nor Numba nor pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tellus.config import Config, load_config
    from tellus.coupling.runs.result import RunResult
    from tellus.coupling.runs.run import open_run
    from tellus.coupling.runs.run import run_directory as run
    from tellus.coupling.simulation.loop import Simulation
    from tellus.coupling.solvers.names import make_solver
    from tellus.errors import (
        InputError,
        InterruptedRunError,
        RunFailedError,
        SolverError,
        TellusError,
    )
    from tellus.solver.grid import Grid
    from tellus.solver.rheology import FrankKamenetskii
    from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver
    from tellus.surrogate.two_level.model import Surrogate
    from tellus.version import __version__

_HOMES = {
    "Config": "tellus.config",
    "Flow": "tellus.solver.stokes",
    "FrankKamenetskii": "tellus.solver.rheology",
    "Grid": "tellus.solver.grid",
    "InputError": "tellus.errors",
    "InterruptedRunError": "tellus.errors",
    "RunFailedError": "tellus.errors",
    "RunResult": "tellus.coupling.runs.result",
    "Simulation": "tellus.coupling.simulation.loop",
    "SolverError": "tellus.errors",
    "StokesProblem": "tellus.solver.stokes",
    "StokesReport": "tellus.solver.stokes",
    "StokesSolver": "tellus.solver.stokes",
    "Surrogate": "tellus.surrogate.two_level.model",
    "TellusError": "tellus.errors",
    "__version__": "tellus.version",
    "load_config": "tellus.config",
    "make_solver": "tellus.coupling.solvers.names",
    "open_run": "tellus.coupling.runs.run",
    "run": "tellus.coupling.runs.run:run_directory",
}

__all__ = [
    "Config",
    "Flow",
    "FrankKamenetskii",
    "Grid",
    "InputError",
    "InterruptedRunError",
    "RunFailedError",
    "RunResult",
    "Simulation",
    "SolverError",
    "StokesProblem",
    "StokesReport",
    "StokesSolver",
    "Surrogate",
    "TellusError",
    "__version__",
    "load_config",
    "make_solver",
    "open_run",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tellus.errors import extras

    module, _, attribute = _HOMES[name].partition(":")
    with extras():
        return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
