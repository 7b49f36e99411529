"""What a comparison of runs finds, as records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tellus.io.record import Record


class EqualTimes(NamedTuple):
    """Differences at the outputs that a run and the reference wrote at equal times."""

    time: Sequence[float]
    temperature_field_mae: Sequence[float]
    velocity_error: Sequence[float | None]


@dataclass(frozen=True)
class Drift(Record):
    """How far a run is from the reference; None for what cannot be had, as without equal times.

    - ``mean_temperature_mae``, ``nusselt_mae`` (mean of top and bottom): mean absolute difference
      of the time series, interpolated onto 1001 common times;
    - ``profile_mae``: mean over the height of the absolute difference between temperature profiles
      averaged over the last third of the common time; ``final_profile_mae``: the same at the last
      common time;
    - ``temperature_field_mae`` and ``velocity_error``: at equal times after the start, the former a
      mean, the latter the median of sqrt(sum |u - u_ref|^2 / sum |u_ref|^2), with quiet flows (Vrms
      below 1) left out and counted. The two runs have different temperatures at that time, so
      ``velocity_error`` says how far the *trajectories* are apart; it is not the error of the
      solver on a given temperature, except at the start.
    """

    mean_temperature_mae: float | None
    nusselt_top_mae: float | None
    nusselt_bottom_mae: float | None
    nusselt_mae: float | None
    profile_mae: float | None
    final_profile_mae: float | None
    temperature_field_mae: float | None
    velocity_error: float | None
    quiet_outputs: int
    equal_times: EqualTimes


@dataclass(frozen=True)
class Cost(Record):
    """What a run took; None where that is not known, speed-ups also over a run of other physics.

    - ``seconds_per_step`` (Stokes and energy: the time step itself), ``seconds_total`` (everything
      the run did), ``seconds_by_phase`` (sums to the total);
    - ``speedup``: reference seconds per step over this run's; ``speedup_stokes``: the same for the
      Stokes solve alone; ``speedup_end_to_end``: total seconds over the common model time, where a
      run that went further is charged in proportion to its steps in that time.
    """

    seconds_per_step: float | None
    stokes_seconds_per_step: float | None
    priced_steps: int
    seconds_total: float | None
    seconds_by_phase: Mapping[str, float]
    others_percent: float | None
    solver_report: Mapping[str, Any]
    speedup: float | None
    speedup_stokes: float | None
    speedup_end_to_end: float | None


@dataclass(frozen=True)
class ComparedRun(Record):
    """One of the runs; those of its drift and cost are keys of its own in JSON."""

    run: str
    label: str
    solver: str
    status: str
    message: str
    closure: str | None
    notes: Sequence[str]
    grid: str
    steps: int
    common_time: tuple[float, float]
    drift: Drift
    cost: Cost


@dataclass(frozen=True)
class Comparison(Record):
    """Of some runs with the first of them, the reference."""

    reference: str
    runs: Sequence[ComparedRun]
    warnings: Sequence[str]
