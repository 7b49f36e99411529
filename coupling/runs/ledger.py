"""What a checkpoint knows of its run beside the state of the simulation."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tellus.io.json_file import parse_json

KEY = "ledger"
"""Name of the array that holds it, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Where a run stood at a checkpoint, but for its fields.

    Parameters
    ----------
    run_id : str, optional
        Runs of earlier versions have none; nor have they what follows with a default.
    series_sha256 : str, optional
        Of the rows of the time series so far.
    config : mapping
        The configuration, as its sections.
    start : mapping
        What it started from, see `Start.to_json`.
    outputs, last_output_step : int
        How many were written, and after which step the last one.
    seconds, output_seconds : float
        Wall time so far, and what of it went into files.
    others_percent : float, optional
        Of the machine's processors, used by other work meanwhile.
    tally : mapping
        See `RunStatistics.to_json`.
    warnings : list of str
    """

    run_id: str | None = None
    series_sha256: str | None = None
    config: Mapping[str, Any]
    start: Mapping[str, Any]
    outputs: int
    last_output_step: int
    seconds: float
    output_seconds: float
    others_percent: float | None = None
    tally: Mapping[str, Any]
    warnings: list[str]

    def to_array(self) -> NDArray[np.str_]:
        """The text that a checkpoint holds."""
        return np.array(json.dumps(asdict(self)))

    @classmethod
    def of(cls, checkpoint: Mapping[str, NDArray[Any]]) -> Self:
        """That of a checkpoint; ValueError, LookupError or TypeError where it is none."""
        content = {"start": {}} | parse_json(str(checkpoint[KEY]))
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})
