"""Reading a data set of direct solutions."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError
from tellus.io.arrays import Arrays, Expected, check_digests, read_npz, read_stored
from tellus.io.json_file import read_json
from tellus.io.recognised import DATA, expect, lost
from tellus.io.shown import plain_names
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, rms_velocity, velocity

from .card import CARD, NO_CARD, PARAMETERS, card_grid, check_card
from .rows import Rows

Numbers = NDArray[np.int64]
"""Steps of snapshots, or the numbers of these in a simulation, shape (n,)."""

SIMULATIONS = "simulations"
MAKERS = {"config.toml": "tellus dataset", "travel.json": "tellus unpack"}
"""What a data set that is begun holds, and the command that goes on with it."""

SPLITS = ("train", "validation", "test")
PARTS = {"temperature": "f", "psi": "f", "time": "f", "step": "iu", "even": "b"}
"""What a simulation holds, and of which kinds of number, see `Expected`."""
WINDOWS = {"first": "iu", "mean_psi": "f", "along_x": "f", "along_y": "f", "heated": "f"}
"""What one of filtered data holds beside, a row for each window."""
PLACES = {
    "temperature": "cells",
    "psi": "nodes",
    "mean_psi": "nodes",
    "along_x": "u_faces",
    "along_y": "v_faces",
}
"""The attribute of `Grid` that has the shape of each field."""


@dataclass(frozen=True)
class Snapshots(Rows):
    """Many snapshots of one or more simulations, one row each.

    `temperature` (n, ny, nx) and `psi` (n, ny+1, nx+1), the direct solution, are as on disk or in
    the precision asked for; the others have shape (n,): parameters, the rms velocity, whether the
    snapshot is one of those spread evenly over its run, and the place of its simulation in `names`.
    """

    temperature: NDArray[np.floating]
    psi: NDArray[np.floating]
    gamma_T: Array
    gamma_p: Array
    heating: Array
    rayleigh: Array
    vrms: Array
    even: NDArray[np.bool_]
    simulation: NDArray[np.int64]
    names: list[str]
    grid: Grid

    def problem(self, snapshot: int) -> StokesProblem:
        """The Stokes problem of one snapshot."""
        law = FrankKamenetskii(float(self.gamma_T[snapshot]), float(self.gamma_p[snapshot]))
        return StokesProblem(
            self.grid,
            self.temperature[snapshot].astype(np.float64),
            law,
            float(self.rayleigh[snapshot]),
            heating=float(self.heating[snapshot]),
        )

    def problems(self) -> Iterator[StokesProblem]:
        """The Stokes problems of all snapshots."""
        return (self.problem(k) for k in range(len(self)))


@dataclass(frozen=True)
class Dataset:
    """A data set on disk; `card` is its card.json."""

    path: Path
    card: dict[str, Any]
    grid: Grid

    @classmethod
    def open(cls, path: Path) -> "Dataset":
        """Read and check the card; raises InputError if it is missing or damaged."""
        expect(path, DATA)
        try:
            card = read_json(path / CARD, "make the data set again")
        except FileNotFoundError:
            raise unfinished(path) from None
        try:
            grid = card_grid(card)
            if not card["simulations"]:
                raise ValueError("it lists no simulations")
            for simulation in card["simulations"]:
                _ = simulation["name"], simulation["split"], simulation["snapshots"]
            if not (isinstance(card["hash"], str) and isinstance(card["boundaries"], str)):
                raise TypeError("its hash or boundaries are no text")
            check_card("data set", card)
        except NO_CARD as error:
            missing = "it has no " if isinstance(error, KeyError) else ""
            reason = f"{missing}{error}".rstrip(".")
            raise InputError(
                f"{path / CARD} cannot be read ({reason}): make the data set again."
            ) from None
        plain_names((entry["name"] for entry in card["simulations"]), str(path / CARD))
        return cls(path, card, grid)

    def check_present(self) -> None:
        """Raise InputError if a simulation is missing, before any is read."""
        for entry in self.card["simulations"]:
            self._store(entry["name"])

    def simulations(self, split: str) -> Iterator[Snapshots]:
        """The simulations of a split, one at a time; raises InputError if one is damaged."""
        for entry in self.entries(split):
            yield self._read(entry)

    def entries(self, split: str) -> list[dict[str, Any]]:
        """What the card says of each simulation of a split; raises InputError if it has none."""
        chosen = [s for s in self.card["simulations"] if s["split"] == split]
        if not chosen:
            known = sorted({s["split"] for s in self.card["simulations"]})
            raise InputError(
                f'{self.path} has no split "{split}": choose one of {", ".join(known)}.'
            )
        return chosen

    def arrays(self, name: str, *wanted: str) -> Arrays:
        """Arrays of one simulation, as stored; raises InputError if it is missing or damaged.

        Each of `wanted` is one of `PARTS`, and has a row for each snapshot, or each one of
        `WINDOWS`. A simulation is a Zarr store, or an .npz file that `tellus unpack` wrote. What
        is read is held against the digests in the store and the card; early data sets have one of
        the temperatures alone.
        """
        path, expected = self._store(name), {part: expect_part(part, self.grid) for part in wanted}
        digests = dict[str, str]()
        try:
            if path.suffix == ".zarr":
                from tellus.io.stores import open_store, stored_array

                store = open_store(path)
                if "temperature_sha256" in store.attrs:
                    digests["temperature"] = str(store.attrs["temperature_sha256"])
                arrays = {
                    key: read_stored(stored_array(store, key), expected[key], key) for key in wanted
                }
            else:
                arrays = read_npz(path, expected)
            check_digests(arrays, digests | self._digests(name))
            if len({len(values) for values in arrays.values()}) > 1:
                raise ValueError("its arrays are not of equally many snapshots")
        except Exception as error:  # zarr's backends raise their own kinds
            raise _damaged(path, f"cannot be read ({error!r})") from None
        return arrays

    def has(self, name: str, part: str) -> bool:
        """Whether a simulation holds one of `PARTS` or `WINDOWS`.

        Early ones have no steps and times.
        """
        path = self._store(name)
        return (path / part).exists() or (path.suffix == ".npz" and part in PARTS)

    def _store(self, name: str) -> Path:
        """The path of a simulation; InputError if it is missing."""
        path = self.path / SIMULATIONS / f"{name}.zarr"
        found = next((p for p in (path, path.with_suffix(".npz")) if p.exists()), None)
        if found is None:
            raise _damaged(path, "is missing")
        return found

    def _digests(self, name: str) -> dict[str, str]:
        """Digests that the card has of one simulation; a card that is not written yet has none."""
        entries = (e for e in self.card["simulations"] if e["name"] == name)
        digests = next(entries).get("digests")
        return digests if isinstance(digests, dict) else {}

    def _read(self, entry: dict[str, Any]) -> Snapshots:
        name, n = entry["name"], entry["snapshots"]
        arrays, path = self.arrays(name, "temperature", "psi", "even"), self._store(name)
        try:
            parameters = {key: float(entry[key]) for key in PARAMETERS}
            if not all(0 < parameters[key] < inf for key in ("gamma_T", "gamma_p")):
                raise ValueError("its gamma_T or gamma_p in card.json is not positive")
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(path, f"cannot be read ({error!r})") from None
        if len(arrays["even"]) != n:
            raise _damaged(path, f"does not hold {n} snapshots on a {self.grid} grid")
        if not arrays["temperature"].any(axis=(1, 2)).all():
            raise _damaged(path, "is truncated: a snapshot is empty")
        psi = arrays["psi"].astype(np.float64, copy=False)
        return Snapshots(
            temperature=arrays["temperature"].astype(np.float32, copy=False),
            psi=psi,
            **{key: np.full(n, value) for key, value in parameters.items()},
            vrms=np.array([rms_velocity(*velocity(each, self.grid), self.grid) for each in psi]),
            even=arrays["even"],
            simulation=np.zeros(n, np.int64),
            names=[name],
            grid=self.grid,
        )


def expect_part(part: str, grid: Grid, rows: int | None = None) -> Expected:
    """What one of `PARTS` or `WINDOWS` must be, of so many rows where that is known."""
    place = getattr(grid, PLACES[part]) if part in PLACES else ()
    return Expected((rows, *place), (PARTS | WINDOWS)[part])


def _damaged(path: Path, what: str) -> InputError:
    command = "tellus unpack" if path.suffix == ".npz" else "tellus dataset"
    remove = "remove it and " if path.exists() else ""
    return InputError(f"{path} {what}: {remove}run `{command}` again.")


def unfinished(path: Path) -> InputError:
    """What to say of a data set without its card: begun and not finished, or damaged."""
    begun = [name for name in MAKERS if (path / name).is_file()]
    folder = path / SIMULATIONS
    if begun and folder.is_dir():
        there = sum(entry.suffix in (".zarr", ".npz") for entry in folder.iterdir())
        return InputError(
            f"{path} is an unfinished data set, {there} of its simulations are there: give its "
            f"`{MAKERS[begun[0]]}` command again, which goes on."
        )
    return lost(path / CARD, DATA)


def load_snapshots(
    dataset: Dataset,
    split: str,
    quiet_vrms: float = 0.0,
    precision: type[np.floating] = np.float32,
) -> Snapshots:
    """All snapshots of a split with rms velocity of at least `quiet_vrms`.

    Raises InputError if the split is unknown, damaged, or too quiet.
    """
    entries, filled = dataset.entries(split), 0
    room = sum(entry["snapshots"] for entry in entries)
    whole: dict[str, NDArray[Any]] = {}
    # Each simulation goes into its place at once, so that none is held twice.
    for number, simulation in enumerate(dataset.simulations(split)):
        part = simulation.select(simulation.vrms >= quiet_vrms)
        held = {f.name: getattr(part, f.name) for f in fields(part)}
        rows = {name: v for name, v in held.items() if isinstance(v, np.ndarray)}
        for name, values in (rows | {"simulation": part.simulation + number}).items():
            if name not in whole:
                kind = precision if name in ("temperature", "psi") else values.dtype
                whole[name] = np.empty((room, *values.shape[1:]), kind)
            whole[name][filled : filled + len(part)] = values
        filled += len(part)
    if not filled:
        raise too_quiet(dataset, split, quiet_vrms)
    names = [entry["name"] for entry in entries]
    rows = {name: values[:filled] for name, values in whole.items()}
    return Snapshots(**rows, names=names, grid=dataset.grid)


def too_quiet(dataset: Dataset, split: str, quiet_vrms: float) -> InputError:
    """What to say of a split none of whose snapshots moves as fast as training asks for."""
    return InputError(
        f'{dataset.path}: every snapshot of "{split}" has rms velocity below {quiet_vrms:g}; '
        "lower training.quiet_vrms or make a data set at higher gamma_T."
    )
