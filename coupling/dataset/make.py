"""Training data: many simulations, their snapshots, and exact stream functions as labels."""

import logging
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from tellus.config import DatasetConfig, dump, load_stored_config
from tellus.coupling.build import grid_of, grid_of_data
from tellus.coupling.cluster import Report, check_scheduler, run_all
from tellus.coupling.dataset.sampling import Member, members
from tellus.coupling.directory.files import CONFIG
from tellus.coupling.estimate import check_memory
from tellus.coupling.own import check_unchanged, recorded
from tellus.coupling.simulation.loop import Simulation, StepRecord
from tellus.coupling.solvers.names import memory_of
from tellus.errors import InputError, RunFailedError, SolverError
from tellus.io.json_file import write_json
from tellus.io.lock import sole_user
from tellus.io.places import refuse_occupied
from tellus.io.recognised import DATA, recognised
from tellus.io.whole_file import clear_partials, own_folder, write_atomically
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array
from tellus.solver.phase_timer import time_left
from tellus.solver.threads import limit
from tellus.surrogate.card import CARD

from .filtered import filtered, spin_up
from .sampling import Gathered, SampledState, StateSampler
from .store import CLASSES, kept_classes, store_of, write_card, write_simulation

log = logging.getLogger("tellus")


def make_dataset(
    config: DatasetConfig,
    out: Path,
    jobs: int = 1,
    scheduler: str | None = None,
    report: Report = print,
) -> None:
    """Run every simulation that is not there yet and write the card.

    Parameters
    ----------
    config : DatasetConfig
    out : Path
        Directory of the data set; one left by a killed call of the same configuration goes on.
    jobs, scheduler
        As of `run_all`.
    report : callable
        Takes one line of progress.
    """
    # Workers may have another working directory.
    out = out.absolute()
    _check_free(config, out)
    # Let the solver object before anything is written; what it warns of is logged.
    first = members(config)[0]
    Simulation.from_config(first.configured(config))
    if config.dataset.kind == "filtered":
        try:
            Simulation.from_config(spin_up(config, first), warn=lambda sentence: None)
        except InputError as refusal:
            solver = config.windows.spin_up_solver
            if solver is None:
                raise
            raise InputError(f'windows.spin_up_solver = "{solver}": {refusal}') from None
    check_scheduler(scheduler)
    if scheduler is None:
        _check_memory(config, jobs)
    with sole_user(out):
        _claim(config, out)
        todo = [m for m in members(config) if not store_of(out, m.name).exists()]
        report(f"{len(members(config)) - len(todo)} simulations there, {len(todo)} to run")
        started = perf_counter()
        lines = run_all(simulate, [(config, member, out) for member in todo], jobs, scheduler)
        for count, line in enumerate(lines, start=1):
            left = time_left(perf_counter() - started, count, len(todo))
            report(f"{count}/{len(todo)}: {line}; {left}")
        write_card(config, out)
    report(f"data set complete: {out}")


def simulate(config: DatasetConfig, member: Member, out: Path) -> str:
    """Run one simulation and write its snapshots; the directory appears only when complete."""
    start = perf_counter()
    with limit(1), threadpool_limits(limits=1):
        gather = filtered if config.dataset.kind == "filtered" else _labelled_snapshots
        found, ending = gather(config, member)
        seconds, grid = perf_counter() - start, grid_of_data(config)
        write_simulation(out, member, config.model.rayleigh, grid, found, seconds)
    return f"{member.name} ({member.split}) {ending}"


def _labelled_snapshots(config: DatasetConfig, member: Member) -> tuple[Gathered, str]:
    """Moments with the direct solution for each, and how the simulation ended."""
    # What there is to warn of was said of the first one, before any began.
    simulation = Simulation.from_config(member.configured(config), warn=lambda sentence: None)
    kept, ending = _run(simulation, member, config)
    moments, psi = _labelled(simulation, kept)
    if lost := len(kept) - len(moments):
        ending += f", {lost} more without a label"
    return Gathered(moments, psi), (
        f"{simulation.steps} steps to t = {simulation.time:.3g}, {len(moments)} snapshots, {ending}"
    )


def _run(
    simulation: Simulation, member: Member, config: DatasetConfig
) -> tuple[list[SampledState], str]:
    """The moments kept of a simulation, and how it ended; one that fails keeps what it had."""
    moments = StateSampler(config.dataset, member.seed)

    def keep(simulation: Simulation, record: StepRecord | None = None) -> None:
        if moments.wants(simulation.steps):
            moments.add(simulation.temperature, simulation.time, simulation.steps)

    keep(simulation)
    try:
        simulation.run(member.end, [keep], config.dataset.max_steps)
    except RunFailedError as error:
        return moments.kept(), f"stopped early: {error}"
    end = "end" if simulation.time >= member.end else "last step"
    return moments.kept(), f"reached its {end}"


def _labelled(
    simulation: Simulation, moments: list[SampledState]
) -> tuple[list[SampledState], list[Array]]:
    """The moments that have a label, and the labels: see `_label`."""
    solver, labels = DirectSolver(simulation.grid), dict[int, Array]()
    for k, moment in enumerate(moments):
        try:
            labels[k] = _label(simulation, moment, solver)
        except SolverError as error:
            failure = error
    if not labels:
        raise failure
    return [moments[k] for k in labels], list(labels.values())


def _label(simulation: Simulation, moment: SampledState, solver: DirectSolver) -> Array:
    """psi of the direct solution on the very float32 T that is stored."""
    temperature = moment.temperature.astype(np.float64)
    problem = replace(simulation.problem, temperature=temperature, time=moment.time)
    return solver.solve(problem).psi


def _check_free(config: DatasetConfig, out: Path) -> None:
    """Refuse a directory that is not empty and is not this configuration's."""
    stored = out / CONFIG
    begun = stored.exists() and recognised(out) in (DATA, None)
    refuse_occupied(out, begun, "holds no data set")
    # Read, not compared as text: a key that came later has its default in an old one.
    if begun and load_stored_config(DatasetConfig, stored) != config:
        raise InputError(
            f"{out} was begun with another configuration ({stored}): use that one, or choose "
            "another --out."
        )
    check_unchanged(kept_classes(out), members(config)[0].configured(config), "data set")


def _check_memory(config: DatasetConfig, jobs: int) -> None:
    """Warn of, or refuse, more memory than this machine has for all workers together."""
    jobs = min(jobs, len(members(config)))
    if jobs > 1:
        grid = grid_of(config)
        # Labels are direct solutions, whatever solver gets there.
        name = max((config.stokes.solver, "direct"), key=lambda name: memory_of(name, grid))
        for sentence in check_memory(grid, name, jobs):
            log.warning("%s", sentence)


def _claim(config: DatasetConfig, out: Path) -> None:
    """Make the directory this configuration's and clear what a killed call left half done."""
    _check_free(config, out)
    write_atomically(out / CONFIG, dump(config).encode())
    if not kept_classes(out) and (found := recorded(members(config)[0].configured(config))):
        write_json(out / CLASSES, found, end="")
    clear_partials(out, CONFIG, CARD)
    clear_partials(own_folder(out / "simulations"), "*")
