"""A run directory that was written earlier, read and checked: where comparison starts from."""

import csv
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid

from .fields import STORE, open_fields

COLUMNS = ("step", "time", "mean_temperature", "nusselt_top", "nusselt_bottom", "vrms")


@dataclass(frozen=True)
class RecordedRun:
    """What a run left behind; nothing is computed here.

    `info` is run.json, `config` is config.toml, `series` the columns of
    timeseries.csv up to the last finite row, `fields` the outputs of fields.zarr.
    """

    path: Path
    info: Mapping[str, Any]
    config: Mapping[str, Any]
    series: Mapping[str, Array]
    fields: xr.Dataset

    @property
    def solver(self) -> str:
        """Name of the Stokes solver, as `--stokes` takes it."""
        return str(self.info["solver"])

    @property
    def status(self) -> str:
        """One of done, stopped, failed, and running (killed, or not finished yet)."""
        return str(self.info["status"])

    @property
    def steps(self) -> int:
        """Time steps taken, resumed or not."""
        return int(self.info["steps"])

    @cached_property
    def grid(self) -> Grid:
        """The grid of the recorded fields."""
        sizes = self.fields.sizes
        return Grid(sizes["x"], sizes["y"], float(self.fields["x_node"][-1]))

    @cached_property
    def output_times(self) -> Array:
        """Model times of the recorded fields."""
        return np.asarray(self.fields["time"], dtype=np.float64)

    @cached_property
    def stokes_seconds(self) -> dict[str, float]:
        """Wall time of the Stokes solver by phase, over the whole run."""
        return {name: float(value) for name, value in self.info["seconds"]["stokes"].items()}

    @cached_property
    def seconds_by_phase(self) -> dict[str, float]:
        """Wall time by phase: Stokes phases, energy, output, the rest; sums to the total."""
        seconds = self.info["seconds"]
        phases = dict(self.stokes_seconds)
        if "other" in phases:
            phases["Stokes, other"] = phases.pop("other")
        phases |= {k: float(v) for k, v in seconds.items() if k not in ("stokes", "total")}
        return phases | {"rest": max(float(seconds["total"]) - sum(phases.values()), 0.0)}

    def snapshot(self, name: str, index: int) -> Array:
        """One output of one field; InputError when the file is damaged."""
        try:
            values = np.asarray(self.fields[name].isel(time=index).values, dtype=np.float64)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise InputError(
                f"{self.path / STORE}: output {index} of {name} cannot be read; run it anew."
            ) from error
        if not np.all(np.isfinite(values)):
            raise InputError(
                f"{self.path / STORE}: output {index} of {name} is incomplete or not "
                "finite; run it anew."
            )
        return values

    def profiles(self, name: str) -> Array:
        """A horizontally averaged profile at every output, shape (outputs, ny)."""
        return np.stack([self.snapshot(name, k) for k in range(self.output_times.size)])


def read_run(path: Path) -> RecordedRun:
    """Open a run directory.

    Raises
    ------
    InputError
        Naming the file that is missing, truncated or damaged, and the remedy.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such run directory; give one written by `tellus run`.")
    info, config = _read_info(path / "run.json"), _read_config(path / "config.toml")
    return RecordedRun(
        path, info, config, _read_series(path / "timeseries.csv"), _read_fields(path)
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"{file}: missing; give a run directory written by `tellus run`."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error}); run it anew.") from error


def _read_info(file: Path) -> Mapping[str, Any]:
    try:
        info = json.loads(_text(file))
        complete = (
            isinstance(info["solver"], str)
            and isinstance(info["status"], str)
            and int(info["steps"]) >= 0
            and float(info["seconds"]["total"]) >= 0
            and all(float(s) >= 0 for s in info["seconds"]["stokes"].values())
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{file}: truncated or not a run summary ({type(error).__name__}: {error}); "
            "resume the run with `tellus run --resume`, or run it anew."
        ) from error
    if not complete:
        raise InputError(f"{file}: not a run summary; run it anew.")
    return dict(info)


def _read_config(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: not valid TOML ({error}); run it anew.") from error


def _read_series(file: Path) -> Mapping[str, Array]:
    text = _text(file)
    header, *rows = list(csv.reader(text.splitlines())) or [[]]
    if not set(COLUMNS) <= set(header):
        raise InputError(
            f"{file}: the columns {', '.join(sorted(set(COLUMNS) - set(header)))} are missing; "
            "give a run directory written by `tellus run`."
        )
    remedy = "resume the run with `tellus run --resume`, or run it anew."
    try:
        table = np.array([[float(value) for value in row] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{file}: truncated or damaged ({error}); {remedy}") from error
    if table.ndim != 2 or table.shape[1] != len(header) or not text.endswith("\n"):
        raise InputError(f"{file}: truncated (no rows, or an unfinished one); {remedy}")
    series = {name: table[:, k] for k, name in enumerate(header)}
    finite = np.logical_and.accumulate(np.isfinite(series["time"] + series["mean_temperature"]))
    if not finite.any() or np.any(np.diff(series["time"][finite]) <= 0):
        raise InputError(f"{file}: its times do not increase, or nothing is finite; {remedy}")
    return {name: column[finite] for name, column in series.items()}


def _read_fields(path: Path) -> xr.Dataset:
    fields = open_fields(path)
    if fields.sizes["time"] == 0:
        raise InputError(f"{path / STORE}: no outputs yet; let the run reach its first output.")
    return fields
