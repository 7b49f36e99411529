"""What coarser cells see of fine runs: rows of windows in time, of means, flows and heat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.config import DatasetConfig
from tellus.coupling.build import coarser, grid_of, replaced
from tellus.coupling.dataset.sampling import Member, SampledState
from tellus.coupling.simulation.loop import Simulation, StepRecord
from tellus.errors import RunFailedError
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.means import Fluxes
from tellus.solver.transport.regridding import coarse_means, regridded


@dataclass(frozen=True)
class Filtered:
    """Moments at the edges of windows with their psi, and what went on in the windows.

    `windows` holds, for every window, `first`, the number of the moment it begins with; `mean_psi`
    over its time, shape (ny+1, nx+1); the heat through each face over its time, `along_x`,
    shape (ny, nx+1), and `along_y`, (ny+1, nx), in units of temperature times length; and `heated`,
    what sources add to each cell meanwhile.
    """

    moments: list[SampledState] = field(default_factory=list)
    psi: list[Array] = field(default_factory=list)
    windows: list[Mapping[str, Any]] = field(default_factory=list)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The windows as arrays, one after the other along the first axis."""
        names = self.windows[0] if self.windows else ()
        return {name: np.stack([window[name] for window in self.windows]) for name in names}


class Window:
    """Adds up what a coarse grid sees of the steps of a fine run; an observer of these."""

    def __init__(self, simulation: Simulation, grid: Grid) -> None:
        self._factor = simulation.grid.nx // grid.nx
        self._grid = grid
        self._start = simulation.time
        self._last = simulation.time, self.psi(simulation)
        self._psi = np.zeros(grid.nodes)
        self._fluxes = Fluxes.zero(grid)
        self._heated = 0.0

    def psi(self, simulation: Simulation) -> Array:
        """Of the present flow, at the nodes of the coarse grid: exact means over its faces."""
        return simulation.flow().psi[:: self._factor, :: self._factor].copy()

    def __call__(self, simulation: Simulation, record: StepRecord) -> None:
        fluxes = simulation.state.fluxes
        assert fluxes is not None
        ny, nx, factor = self._grid.ny, self._grid.nx, self._factor
        x = fluxes.along_x[:, ::factor].reshape(ny, factor, nx + 1).mean(axis=1)
        y = fluxes.along_y[::factor].reshape(ny + 1, nx, factor).mean(axis=2)
        self._fluxes.add(record.dt, Fluxes(np.ascontiguousarray(x), np.ascontiguousarray(y)))
        self._heated += record.dt * simulation.state.source
        (time, before), after = self._last, self.psi(simulation)
        self._psi += 0.5 * (simulation.time - time) * (before + after)
        self._last = simulation.time, after

    def seen(self, first: int) -> dict[str, Any]:
        """What is kept of it, see `Filtered`."""
        time, _ = self._last
        single = {
            "mean_psi": self._psi / (time - self._start),
            "along_x": self._fluxes.along_x,
            "along_y": self._fluxes.along_y,
        }
        kept: dict[str, Any] = {name: part.astype(np.float32) for name, part in single.items()}
        return {"first": first, **kept, "heated": self._heated}


def filtered(config: DatasetConfig, member: Member) -> tuple[Filtered, str]:
    """The rows of one simulation, and how it ended; one that fails keeps what it had."""
    found, settings = Filtered(), config.windows
    run = member.configured(config)
    grid, grown = grid_of(run), coarser(grid_of(run), settings.grown_on)
    seen = coarser(grid, settings.factor)
    on_it = replaced(run, "grid", nx=grown.nx, ny=grown.ny)
    grower = Simulation.from_config(on_it, warn=lambda sentence: None)
    # What begins on the fine grid is developed: nothing but the flow limits its steps.
    run = replaced(run, "time", dt_initial=run.time.dt_max)
    for row in range(1, settings.rows + 1):
        try:
            left = config.dataset.max_steps - grower.steps
            # More of them early, while the flow changes fastest.
            grower.run(member.end * (row / settings.rows) ** 2, steps=left)
            temperature = regridded(grower.temperature, grown, grid, grower.boundaries)
            fine = Simulation.from_config(run, temperature=temperature, warn=lambda sentence: None)
            fine.time = grower.time
            fine.energy = replace(fine.energy, keep_fluxes=True)
            fine.run(steps=settings.settle)
            _add_row(found, fine, seen, config)
        except RunFailedError as error:
            return found, f"stopped early: {error}"
        if grower.steps >= config.dataset.max_steps:
            return found, "reached its last step"
    return found, "reached its end"


def _add_row(found: Filtered, fine: Simulation, grid: Grid, config: DatasetConfig) -> None:
    """The windows of one row and the moments between them; all of them, or none where it fails."""
    row = Filtered()

    def keep(even: bool) -> None:
        means = coarse_means(fine.temperature, grid).astype(np.float32)
        row.moments.append(SampledState(means, fine.time, fine.steps, even))

    for number in range(config.windows.count):
        window = Window(fine, grid)
        keep(even=number == 0)
        row.psi.append(window.psi(fine))
        fine.run(observers=[window], steps=config.windows.steps)
        row.windows.append(window.seen(len(found.moments) + number))
    keep(even=False)
    row.psi.append(Window(fine, grid).psi(fine))
    found.moments.extend(row.moments)
    found.psi.extend(row.psi)
    found.windows.extend(row.windows)
