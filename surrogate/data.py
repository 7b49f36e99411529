"""Reading a data set of direct solutions."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError
from tellus.io.arrays import Arrays, Expected, read_npz, read_stored
from tellus.io.card_check import check_card
from tellus.io.digests import check_digests
from tellus.io.json_file import read_json
from tellus.io.names import plain_names
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem

from .features import rms_velocity
from .files import CARD, no_data_set

SPLITS = ("train", "validation", "test")
PARTS = {"temperature": "f", "psi": "f", "time": "f", "step": "iu", "even": "b"}
"""What a simulation holds, and of which kinds of number, see `Expected`."""


@dataclass(frozen=True)
class StoredSimulation:
    """One simulation of a data set, its snapshots in memory.

    `temperature` (n, ny, nx) and `psi` (n, ny+1, nx+1), the direct solution, are
    as on disk; `even` marks the snapshots spread evenly over the run.
    """

    name: str
    grid: Grid
    rheology: FrankKamenetskii
    rayleigh: float
    heating: float
    temperature: NDArray[np.float32]
    psi: Array
    even: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.psi)

    def problem(self, snapshot: int) -> StokesProblem:
        """The Stokes problem of one snapshot."""
        temperature = self.temperature[snapshot].astype(np.float64)
        return StokesProblem(
            self.grid, temperature, self.rheology, self.rayleigh, heating=self.heating
        )

    def vrms(self) -> Array:
        """Rms velocity of each snapshot, shape (n,)."""
        return np.array([rms_velocity(psi, self.grid) for psi in self.psi])


@dataclass(frozen=True)
class Dataset:
    """A data set on disk; `card` is its card.json."""

    path: Path
    card: dict[str, Any]
    grid: Grid

    @classmethod
    def open(cls, path: Path) -> "Dataset":
        """Read and check the card; raises InputError if it is missing or damaged."""
        try:
            card = read_json(path / CARD, "make the data set again")
        except (FileNotFoundError, NotADirectoryError):
            raise no_data_set(path) from None
        try:
            shape = card["grid"]
            grid = Grid(int(shape["nx"]), int(shape["ny"]), float(shape["aspect"]))
            if not card["simulations"]:
                raise ValueError("it lists no simulations")
            for simulation in card["simulations"]:
                _ = simulation["name"], simulation["split"], simulation["snapshots"]
            if not (isinstance(card["hash"], str) and isinstance(card["boundaries"], str)):
                raise TypeError("its hash or boundaries are no text")
            check_card("data set", card)
        except KeyError as error:
            raise InputError(
                f"{path} is no data set: its card.json has no {error}; make one with "
                "`tellus dataset`."
            ) from None
        except (ValueError, TypeError, AttributeError, OverflowError, InputError) as error:
            reason = str(error).rstrip(".")
            raise InputError(
                f"{path / CARD} cannot be read ({reason}): make the data set again."
            ) from None
        plain_names((entry["name"] for entry in card["simulations"]), str(path / CARD))
        return cls(path, card, grid)

    def check_present(self) -> None:
        """Raise InputError if a simulation is missing, before any is read."""
        for entry in self.card["simulations"]:
            path = self.path / "simulations" / f"{entry['name']}.zarr"
            if not path.exists() and not path.with_suffix(".npz").exists():
                raise _damaged(path, "is missing")

    def simulations(self, split: str) -> Iterator[StoredSimulation]:
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

        Each of `wanted` is one of `PARTS`, and has a row for each snapshot. A simulation is a
        Zarr store, or an .npz file that `tellus unpack` wrote. What is read is held against the
        digests in the store and the card; early data sets have one of the temperatures alone.
        """
        path = self.path / "simulations" / f"{name}.zarr"
        travelled = path.with_suffix(".npz")
        if not path.exists() and not travelled.exists():
            raise _damaged(path, "is missing")
        expected = {key: self._expected(key) for key in wanted}
        digests: dict[str, Any] = {}
        try:
            if path.exists():
                from tellus.io.stores import open_store, stored_array

                store = open_store(path)
                if "temperature_sha256" in store.attrs:
                    digests["temperature"] = store.attrs["temperature_sha256"]
                arrays = {
                    key: read_stored(stored_array(store, key), expected[key], key) for key in wanted
                }
            else:
                path = travelled
                arrays = read_npz(path, expected)
            check_digests(arrays, digests | self._digests(name))
            if len({len(values) for values in arrays.values()}) > 1:
                raise ValueError("its arrays are not of equally many snapshots")
        except Exception as error:  # zarr's backends raise their own kinds
            raise _damaged(path, f"cannot be read ({error!r})") from None
        return arrays

    def has(self, name: str, part: str) -> bool:
        """Whether a simulation holds one of `PARTS`; early ones have no steps and times."""
        path = self.path / "simulations" / f"{name}.zarr"
        return (path / part).exists() or path.with_suffix(".npz").exists()

    def _digests(self, name: str) -> dict[str, Any]:
        """Those that the card has of one simulation; a card that is not written yet has none."""
        entries = (e for e in self.card["simulations"] if e["name"] == name)
        digests = next(entries).get("digests")
        return digests if isinstance(digests, dict) else {}

    def _expected(self, part: str) -> Expected:
        places = {"temperature": self.grid.cells, "psi": self.grid.nodes}
        return Expected((None, *places.get(part, ())), PARTS[part])

    def _read(self, entry: dict[str, Any]) -> StoredSimulation:
        path = self.path / "simulations" / f"{entry['name']}.zarr"
        arrays = self.arrays(entry["name"], "temperature", "psi", "even")
        try:
            temperature = np.asarray(arrays["temperature"], dtype=np.float32)
            psi = np.asarray(arrays["psi"], dtype=np.float64)
            even = np.asarray(arrays["even"], dtype=bool)
            parameters = {
                name: float(entry[name]) for name in ("gamma_T", "gamma_p", "heating", "rayleigh")
            }
            if not all(0 < parameters[name] < inf for name in ("gamma_T", "gamma_p")):
                raise ValueError("its gamma_T or gamma_p in card.json is not positive")
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(path, f"cannot be read ({error!r})") from None
        self._check(path, entry, temperature, psi, even)
        return StoredSimulation(
            entry["name"],
            self.grid,
            FrankKamenetskii(parameters["gamma_T"], parameters["gamma_p"]),
            parameters["rayleigh"],
            parameters["heating"],
            temperature,
            psi,
            even,
        )

    def _check(
        self,
        path: Path,
        entry: dict[str, Any],
        temperature: NDArray[np.float32],
        psi: Array,
        even: NDArray[np.bool_],
    ) -> None:
        n = entry["snapshots"]
        shapes = (temperature.shape, psi.shape, even.shape)
        if shapes != ((n, *self.grid.cells), (n, *self.grid.nodes), (n,)):
            raise _damaged(path, f"does not hold {n} snapshots on a {self.grid} grid")
        if not temperature.any(axis=(1, 2)).all():
            raise _damaged(path, "is truncated: a snapshot is empty")


def _damaged(path: Path, what: str) -> InputError:
    command = "tellus unpack" if path.suffix == ".npz" else "tellus dataset"
    remove = "remove it and " if path.exists() else ""
    return InputError(f"{path} {what}: {remove}run `{command}` again.")
