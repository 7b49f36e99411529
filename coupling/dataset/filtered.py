"""What coarser cells see of fine runs: sequences of windows in time, of means, flows and heat."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import numpy as np

from tellus.config import Config, DatasetConfig
from tellus.coupling.build import coarser, grid_of, grid_of_data, replaced
from tellus.coupling.dataset.sampling import Gathered, Member, SampledState, SeenWindow
from tellus.coupling.simulation.loop import Simulation, StepRecord
from tellus.errors import RunFailedError
from tellus.solver.coarse_means import coarse_face_means, coarse_means
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.means import Fluxes
from tellus.solver.transport.regridding import regridded

SEQUENCES_APART = 10**6
"""Steps between sequences, so that no moment of one is taken for a neighbour of another's."""


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
        """psi at the coarse grid's nodes, whose velocities are exact face means of the flow's."""
        return simulation.flow().psi[:: self._factor, :: self._factor].copy()

    def __call__(self, simulation: Simulation, record: StepRecord) -> None:
        fluxes = simulation.state.fluxes
        assert fluxes is not None
        x, y = coarse_face_means(fluxes.along_x, fluxes.along_y, self._grid)
        self._fluxes.add(record.dt, Fluxes(np.ascontiguousarray(x), np.ascontiguousarray(y)))
        self._heated += record.dt * simulation.state.source
        (time, before), after = self._last, self.psi(simulation)
        self._psi += 0.5 * (simulation.time - time) * (before + after)
        self._last = simulation.time, after

    def seen(self, first: int) -> SeenWindow:
        """The window in single precision; `first` is the number of its first moment."""
        mean_psi = self._psi / (self._last[0] - self._start)
        whole = (mean_psi, self._fluxes.along_x, self._fluxes.along_y)
        psi, along_x, along_y = (part.astype(np.float32) for part in whole)
        return SeenWindow(first, psi, along_x, along_y, self._heated)


def filtered(config: DatasetConfig, member: Member) -> tuple[Gathered, str]:
    """The sequences of one simulation, and how it ended; one that fails keeps what it had."""
    found, ending = Gathered(), "reached its end"
    try:
        for spun_up in _sequence_starts(config, member):
            fine = _settled(config, member, spun_up)
            _add_sequence(found, fine, grid_of_data(config), config)
            if spun_up.steps >= config.dataset.max_steps:
                ending = "reached its last step"
    except RunFailedError as error:
        if not found.moments:
            raise
        ending = f"stopped early: {error}"
    last = found.moments[-1]
    return found, f"{len(found.windows)} windows to t = {last.time:.3g}, {ending}"


def spin_up(config: DatasetConfig, member: Member) -> Config:
    """The run on the coarse grid that brings a simulation from sequence to sequence."""
    run = member.configured(config)
    windows = config.windows
    grid = coarser(grid_of(run), windows.spin_up_factor)
    if windows.spin_up_solver is not None:
        run = replaced(run, "stokes", solver=windows.spin_up_solver)
    return replaced(run, "grid", nx=grid.nx, ny=grid.ny)


def _sequence_starts(config: DatasetConfig, member: Member) -> Iterator[Simulation]:
    """The spin-up, where each sequence begins: spread over its time, or over its steps."""
    count, most = config.windows.sequences, config.dataset.max_steps
    simulation = Simulation.from_config(spin_up(config, member), warn=lambda sentence: None)
    for number in range(1, count + 1):
        left = ceil(most * number / count) - simulation.steps
        # More of them early, while the flow changes fastest.
        simulation.run(member.end * (number / count) ** 2, steps=left)
        yield simulation


def _settled(config: DatasetConfig, member: Member, spun_up: Simulation) -> Simulation:
    """The spun-up state carried to the fine grid, after the steps that it takes to settle."""
    # What begins here is developed: nothing but the flow limits its steps.
    run = member.configured(config)
    run = replaced(run, "time", dt_initial=run.time.dt_max)
    carried = regridded(spun_up.temperature, spun_up.grid, grid_of(run), spun_up.boundaries)
    fine = Simulation.from_config(run, temperature=carried, warn=lambda sentence: None)
    fine.time = spun_up.time
    fine.energy = replace(fine.energy, keep_fluxes=True)
    fine.run(steps=config.windows.settle)
    return fine


def _add_sequence(found: Gathered, fine: Simulation, grid: Grid, config: DatasetConfig) -> None:
    """The windows of one sequence and the moments between; all, or none where it fails."""
    own = Gathered()
    earlier = SEQUENCES_APART * len(found.windows) // config.windows.count

    def keep(even: bool) -> None:
        means = coarse_means(fine.temperature, grid).astype(np.float32)
        own.moments.append(SampledState(means, fine.time, earlier + fine.steps, even))

    for number in range(config.windows.count):
        window = Window(fine, grid)
        keep(even=number == 0)
        own.psi.append(window.psi(fine))
        fine.run(observers=[window], steps=config.windows.steps)
        own.windows.append(window.seen(len(found.moments) + number))
    keep(even=False)
    own.psi.append(Window(fine, grid).psi(fine))
    found.moments.extend(own.moments)
    found.psi.extend(own.psi)
    found.windows.extend(own.windows)
