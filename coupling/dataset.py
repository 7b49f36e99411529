"""Training data: many simulations, their snapshots, and exact stream functions as labels."""

import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from threadpoolctl import threadpool_limits

from tellus.solver.direct import DirectSolver
from tellus.solver.errors import InputError, RunFailedError
from tellus.solver.stokes import StokesProblem

from .checkpoint import write_atomically
from .lock import NAME as LOCK
from .lock import sole_user
from .simulation import Simulation

if TYPE_CHECKING:
    from tellus.config import DatasetConfig

log = logging.getLogger("tellus")

Report = Callable[[str], None]

SEEDS = 2**32


@dataclass(frozen=True)
class Member:
    """One simulation of a data set."""

    name: str
    split: str
    gamma_T: float
    gamma_p: float
    heating: float
    seed: int


def members(config: "DatasetConfig") -> list[Member]:
    """The simulations of a data set, splits included, fixed by its seed.

    Parameters come from one scrambled Sobol sequence over H, log10 gamma_T and
    log10 gamma_p; the corners of that box, if asked for, join the training split.
    """
    from scipy.stats import qmc

    settings = config.dataset
    low, high = np.transpose([settings.heating, settings.log10_gamma_T, settings.log10_gamma_p])
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    drawn_train = settings.train - (len(corners) if settings.corners else 0)
    drawn = drawn_train + settings.validation + settings.test
    sobol = qmc.Sobol(d=3, scramble=True, rng=np.random.default_rng(settings.seed))
    points = sobol.random_base2(max(drawn - 1, 1).bit_length())[:drawn]
    splits = ["test"] * settings.test + ["validation"] * settings.validation
    splits += ["train"] * settings.train
    if settings.corners:
        points = np.concatenate([points, corners])
    found = []
    for k, (point, split) in enumerate(zip(points, splits, strict=True)):
        heating, log_T, log_p = (low + (high - low) * point).tolist()
        seed = (settings.seed * 100_003 + k) % SEEDS
        found.append(Member(f"sim_{k:03d}", split, 10.0**log_T, 10.0**log_p, heating, seed))
    return found


