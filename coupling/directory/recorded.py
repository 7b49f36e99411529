"""A run directory that was written earlier: what is there, how far it got, whether it goes on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tellus.config import Config, load_stored_config
from tellus.coupling.build import boundaries_of
from tellus.coupling.directory.checkpoint import Ledger, read_checkpoint
from tellus.coupling.directory.fields import STORE, open_fields
from tellus.coupling.directory.files import CONFIG, SUMMARY
from tellus.coupling.directory.summary import RunSummary, StartedFrom
from tellus.coupling.directory.timeseries import NAME as SERIES
from tellus.coupling.directory.timeseries import REMEDY, read_series, read_text
from tellus.coupling.directory.whole_outputs import remedy
from tellus.errors import InputError
from tellus.io.json_file import parse_json
from tellus.io.lock import in_use
from tellus.io.recognised import RUN, damaged, expect
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid

if TYPE_CHECKING:
    import xarray as xr

RUNNING, DONE, STOPPED, FAILED = "running", "done", "stopped", "failed"
"""Statuses in run.json; running is a run that goes on, or was killed."""


@dataclass(frozen=True)
class RecordedRun:
    """A run directory; each part is read and checked when it is first asked for.

    What is missing or damaged is an InputError that names the file and the remedy.
    """

    path: Path

    @classmethod
    def at(cls, path: Path, option: str = "") -> Self:
        """The run in a directory, which an `option` may have named; InputError where none is."""
        expect(Path(path), RUN, option=option)
        return cls(Path(path))

    @cached_property
    def written(self) -> Mapping[str, Any]:
        """run.json as it is; of a run that has not ended it tells of the start alone."""
        file = self.path / SUMMARY
        try:
            content = parse_json(read_text(file))
            RunSummary.of(content)
        except ValueError as error:
            raise InputError(
                f"{file}: truncated or not a run summary ({error}); {REMEDY}."
            ) from error
        return content

    @cached_property
    def summary(self) -> RunSummary:
        """run.json; of a run that has not ended as it would stand at its newest checkpoint.

        Steps, time and seconds are those of one and the same moment, so that a price can be taken
        from them; without a checkpoint after its start a run that has not ended has taken no step
        that is known, and has no price.
        """
        if self.ended:
            return RunSummary.model_validate(self.written)
        try:
            arrays = read_checkpoint(self.path, lambda sentence: None)
            ledger = Ledger.of(arrays)
            seconds = {name: ledger.tally[name] for name in ("stokes", "energy")}
            found = {
                **self.written,
                "steps": int(arrays["steps"]),
                "time": float(arrays["clock"][0]),
                "seconds": {"total": ledger.seconds, **seconds, "output": ledger.output_seconds},
                "others_percent": ledger.others_percent,
            }
            return RunSummary.model_validate(found)
        except (InputError, LookupError, ValueError, TypeError):
            return RunSummary.model_validate({**self.written, "steps": 0})

    @property
    def ended(self) -> bool:
        """Whether it was done, stopped or failed, and not killed."""
        return bool(self.written["status"] != RUNNING)

    @property
    def status(self) -> str:
        """One of done, stopped, failed, and running (killed, or not finished yet)."""
        return str(self.written["status"])

    @property
    def state(self) -> str:
        """The run's status, "killed" where it has not ended and no process is at work on it."""
        return self.status if self.ended or in_use(self.path) else "killed"

    @cached_property
    def settings(self) -> Config:
        """config.toml, complete and checked."""
        read_text(self.path / CONFIG)
        return load_stored_config(Config, self.path / CONFIG)

    @cached_property
    def series(self) -> Mapping[str, Array]:
        """The columns of timeseries.csv up to the last finite row, without one being written."""
        return read_series(self.path, int(self.written["steps"]))

    @cached_property
    def fields(self) -> "xr.Dataset":
        """The outputs in fields.zarr, one at least."""
        fields = open_fields(self.path)
        if fields.sizes["time"] == 0:
            store = self.path / STORE
            raise InputError(f"{store}: no outputs yet; let the run reach its first output.")
        return fields

    @cached_property
    def walls(self) -> BoundaryConditions:
        """Boundary conditions as configured; a cooling core has its temperature at the start."""
        return boundaries_of(self.settings)

    @cached_property
    def grid(self) -> Grid:
        sizes = self.fields.sizes
        return Grid(sizes["x"], sizes["y"], float(self.fields["x_node"][-1]))

    @cached_property
    def output_times(self) -> Array:
        return np.asarray(self.fields["time"], dtype=np.float64)

    def snapshot(self, name: str, index: int) -> Array:
        """One output of one field; InputError when the file is damaged."""
        try:
            values = np.asarray(self.fields[name].isel(time=index).values, dtype=np.float64)
        except PermissionError as error:
            raise damaged(self.path / STORE, error, "") from error
        except Exception as error:
            # What a damaged chunk raises is up to its codec.
            raise self._damaged(index, f"{name} cannot be read") from error
        if not np.all(np.isfinite(values)):
            raise self._damaged(index, f"{name} is incomplete or not finite")
        return values

    def _damaged(self, index: int, what: str) -> InputError:
        store = self.path / STORE
        return InputError(f"{store}: output {index} of {what}; {remedy(store, index)}.")

    def frame(self, index: int) -> "xr.Dataset":
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

    @property
    def solver(self) -> str:
        return self.summary.solver

    @property
    def steps(self) -> int:
        """Time steps taken, resumed or not."""
        return int(self.series["step"][-1])

    @property
    def priced_steps(self) -> int:
        """Time steps that the seconds are of; zero where those are not known."""
        return self.summary.steps

    @property
    def start(self) -> StartedFrom:
        """The state that the run started from."""
        return self.summary.start or StartedFrom()

    def core_at(self, times: float | Array) -> float | None:
        """Mean temperature of a cooling core over these times; None where it does not cool."""
        if self.settings.model.core_capacity is None:
            return None
        if np.max(times) == 0.0:
            return self._core_at_start
        clock, core = self.series["time"], self.series["bottom_temperature"]
        if np.min(times) < clock[0]:
            clock, core = np.append(0.0, clock), np.append(self._core_at_start, core)
        return float(np.mean(np.interp(times, clock, core)))

    @property
    def _core_at_start(self) -> float:
        given = self.start.core_temperature
        return self.settings.boundaries.bottom_value if given is None else given

    def walls_at(self, times: float | Array) -> BoundaryConditions:
        """What held on the walls, a cooling core at its mean temperature over these times."""
        walls, core = self.walls, self.core_at(times)
        return walls if core is None else replace(walls, bottom=replace(walls.bottom, value=core))

    @cached_property
    def seconds_by_phase(self) -> dict[str, float]:
        """Wall time by phase: Stokes phases, energy, output, the rest; sums to the total."""
        seconds = self.summary.seconds
        phases = dict(seconds.stokes)
        if "other" in phases:
            phases["Stokes, other"] = phases.pop("other")
        phases |= seconds.model_dump(exclude={"stokes", "total"}, exclude_none=True)
        return phases | {"rest": max(seconds.total - sum(phases.values()), 0.0)}


def read_run(path: Path) -> RecordedRun:
    """Open a run directory, all of which is there and whole; InputError where it is not."""
    run = RecordedRun.at(path)
    run.summary, run.settings, run.series, run.fields  # noqa: B018
    if run.ended and not read_text(run.path / SERIES).endswith("\n"):
        raise InputError(f"{run.path / SERIES}: truncated (an unfinished row); {REMEDY}.")
    return run


def read_outputs(path: Path) -> RecordedRun:
    """Open what a run, which may still go on, has written so far; errors as in `read_run`."""
    run = RecordedRun.at(path)
    run.settings, run.fields  # noqa: B018
    return run
