"""A data set packed for transport as temperatures alone, whose labels are solved for anew.

psi is four fifths of a data set, and the momentum equation gives it back. T travels in half
precision, compressed, and on a grid of half the size if asked for. At the other end every
label is solved for on the very T that arrived, many at a time, by PyTorch: a GPU machine needs
nothing else but NumPy, neither Zarr nor the C++ extension.
"""

import json
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from tellus.errors import InputError, SolverError
from tellus.io.arrays import Arrays, Expected, digest, evenly_spaced, npz_bytes, read_npz
from tellus.io.json_file import parse_json, small_file, write_json
from tellus.io.places import refuse_occupied
from tellus.io.recognised import ARCHIVE, unexpected
from tellus.io.shown import plain_names
from tellus.io.whole_file import own_folder, write_atomically, written_aside
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Grid
from tellus.solver.iterative.batch import IterativeSettings, solve_batch
from tellus.solver.iterative.krylov import Stopping
from tellus.solver.phase_timer import time_left
from tellus.solver.rheology import FrankKamenetskii

from .card import CARD, NO_CARD, card_grid, check_card
from .data import SIMULATIONS, Dataset, expect_part
from .training.parallel import usable

FORMAT = 1
OWNER = "travel.json"
NOT_OURS = "holds nothing of this file"

CLOCK = ("time", "step", "even")
BATCH_CELLS = 2**21
"""Cells of all problems solved together: 32 of 512x128."""

CardContent = dict[str, Any]


def pack(data: Path, out: Path, half_size: bool = False, snapshots: int | None = None) -> Path:
    """Write the temperatures of a data set as one file.

    Parameters
    ----------
    data : Path
        A directory that `tellus dataset` wrote.
    out : Path
        The file, such as set.npz.
    half_size : bool
        Average T over 2x2 cells.
    snapshots : int, optional
        Most snapshots of a simulation, evenly chosen [default: all].

    Raises
    ------
    InputError
        No such data set, a damaged one, or a grid that cannot be halved.
    """
    dataset = Dataset.open(data)
    grid = dataset.grid.coarsened(2) if half_size else dataset.grid
    if out.is_dir():
        raise InputError(f"{out} is a directory: name the file to write, such as set.npz.")
    out.parent.mkdir(parents=True, exist_ok=True)
    # Begun before anything is read, which may take long.
    with written_aside(out) as stream:
        card, content = _content(dataset, grid, half_size, snapshots)
        np.savez_compressed(stream, allow_pickle=False, card=np.array(json.dumps(card)), **content)
    return out


def _content(
    dataset: Dataset, grid: Grid, half_size: bool, snapshots: int | None
) -> tuple[CardContent, Arrays]:
    """Card and arrays of the file, on the grid that they are packed on."""
    content: Arrays = {}
    simulations = []
    for entry in dataset.card["simulations"]:
        arrays = dataset.arrays(entry["name"], "temperature", *CLOCK)
        count = len(arrays["time"])
        chosen = evenly_spaced(count, count if snapshots is None else snapshots)
        arrays = {name: values[chosen] for name, values in arrays.items()}
        means = (coarse_means(T.astype(np.float64), grid) for T in arrays["temperature"])
        single = np.array([each.astype(np.float32) for each in means])
        arrays["temperature"] = single.astype(np.float16)
        content |= {f"{entry['name']}/{name}": values for name, values in arrays.items()}
        kept = {key: value for key, value in entry.items() if key not in ("statistics", "digests")}
        simulations.append(kept | {"snapshots": len(chosen)})
    card = {key: value for key, value in dataset.card.items() if key != "statistics"} | {
        "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
        "simulations": simulations,
        "hash": _hash(simulations, content),
        "travel": {"format": FORMAT, "from": dataset.card["hash"], "half_size": half_size},
    }
    return card, content


def _hash(simulations: Sequence[CardContent], content: Arrays) -> str:
    """The digest of all packed temperatures."""
    return digest(*(content[f"{entry['name']}/temperature"] for entry in simulations))


