"""What a data set holds on disk: a Zarr store per simulation, with statistics of it, and a card."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.config import DatasetConfig
from tellus.coupling.build import boundaries_of, grid_of_data
from tellus.coupling.dataset.sampling import Gathered, Member, members
from tellus.errors import InputError
from tellus.io.arrays import digest
from tellus.io.json_file import read_json, write_json
from tellus.io.stores import checked_compression, new_store, open_store, stored_array
from tellus.io.whole_file import folder_aside
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.surrogate.card import CARD
from tellus.version import __version__

CLASSES = "classes.json"
WINDOWS = {"first", "mean_psi", "along_x", "along_y", "heated"}
"""Arrays with a row for every window, where there are any."""


def store_of(out: Path, name: str) -> Path:
    """The Zarr store of one simulation."""
    return out / "simulations" / f"{name}.zarr"


def write_simulation(
    out: Path,
    member: Member,
    rayleigh: float,
    grid: Grid,
    found: Gathered,
    seconds: float,
) -> None:
    """Write the snapshots of one simulation; its store appears only when it is whole.

    A snapshot is a chunk, so that one at random is read without its neighbours.

    Parameters
    ----------
    out : Path
        Directory of the data set.
    member : Member
    rayleigh : float
    grid : Grid
        That on which the data set is kept.
    found : Gathered
    seconds : float
        What running and labelling it took, on one thread.
    """
    final = store_of(out, member.name)
    arrays = found.arrays()
    temperature = arrays["temperature"]
    attributes = asdict(member) | {"rayleigh": rayleigh, "seconds": seconds}
    attributes["temperature_sha256"] = digest(temperature)
    attributes["digests"] = {name: digest(values) for name, values in arrays.items()}
    law = FrankKamenetskii(member.gamma_T, member.gamma_p)
    attributes["statistics"] = measure(temperature, arrays["psi"], law, grid)
    with folder_aside(final) as partial:
        _write_store(partial, attributes, arrays, grid)
        # A worker that dask took for dead may have finished after all.
        if not final.exists():
            partial.rename(final)


def _write_store(
    store: Path, attributes: dict[str, Any], arrays: dict[str, NDArray[Any]], grid: Grid
) -> None:
    dims = {
        "temperature": ("y", "x"),
        "psi": ("y_node", "x_node"),
        "mean_psi": ("y_node", "x_node"),
        "along_x": ("y", "x_node"),
        "along_y": ("y_node", "x"),
    }
    group = new_store(store, attributes)
    for name, centres in {"y": grid.y_cells, "x": grid.x_cells}.items():
        group.create_array(name, data=centres, dimension_names=(name,), **checked_compression())
    for name, values in arrays.items():
        group.create_array(
            name,
            data=values,
            chunks=(1, *values.shape[1:]) if name in dims else values.shape,
            dimension_names=("window" if name in WINDOWS else "snapshot", *dims.get(name, ())),
            # A file for every chunk: what is lost is told from what is zero.
            config={"write_empty_chunks": True},
            **checked_compression(),
        )


def kept_classes(out: Path) -> dict[str, Any]:
    """What `tellus.coupling.own.recorded` said of classes of one's own when the data set began."""
    try:
        return read_json(out / CLASSES, f"remove {out}, and make the data set again")
    except FileNotFoundError:
        return {}


def write_card(config: DatasetConfig, out: Path) -> None:
    """card.json: grid, parameters, splits, statistics and a hash of all temperatures."""
    simulations, whole, grid = [], hashlib.sha256(), grid_of_data(config)
    for member in members(config):
        content, recorded = _recorded(store_of(out, member.name), member, grid)
        whole.update(content.encode())
        simulations.append(asdict(member) | {"rayleigh": config.model.rayleigh} | recorded)
    seconds = [entry["seconds"] for entry in simulations]
    card = {
        "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
        "boundaries": boundaries_of(config).velocity,
        "config": config.model_dump(mode="json"),
        "seed": config.dataset.seed,
        "classes": kept_classes(out),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "simulations": simulations,
        "statistics": {
            split: pool([entry["statistics"] for entry in simulations if entry["split"] == split])
            for split in dict.fromkeys(entry["split"] for entry in simulations)
        },
        "seconds": None if None in seconds else sum(seconds),
        "hash": whole.hexdigest(),
        "version": __version__,
    }
    write_json(out / CARD, card, end="")


def _recorded(store: Path, member: Member, grid: Grid) -> tuple[str, dict[str, Any]]:
    """Hash of the temperatures of one simulation; its seconds, snapshots, digests, statistics."""
    try:
        group = open_store(store)
        content, statistics = str(group.attrs["temperature_sha256"]), group.attrs.get("statistics")
        if not isinstance(statistics, dict):
            # A simulation of version 0.1 has none.
            parts = (stored_array(group, name) for name in ("temperature", "psi"))
            temperature, psi = map(np.asarray, parts)
            law = FrankKamenetskii(member.gamma_T, member.gamma_p)
            statistics = measure(temperature, psi, law, grid)
        recorded = {"seconds": group.attrs.get("seconds"), "snapshots": statistics["snapshots"]}
        if isinstance(digests := group.attrs.get("digests"), dict):
            recorded["digests"] = digests
        return content, recorded | {"statistics": statistics}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{store} is damaged ({error!r}): delete it, and the same command runs it again."
        ) from error


StatisticsJson = dict[str, Any]

FIELDS = ("temperature", "log10_viscosity", "u", "v")
LARGEST = ("largest_u", "largest_v")


def measure(
    temperature: NDArray[np.float32], psi: Array, law: FrankKamenetskii, grid: Grid
) -> StatisticsJson:
    """Statistics of the snapshots of one simulation: T (n, ny, nx) and psi (n, ny+1, nx+1).

    ``snapshots``, their number; for each of `FIELDS` its ``mean``, ``spread`` (standard
    deviation), ``min`` and ``max``; for each of `LARGEST` the smallest and the largest,
    over the snapshots, of the greatest speed along that axis.
    """
    eta = np.stack([law.viscosity(one.astype(np.float64), grid) for one in temperature])
    u, v = np.diff(psi, axis=1) / grid.hy, -np.diff(psi, axis=2) / grid.hx
    fields = (temperature.astype(np.float64), np.log10(eta), u, v)
    found: StatisticsJson = {"snapshots": len(psi)}
    for name, values in zip(FIELDS, fields, strict=True):
        found[name] = _spread(values.mean(), values.std(), values.min(), values.max())
    for name, values in zip(LARGEST, (u, v), strict=True):
        largest = np.abs(values).max(axis=(1, 2))
        found[name] = [float(largest.min()), float(largest.max())]
    return found


def _spread(*values: float) -> dict[str, float]:
    return dict(zip(("mean", "spread", "min", "max"), map(float, values), strict=True))


def pool(parts: Sequence[StatisticsJson]) -> StatisticsJson:
    """The statistics of several simulations together, every snapshot counting alike."""
    counts = np.array([part["snapshots"] for part in parts], dtype=np.float64)
    found: StatisticsJson = {"snapshots": int(counts.sum())}
    for name in FIELDS:
        means, spreads = (np.array([p[name][key] for p in parts]) for key in ("mean", "spread"))
        mean = float(np.average(means, weights=counts))
        variance = float(np.average(spreads**2 + (means - mean) ** 2, weights=counts))
        least, most = min(p[name]["min"] for p in parts), max(p[name]["max"] for p in parts)
        found[name] = _spread(mean, np.sqrt(variance), least, most)
    for name in LARGEST:
        found[name] = [min(p[name][0] for p in parts), max(p[name][1] for p in parts)]
    return found
