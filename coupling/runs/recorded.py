"""A run directory that was written earlier, read and checked: where comparison starts from."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tellus.config import Config
from tellus.coupling.build import boundaries_of
from tellus.coupling.runs.fields import STORE, open_fields
from tellus.coupling.runs.files import read_settings, read_summary, read_text
from tellus.coupling.runs.unfinished import RUNNING, so_far
from tellus.coupling.runs.whole_outputs import remedy
from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid

COLUMNS = ("step", "time", "mean_temperature", "nusselt_top", "nusselt_bottom", "vrms")


@dataclass(frozen=True, kw_only=True)
class RecordedOutputs:
    """What a run, finished or not, has written so far; nothing is computed here.

    `config` is config.toml, `fields` the outputs of fields.zarr.
    """

    path: Path
    config: Mapping[str, Any]
    fields: xr.Dataset

    @cached_property
    def walls(self) -> BoundaryConditions:
        """As configured; a core that cools is as warm as it was at the start."""
        return boundaries_of(Config.model_validate(self.config))

    @cached_property
    def grid(self) -> Grid:
        """The grid of the recorded fields."""
        sizes = self.fields.sizes
        return Grid(sizes["x"], sizes["y"], float(self.fields["x_node"][-1]))

    @cached_property
    def output_times(self) -> Array:
        """Model times of the recorded fields."""
        return np.asarray(self.fields["time"], dtype=np.float64)

    def snapshot(self, name: str, index: int) -> Array:
        """One output of one field; InputError when the file is damaged."""
        try:
            values = np.asarray(self.fields[name].isel(time=index).values, dtype=np.float64)
        except Exception as error:
            # What a damaged chunk raises is up to its codec.
            raise self._damaged(index, f"{name} cannot be read") from error
        if not np.all(np.isfinite(values)):
            raise self._damaged(index, f"{name} is incomplete or not finite")
        return values

    def _damaged(self, index: int, what: str) -> InputError:
        store = self.path / STORE
        return InputError(f"{store}: output {index} of {what}; {remedy(store, index)}.")

    def frame(self, index: int) -> xr.Dataset:
        """One output of every field, read and checked, in the precision it is stored in."""
        frame = self.fields.isel(time=index)
        for name in (n for n in frame.data_vars if frame[n].ndim):
            checked = self.snapshot(str(name), index).astype(frame[name].dtype)
            frame[name] = (frame[name].dims, checked, frame[name].attrs)
        return frame

    def profiles(self, name: str, outputs: Iterable[int] | None = None) -> Array:
        """A horizontally averaged profile at some or all outputs, shape (outputs, ny)."""
        chosen = range(self.output_times.size) if outputs is None else outputs
        return np.stack([self.snapshot(name, k) for k in chosen])


@dataclass(frozen=True, kw_only=True)
class RecordedRun(RecordedOutputs):
    """The whole of what a run left behind.

    `info` is run.json, of a run that has not ended as it would stand at its newest checkpoint
    (`unfinished`); `series` the columns of timeseries.csv up to the last finite row.
    """

    info: Mapping[str, Any]
    series: Mapping[str, Array]

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
        return int(self.series["step"][-1])

    @property
    def priced_steps(self) -> int:
        """Time steps that the seconds are of; zero where those are not known."""
        return int(self.info["steps"])

    def walls_at(self, times: float | Array) -> BoundaryConditions:
        """What held on the walls, a cooling core at its mean temperature over these times."""
        walls, core = self.walls, self.series.get("bottom_temperature")
        if core is None or self.config["model"].get("core_capacity") is None:
            return walls
        first = (self.info.get("start") or {}).get("core_temperature")
        at_start = walls.bottom.value if first is None else float(first)
        clock = np.concatenate([self.output_times[:1], self.series["time"]])
        warmth = float(np.mean(np.interp(times, clock, [at_start, *core])))
        return replace(walls, bottom=replace(walls.bottom, value=warmth))

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


def read_run(path: Path) -> RecordedRun:
    """Open a run directory.

    Raises
    ------
    InputError
        Naming the file that is missing, truncated or damaged, and the remedy.
    """
    path = _directory(path)
    summary = read_summary(path / "run.json")
    return RecordedRun(
        path=path,
        info=so_far(path, summary),
        config=read_settings(path / "config.toml"),
        series=_read_series(path / "timeseries.csv", summary["status"] != RUNNING),
        fields=_read_fields(path),
    )


def read_outputs(path: Path) -> RecordedOutputs:
    """Open what a run, which may still go on, has written so far; errors as in `read_run`."""
    path = _directory(path)
    config = read_settings(path / "config.toml")
    return RecordedOutputs(path=path, config=config, fields=_read_fields(path))


def read_series(path: Path) -> Mapping[str, Array]:
    """The whole rows of timeseries.csv so far, without one that is being written."""
    return _read_series(_directory(path) / "timeseries.csv", finished=False)


def directory(out: Path) -> Path:
    """Make `out` a directory for what is drawn or exported; InputError where it is a file."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: name a directory with --out.")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _directory(path: Path) -> Path:
    if not Path(path).is_dir():
        raise InputError(f"{path}: no such run directory; give one written by `tellus run`.")
    return Path(path)


def _read_series(file: Path, finished: bool = True) -> Mapping[str, Array]:
    text = read_text(file)
    if not finished:
        text = text[: text.rfind("\n") + 1]
        if text.count("\n") < 2:
            raise InputError(f"{file}: the run has taken no step yet; let it go on first.")
    remedy = "resume the run with `tellus run --resume`, or run it anew."
    try:
        header, *rows = list(csv.reader(text.splitlines())) or [[]]
    except csv.Error as error:
        raise InputError(f"{file}: truncated or damaged ({error}); {remedy}") from error
    if not set(COLUMNS) <= set(header):
        raise InputError(
            f"{file}: the columns {', '.join(sorted(set(COLUMNS) - set(header)))} are missing; "
            "give a run directory written by `tellus run`."
        )
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
