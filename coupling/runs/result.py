"""What a run came to, for the program that asked for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellus.coupling.directory.fields import open_fields
from tellus.coupling.directory.timeseries import read_series
from tellus.io.shown import facts_table

if TYPE_CHECKING:
    import xarray as xr

    from tellus.solver.grid import Array


class RunResult(dict[str, Any]):
    """The content of run.json, also by name, and what lies beside it in the directory `path`."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    @property
    def status(self) -> str:
        """How it ended: done. Whatever else ends a run is raised."""
        return str(self["status"])

    @property
    def message(self) -> str:
        """What ended it, where not the end that was asked for, such as a steady state."""
        return str(self["message"])

    @property
    def steps(self) -> int:
        """Time steps taken."""
        return int(self["steps"])

    @property
    def time(self) -> float:
        """The model time that they led to."""
        return float(self["time"])

    @property
    def seconds(self) -> float:
        """Wall time in all."""
        return float(self["seconds"]["total"])

    @property
    def warnings(self) -> list[str]:
        """The run's warnings, each once."""
        return list(self["warnings"])

    @property
    def fields(self) -> "xr.Dataset":
        """The outputs, see `tellus.open_run`."""
        return open_fields(self.path)

    @property
    def series(self) -> "Mapping[str, Array]":
        """The columns of timeseries.csv, a value for each step."""
        return read_series(self.path)

    def __repr__(self) -> str:
        return (
            f"RunResult({self.path}: {self.status}, {self.steps} steps to t = {self.time:.6g} in "
            f"{self.seconds:.1f} s)"
        )

    def _repr_html_(self) -> str:
        from tellus.coupling.runs.info import facts_of

        return facts_table("run", facts_of(self.path))
