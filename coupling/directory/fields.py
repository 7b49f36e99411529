"""The outputs of a run: fields.zarr, one chunk per output, readable by xarray as it is."""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from tellus.coupling.directory.whole_outputs import (
    DamagedOutputError,
    check_present,
    check_readable,
    clear_begun,
    files_of,
    remedy,
    spread,
)
from tellus.errors import InputError
from tellus.io.recognised import RUN, damaged, expect, lost
from tellus.io.shown import plain_names
from tellus.io.stores import checked_compression, new_store, open_store, stored_array
from tellus.io.whole_file import sync
from tellus.solver.derived import DERIVED
from tellus.solver.diagnostics import temperature_profile, vrms_profile
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem
from tellus.solver.strain import to_stretching_and_shear

if TYPE_CHECKING:
    import xarray as xr

STORE = "fields.zarr"

CELLS, U_FACES, V_FACES, NODES = ("y", "x"), ("y", "x_face"), ("y_face", "x"), ("y_node", "x_node")

# name: (dimensions after time, dtype, unit, long name)
VARIABLES: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "time": ((), "f8", "1", "model time in diffusion times"),
    "step": ((), "i8", "1", "time steps taken"),
    "temperature": (CELLS, "f8", "1", "temperature over the contrast bottom - top"),
    "viscosity": (CELLS, "f4", "1", "viscosity over the reference viscosity"),
    "u": (U_FACES, "f4", "1", "horizontal velocity in diffusion velocities"),
    "v": (V_FACES, "f4", "1", "vertical velocity in diffusion velocities"),
    "psi": (NODES, "f8", "1", "stream function, u = d psi/dy, v = -d psi/dx"),
    "temperature_profile": (("y",), "f8", "1", "horizontal mean of the temperature"),
    "vrms_profile": (("y",), "f8", "1", "horizontal root mean square velocity"),
}


def variables(derived: Sequence[str] = ()) -> dict[str, tuple[tuple[str, ...], str, str, str]]:
    """What a store holds; `derived` names entries of DERIVED, written beside the rest."""
    extra = {name: (DERIVED[name].dims, "f4", "1", DERIVED[name].long_name) for name in derived}
    return VARIABLES | extra


# Outputs in one chunk of `time` and `step`.
MANY = 1024