def make_dataset(
    config: "DatasetConfig",
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
    jobs : int
        Worker processes of a local dask cluster, one thread each.
    scheduler : str, optional
        Address of a dask scheduler that runs already, instead of a local cluster; it must
        see the same file system.
    report : callable
        Takes one line of progress.
    """
    from distributed import as_completed

    # Workers may have another working directory.
    out = out.absolute()
    _check_free(config, out)
    _check_solver(config)
    with sole_user(out):
        _claim(config, out)
        todo = [m for m in members(config) if not _path(out, m).exists()]
        report(f"{len(members(config)) - len(todo)} simulations there, {len(todo)} to run")
        if todo:
            with _client(min(jobs, len(todo)), scheduler) as client:
                futures = [client.submit(simulate, config, m, out, pure=False) for m in todo]
                for count, future in enumerate(as_completed(futures), start=1):
                    report(f"{count}/{len(todo)}: {_result(future)}")
        _write_card(config, out)
    report(f"data set complete: {out}")


def simulate(config: "DatasetConfig", member: Member, out: Path) -> str:
    """Run one simulation and write its snapshots; the directory appears only when complete."""
    from tellus.config import simulation_of

    with threadpool_limits(limits=1):
        run = simulation_of(config, member.gamma_T, member.gamma_p, member.heating, member.seed)
        simulation = Simulation.from_config(run)
        label = DirectSolver(simulation.grid)
        kept: list[dict[str, Any]] = []
        ending = "reached its end"
        try:
            while True:
                if _wanted(config, simulation.steps):
                    kept.append(_snapshot(simulation, label, config))
                if simulation.time >= run.time.end or simulation.steps >= config.dataset.max_steps:
                    break
                simulation.step(run.time.end)
        except RunFailedError as error:
            if not kept:
                raise
            ending = f"stopped early: {error}"
        _write(out, member, simulation, kept)
    return (
        f"{member.name} ({member.split}) {simulation.steps} steps to t = {simulation.time:.3g}, "
        f"{len(kept)} snapshots, {ending}"
    )


def _result(future: Any) -> str:
    from distributed import KilledWorker

    try:
        return str(future.result())
    except KilledWorker as error:
        raise RunFailedError(
            "worker processes died again and again, most often for want of memory: use fewer "
            "--jobs; the same command goes on."
        ) from error


@contextmanager
def _client(jobs: int, scheduler: str | None) -> Iterator[Any]:
    """A dask client of the scheduler at this address, or of a local cluster that ends with it."""
    from distributed import Client, LocalCluster

    if scheduler is not None:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise InputError(f"--scheduler {scheduler} cannot be reached: {error}.") from error
        with client:
            yield client
        return
    local = LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=":0")
    with local as cluster, Client(cluster) as client:
        yield client


def _wanted(config: "DatasetConfig", step: int) -> bool:
    settings = config.dataset
    dense = step <= settings.dense_until and step % settings.dense_every == 0
    return dense or step % settings.snapshot_every == 0


def _snapshot(
    simulation: Simulation, label: DirectSolver, config: "DatasetConfig"
) -> dict[str, Any]:
    """T in float32 and the direct solution on that very T."""
    temperature = simulation.temperature.astype(np.float32)
    problem = StokesProblem(
        simulation.grid,
        temperature.astype(np.float64),
        simulation.rheology,
        simulation.rayleigh,
        simulation.boundaries,
        simulation.time,
    )
    return {
        "temperature": temperature,
        "psi": label.solve(problem).psi,
        "time": simulation.time,
        "step": simulation.steps,
        "even": simulation.steps % config.dataset.snapshot_every == 0,
    }


def _write(out: Path, member: Member, simulation: Simulation, kept: list[dict[str, Any]]) -> None:
    grid = simulation.grid
    final = _path(out, member)
    partial = final.with_suffix(f".partial-{os.getpid()}")
    dims = {"temperature": ("y", "x"), "psi": ("y_node", "x_node")}
    attributes = asdict(member) | {"rayleigh": simulation.rayleigh}
    group = zarr.create_group(partial, attributes=attributes)
    for name, values in {"y": grid.y_cells, "x": grid.x_cells}.items():
        group.create_array(name, data=values, dimension_names=(name,))
    for name in kept[0]:
        values = np.stack([np.asarray(row[name]) for row in kept])
        group.create_array(
            name,
            data=values,
            chunks=(1, *values.shape[1:]) if name in dims else values.shape,
            dimension_names=("snapshot", *dims.get(name, ())),
        )
    group.attrs["temperature_sha256"] = hashlib.sha256(
        b"".join(row["temperature"].tobytes() for row in kept)
    ).hexdigest()
    if final.exists():
        # A worker that dask took for dead had finished after all.
        shutil.rmtree(partial)
    else:
        partial.rename(final)


def _path(out: Path, member: Member) -> Path:
    return out / "simulations" / f"{member.name}.zarr"


def _check_free(config: "DatasetConfig", out: Path) -> None:
    """Refuse a directory that is not empty and is not this configuration's."""
    from tellus.config import dump

    stored = out / "config.toml"
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: choose another --out.")
    if stored.exists():
        if stored.read_bytes() != dump(config).encode():
            raise InputError(
                f"{out} was begun with another configuration ({stored}): use that one, or "
                "choose another --out."
            )
    elif out.exists() and {path.name for path in out.iterdir()} - {LOCK}:
        raise InputError(f"{out} is not empty and holds no data set: choose another --out.")


def _check_solver(config: "DatasetConfig") -> None:
    """Let the solver object before anything is written; what it warns of is logged."""
    from tellus.config import simulation_of

    first = members(config)[0]
    simulation = Simulation.from_config(
        simulation_of(config, first.gamma_T, first.gamma_p, first.heating, first.seed)
    )
    for warning in simulation.solver.check(simulation.problem):
        log.warning(warning)


def _claim(config: "DatasetConfig", out: Path) -> None:
    """Make the directory this configuration's and clear what a killed call left half done."""
    from tellus.config import dump

    _check_free(config, out)
    write_atomically(out / "config.toml", dump(config).encode())
    (out / "simulations").mkdir(exist_ok=True)
    for leftover in (out / "simulations").glob("*.partial-*"):
        shutil.rmtree(leftover)


def _write_card(config: "DatasetConfig", out: Path) -> None:
    """card.json: grid, parameters, splits and a hash of all temperatures."""
    from tellus import __version__
    from tellus.config import boundaries_of

    simulations, digest = [], hashlib.sha256()
    for member in members(config):
        content, snapshots = _recorded(_path(out, member))
        digest.update(content.encode())
        simulations.append(
            asdict(member) | {"rayleigh": config.model.rayleigh, "snapshots": snapshots}
        )
    card = {
        "grid": config.grid.model_dump(),
        "boundaries": boundaries_of(config).velocity,
        "config": config.model_dump(mode="json"),
        "seed": config.dataset.seed,
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "simulations": simulations,
        "hash": digest.hexdigest(),
        "version": __version__,
    }
    write_atomically(out / "card.json", json.dumps(card, indent=1).encode())


def _recorded(store: Path) -> tuple[str, int]:
    """Hash of the temperatures and number of snapshots of one simulation."""
    try:
        group = zarr.open_group(store, mode="r")
        times = group["time"]
        assert isinstance(times, zarr.Array)
        return str(group.attrs["temperature_sha256"]), int(times.shape[0])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{store} is damaged ({error!r}): delete it, and the same command runs it again."
        ) from error