def unpack(
    file: Path,
    out: Path,
    device: str = "cpu",
    tolerance: float = 1e-8,
    report: Callable[[str], None] = print,
) -> None:
    """Make a data set of a file that `pack` wrote, solving for every label.

    Parameters
    ----------
    file : Path
    out : Path
        Directory of the data set; what a killed call left there goes on.
    device : str
        "cpu" or "cuda".
    tolerance : float
        The last change of the velocity over the velocity, see `Stopping`.
    report : callable
        Takes one line of progress.

    Raises
    ------
    InputError
        A file that is damaged or something else, an occupied directory, or no such device.
    SolverError
        A simulation none of whose labels could be solved.
    """
    usable(device)
    stopping = Stopping(residual=None, velocity=tolerance)
    settings = IterativeSettings(stopping, device=device)
    card, content, grid = _read(file)
    settings.check(grid)
    _claim(out, card, tolerance)
    simulations, started, fresh = [], perf_counter(), 0
    made = Dataset(out, card, grid)
    for count, entry in enumerate(card["simulations"], start=1):
        stored = out / SIMULATIONS / f"{entry['name']}.npz"
        if not stored.exists():
            arrays = {key: content[f"{entry['name']}/{key}"] for key in ("temperature", *CLOCK)}
            write_atomically(stored, _labelled(entry, grid, arrays, settings))
            fresh, wanted = fresh + 1, len(card["simulations"])
            left = time_left(perf_counter() - started, fresh, fresh + wanted - count)
            report(f"{count}/{wanted}: {entry['name']}; {left}")
        arrays = made.arrays(entry["name"], "temperature", "psi", *CLOCK)
        digests = {part: digest(values) for part, values in arrays.items()}
        simulations.append(entry | {"snapshots": len(arrays["time"]), "digests": digests})
    labels = {"solver": "iterative", "velocity": tolerance, "device": device}
    finished = card | {"simulations": simulations, "labels": labels}
    write_json(out / CARD, finished, end="")
    report(f"data set complete: {out}")


def _read(file: Path) -> tuple[CardContent, Arrays, Grid]:
    if not file.is_file():
        raise unexpected(file, ARCHIVE)
    try:
        card = parse_json(str(read_npz(file, {"card": Expected((), "U")})["card"]))
        if card["travel"]["format"] != FORMAT:
            raise ValueError(f"its format is {card['travel']['format']}, not {FORMAT}")
        check_card("travel", card)
        grid = card_grid(card)
        expected = {
            f"{entry['name']}/{part}": expect_part(part, grid, entry["snapshots"])
            for entry in card["simulations"]
            for part in ("temperature", *CLOCK)
        }
        content = read_npz(file, expected)
        if _hash(card["simulations"], content) != card["hash"]:
            raise ValueError("its temperatures are not those that were packed")
    except NO_CARD as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"{file} cannot be read ({reason}): copy what `tellus export DATA --to travel` wrote "
            "again."
        ) from None
    plain_names((entry["name"] for entry in card["simulations"]), str(file))
    return card, content, grid


def check_free(out: Path) -> None:
    """Refuse a directory that holds anything but what an unpacking left (InputError)."""
    # A kill may have left the beginning of the first file.
    refuse_occupied(out, bool(_owner(out)), NOT_OURS)


def _owner(out: Path) -> dict[str, Any]:
    """What an unpacking wrote into `out` as it began; nothing where none did."""
    try:
        return parse_json(small_file(out / OWNER))
    except (OSError, ValueError):
        return {}


def _claim(out: Path, card: CardContent, tolerance: float) -> None:
    """Make the directory this file's, or refuse it."""
    check_free(out)
    mine, found = {"hash": card["hash"], "tolerance": tolerance}, _owner(out)
    if found.get("hash", mine["hash"]) != mine["hash"]:
        raise InputError(f"{out} {NOT_OURS}: choose another --out.")
    if (before := found.get("tolerance", tolerance)) != tolerance:
        raise InputError(
            f"{out} was begun with --tolerance {before}: give that again, or choose another --out."
        )
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / OWNER, json.dumps(mine).encode())
    own_folder(out / SIMULATIONS)


def _labelled(entry: CardContent, grid: Grid, arrays: Arrays, settings: IterativeSettings) -> bytes:
    """The store of one simulation; snapshots whose label could not be solved are left out."""
    temperature = arrays["temperature"].astype(np.float32)
    parts = max(1, ceil(temperature.size / BATCH_CELLS))
    law = FrankKamenetskii(entry["gamma_T"], entry["gamma_p"])
    psi, solved = [], []
    for part in np.array_split(temperature.astype(np.float64), parts):
        eta = law.viscosity(part, grid)
        found = solve_batch(
            grid, part, eta, entry["rayleigh"], BoundaryConditions(), settings=settings
        )
        psi.append(found.psi.cpu())
        solved.append(found.solved.cpu())
    good = torch.cat(solved)
    if not good.any():
        raise SolverError(
            f"{entry['name']}: no label could be solved; try a larger --tolerance, or make the "
            "data set where it is trained on."
        )
    chosen = good.numpy()
    stored = {"temperature": temperature, "psi": torch.cat(psi).numpy()}
    stored |= {name: arrays[name] for name in CLOCK}
    return npz_bytes({name: values[chosen] for name, values in stored.items()})