class FieldWriter:
    """Appends outputs to fields.zarr and cuts those written after a checkpoint."""

    def __init__(self, store: Path, group: zarr.Group, derived: Sequence[str]) -> None:
        self._store, self._group = store, group
        self._derived, self._variables = tuple(derived), variables(derived)
        self._arrays = {name: self._array(name) for name in self._variables}
        self._unsynced: list[int] = []

    @classmethod
    def create(
        cls, run: Path, grid: Grid, derived: Sequence[str] = (), run_id: str | None = None
    ) -> "FieldWriter":
        """A new, empty store in the run directory; `derived` names entries of DERIVED."""
        store = run / STORE
        attributes = {"title": "Tellus run", "box_height": 1, "run_id": run_id}
        group = new_store(store, attributes, overwrite=True)
        coordinates = _coordinates(grid)
        for name, values in coordinates.items():
            array = group.create_array(
                name,
                shape=values.shape,
                dtype="f8",
                dimension_names=(name,),
                attributes={"units": "1", "long_name": f"{name} in box heights"},
                **checked_compression(),
            )
            array[:] = values
        for name, (dims, dtype, units, long_name) in variables(derived).items():
            shape = tuple(coordinates[d].size for d in dims)
            group.create_array(
                name,
                shape=(0, *shape),
                chunks=(1, *shape) if dims else (MANY,),
                dtype=dtype,
                # A lost chunk reads as NaN and is noticed, not as a plausible zero.
                fill_value=0 if dtype.startswith("i") else float("nan"),
                dimension_names=("time", *dims),
                attributes={"units": units, "long_name": long_name},
                **checked_compression(),
            )
        writer = cls(store, group, derived)
        writer._publish()
        return writer

    @classmethod
    def open(
        cls,
        run: Path,
        grid: Grid,
        outputs: int,
        derived: Sequence[str] = (),
        run_id: str | None = None,
    ) -> "FieldWriter":
        """The store of a run that goes on; nothing is written yet.

        Parameters
        ----------
        run : Path
            The run directory.
        grid : Grid
        outputs : int
            Of so many first outputs all files must be there, and those of `spread` readable.
        derived : sequence of str
            Entries of DERIVED, written beside the rest.
        run_id : str, optional
            That of the checkpoint; runs of earlier versions have none.

        Raises
        ------
        InputError
            It is missing or damaged, another run's, or lacks some of the outputs.
        """
        store = run / STORE
        try:
            group = open_store(store, "r+", consolidated=False)
            writer = cls(store, group, derived)
            writer._check(_coordinates(grid), outputs)
        except DamagedOutputError as error:
            raise InputError(
                f"{store} is damaged ({error}): {remedy(store, error.output)}."
            ) from error
        except InputError:
            raise
        except Exception as error:
            # What a damaged store raises is up to zarr and its codecs.
            raise damaged(store, error, "start the run anew") from error
        if group.attrs.get("run_id") != run_id:
            raise InputError(
                f"{store} is of another run than the checkpoint: copy both from one run, or start "
                "the run anew."
            )
        return writer

    @property
    def outputs(self) -> int:
        """Complete outputs in the store (time is written last)."""
        return int(self._arrays["time"].shape[0])

    def append(
        self,
        problem: StokesProblem,
        step: int,
        viscosity: Array,
        flow: Flow,
    ) -> None:
        """Write one output; readers see it when all of it is there."""
        temperature = problem.temperature
        values: dict[str, Any] = {
            "step": step,
            "temperature": temperature,
            "viscosity": to_stretching_and_shear(viscosity)[0],
            "u": flow.u,
            "v": flow.v,
            "psi": flow.psi,
            "temperature_profile": temperature_profile(temperature),
            "vrms_profile": vrms_profile(flow),
            **{name: DERIVED[name].compute(flow, problem, viscosity) for name in self._derived},
            "time": problem.time,
        }
        row = self.outputs
        for name, value in values.items():
            array = self._arrays[name]
            array.resize((row + 1, *array.shape[1:]))
            # What is too large for single precision becomes infinite, and the next step fails.
            with np.errstate(over="ignore"):
                array[row] = np.asarray(value, dtype=array.dtype)
        self._unsynced.append(row)
        self._publish()

    def cut(self, outputs: int) -> None:
        """Keep the first `outputs` outputs, and nothing that a kill left half written."""
        clear_begun(self._store, files_of(self._store))
        for name in ("time", *self._variables):
            array = self._arrays[name]
            if array.shape[0] > outputs:
                array.resize((outputs, *array.shape[1:]))
        self._publish()

    def sync(self) -> None:
        """Wait until all outputs are on disk."""
        files = [self._store / "zarr.json"]
        for name, (dims, *_) in self._variables.items():
            rows = {(row, *(0 for _ in dims)) if dims else (row // MANY,) for row in self._unsynced}
            files += [self._store.joinpath(name, "c", *map(str, chunk)) for chunk in rows]
            files.append(self._store / name / "zarr.json")
        if self._unsynced:
            # Together they cost the disk little more than one of them.
            with ThreadPoolExecutor(len(self._variables)) as pool:
                list(pool.map(_sync, files))
        self._unsynced.clear()

    def _check(self, coordinates: dict[str, Array], outputs: int) -> None:
        for name, values in coordinates.items():
            if not np.array_equal(self._array(name)[:], values):
                raise ValueError(f"{name} is not that of this grid")
        for name, (dims, *_) in self._variables.items():
            there, *shape = self._arrays[name].shape
            if shape != [coordinates[d].size for d in dims]:
                raise ValueError(f"{name} is not of this grid's shape")
            if there < outputs:
                raise ValueError(f"{name} has {there} of the {outputs} before the checkpoint")
        for name in ("time", "step"):
            if not np.all(np.diff(np.asarray(self._arrays[name][:outputs])) > 0):
                raise ValueError(f"{name} does not increase")
        fields = {name: a for name, a in self._arrays.items() if self._variables[name][0]}
        check_present(fields, files_of(self._store), outputs)
        check_readable(fields, spread(fields, outputs))

    def _publish(self) -> None:
        """Consolidate the metadata: readers go by it, so they never see unequal lengths."""
        with warnings.catch_warnings():
            # zarr warns that format 3 does not standardise this yet; xarray reads it.
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(self._group.store)

    def _array(self, name: str) -> zarr.Array[Any]:
        return stored_array(self._group, name)


def _sync(path: Path) -> None:
    """A chunk that holds nothing but the fill value has no file."""
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_RDONLY)
        try:
            sync(file)
        finally:
            os.close(file)


def open_fields(run: Path) -> "xr.Dataset":
    """fields.zarr of a run directory as a lazily read dataset.

    An output that is being written, or that a killed run left half written, is not shown.

    Raises
    ------
    InputError
        There is no such run, or its fields are damaged.
    """
    import xarray as xr  # a new run can do without, and starts sooner

    store = Path(run) / STORE
    if not store.is_dir():
        expect(Path(run), RUN)
        raise lost(store)
    try:
        group = open_store(store, consolidated=True)
        for name in group:
            stored_array(group, name)
        data: xr.Dataset = xr.open_zarr(store, consolidated=True, chunks=None, zarr_format=3)
        if missing := {*VARIABLES, "x", "y", "x_node", "y_node"} - {*map(str, data.variables)}:
            raise KeyError(", ".join(sorted(missing)))
        _check_coordinates(data)
        if not np.all(np.diff(data["time"]) > 0) or not np.all(np.isfinite(data["time"])):
            raise ValueError("time does not increase")
    except Exception as error:
        # What a damaged store raises is up to xarray, zarr and the codecs.
        raise damaged(store, error, "run it anew") from error
    # Pictures are named after fields.
    plain_names(data.variables, str(store))
    return data


def _check_coordinates(data: "xr.Dataset") -> None:
    """A lost chunk of a coordinate reads as zeros."""
    aspect = float(data["x_node"][-1])
    for name, values in _coordinates(Grid(data.sizes["x"], data.sizes["y"], aspect)).items():
        if not np.allclose(data[name], values, rtol=0.0, atol=1e-9 * max(aspect, 1.0)):
            raise ValueError(f"{name} is not that of a grid")


def _coordinates(grid: Grid) -> dict[str, Array]:
    return {
        "x": grid.x_cells,
        "y": grid.y_cells,
        "x_face": grid.x_nodes,
        "y_face": grid.y_nodes,
        "x_node": grid.x_nodes,
        "y_node": grid.y_nodes,
    }
