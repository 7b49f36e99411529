"""What every scheme is judged against: runs on the finest grid, and how far they can be trusted.

Kept in the repository as cell means at 128x32 and averages, with what made them: `tellus bench
accuracy --reference` does it anew, in hours.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from tellus.coupling.runs.provenance import provenance
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.drift import (
    mean_absolute,
    on_rows,
    relative_rates,
    standard_errors,
)
from tellus.coupling.trajectory.record import RATES, Trajectory
from tellus.coupling.trajectory.rollout import (
    HALF_STEP,
    PERTURBATION,
    Rollout,
    beginning,
    file_name,
    roll_out,
)
from tellus.errors import InputError, RunFailedError
from tellus.io.arrays import Arrays, read_npz, write_npz
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Array, Grid

from .accuracy_cases import COMPARED, FINEST, AccuracyCase, Scheme
from .fronts import HALVED, PERTURBED

STORED = Path(__file__).with_name("results") / "accuracy-reference.npz"
PARTS = 8
"""Equal parts of the span of means, whose scatter says how far these are chance."""

SAMPLE_EVERY = 16
"""Steps between the moments that are kept of a rollout whose fields are not compared."""

Distances = Mapping[str, Mapping[str, float]]
"""Errors, by what was held against a reference."""


@dataclass(frozen=True)
class Judged:
    """What is compared of a run, on 128x32 cells, or its own where they are fewer.

    Attributes
    ----------
    fields : array, shape (outputs, ny, nx)
        T at evenly spaced times of the determined span; none where that is not compared.
    mean_temperature : float
        Over the long span after it, as all that follows.
    profile : array, shape (ny,)
    rates : array, shape (4,)
        Nu at the top and at the bottom, Vrms, surface velocity.
    """

    fields: Array
    mean_temperature: float
    profile: Array
    rates: Array

    @classmethod
    def of(cls, trajectory: Trajectory, case: AccuracyCase) -> Self:
        """What is compared of a rollout of a case."""
        span = case.start + case.determined, case.start + case.long
        profile = trajectory.average("profile", *span)
        ny, nx = np.minimum(COMPARED.cells, trajectory.temperature.shape).tolist()
        return cls(
            _cells(trajectory.fields, ny, nx),
            float(np.mean(profile)),
            on_rows(profile, ny),
            np.array([trajectory.average(name, *span) for name in RATES]),
        )

    def errors(self, reference: "Judged") -> dict[str, float]:
        """Mean absolute differences of T, of <T> and of its profile; relative ones of the rates.

        Of T at the outputs, of all else averaged over the long span: other measures than those
        that `deterministic_errors` calls by the same names.
        """
        relative = np.abs(relative_rates(self.rates - reference.rates, reference.rates)).tolist()
        gap = self.fields - _cells(reference.fields, *self.fields.shape[1:])
        of_height = self.profile - on_rows(reference.profile, self.profile.size)
        of_fields = {"field_error": gap, "final_field_error": gap[-1:]}
        return {
            **{name: mean_absolute(one) for name, one in of_fields.items() if one.size},
            "mean_temperature_error": abs(self.mean_temperature - reference.mean_temperature),
            "profile_error": mean_absolute(of_height),
            **{f"{name}_error": error for name, error in zip(RATES, relative, strict=True)},
        }


def _cells(fields: Array, ny: int, nx: int) -> Array:
    return np.array([coarse_means(T, Grid(nx, ny)) for T in fields]).reshape(-1, ny, nx)


def chance(trajectory: Trajectory, case: AccuracyCase) -> dict[str, float]:
    """Standard errors of the averages of a rollout, by the names that `Judged.errors` gives."""
    whole = Judged.of(trajectory, case)

    def off(determined: float, long: float) -> list[float]:
        part = Judged.of(trajectory, replace(case, determined=determined, long=long))
        return list(replace(part, fields=whole.fields).errors(whole).values())

    found = standard_errors(off, case.determined, case.long, PARTS)
    return dict(zip(whole.errors(whole), found.tolist(), strict=True))


def rolled_out(
    case: AccuracyCase,
    grid: Grid,
    scheme: Scheme,
    start: Array,
    out: Path,
    *,
    perturbation: float = 0.0,
    dt_factor: float = 1.0,
) -> Trajectory:
    """A rollout over the long span, done before or now, and kept.

    Parameters
    ----------
    case : AccuracyCase
    grid : Grid
    scheme : Scheme
    start : array, shape (ny, nx)
        T that all begin with, on any grid.
    out : Path
        Directory of the rollouts.
    perturbation, dt_factor : float
        See `Rollout`.
    """
    config, sha256 = case.config(grid, scheme), scheme.closure_sha256
    label = f"{case.name} {grid} {scheme.label}"
    label += f" perturbed {perturbation:g}" if perturbation else ""
    label += f" dt times {dt_factor:g}" if dt_factor != 1.0 else ""
    times = case.start + case.determined * np.arange(1, case.outputs + 1) / max(case.outputs, 1)
    rollout = Rollout(
        case=RolloutCase(case.name, config),
        solver=scheme.solver,
        label=label,
        key=f"{RolloutCase(case.name, config).digest} {case} {scheme} {perturbation} {dt_factor}"
        + (f" {sha256}" if sha256 else ""),
        stem=out / "rollouts" / file_name(label),
        field_times=tuple(times.tolist()),
        sample_steps=None if case.outputs else SAMPLE_EVERY,
        perturbation=perturbation,
        dt_factor=dt_factor,
    )
    found = rollout.kept()
    if found is None:
        found = roll_out(rollout, beginning(config, start, case.start), progress=True)
        found.save(rollout.stem)
    return found


@dataclass(frozen=True)
class Reference:
    """The reference of a case, the state it began in, and how far others of its kind are from it.

    `start`, shape (128, 512), is T that it, and all that are compared with it, begin with;
    `distances` are the errors of its scheme at 256x64 and, against that, of half its steps and of
    a start that differs by a millionth; `overturn` is the model time in which the flow crosses
    the box's height, `grid` that of its rollout, `git` the commit that made it.
    """

    start: Array
    judged: Judged
    distances: Distances
    overturn: float
    grid: str | None = None
    git: str | None = None

    @classmethod
    def of(
        cls, rollout: Trajectory, case: AccuracyCase, start: Array, distances: Distances
    ) -> Self:
        """The reference that a rollout from `start`, T of shape (ny, nx), makes."""
        judged, grid = Judged.of(rollout, case), str(case.finest)
        return cls(
            start, judged, distances, 1.0 / float(judged.rates[2]), grid, rollout.account.git
        )

    @classmethod
    def made(cls, case: AccuracyCase, out: Path) -> Self:
        """The reference by the finest rollouts; takes hours where none is done yet."""
        start = start_of(case)
        fine = case.finest
        coarser = Grid(fine.nx // 2, fine.ny // 2, fine.aspect)
        finest = finished(rolled_out(case, fine, FINEST, start, out))
        judged = Judged.of(finest, case)
        twins = {
            f"{coarser}": rolled_out(case, coarser, FINEST, start, out),
            PERTURBED: rolled_out(case, coarser, FINEST, start, out, perturbation=PERTURBATION),
            HALVED: rolled_out(case, coarser, FINEST, start, out, dt_factor=HALF_STEP),
        }
        found = {name: Judged.of(finished(twin), case) for name, twin in twins.items()}
        against = dict.fromkeys((PERTURBED, HALVED), found[f"{coarser}"])
        distances = {name: one.errors(against.get(name, judged)) for name, one in found.items()}
        return cls.of(finest, case, start, distances)


def store(references: Mapping[str, Reference], file: Path = STORED) -> None:
    """Keep references, in single precision, with where they come from; others stay."""
    arrays = dict(read_npz(file)) if file.exists() else {}
    for name, reference in references.items():
        about = provenance() | {"grid": reference.grid, "git": reference.git}
        kept = {
            "about": np.array(json.dumps(about)),
            "start": reference.start.astype(np.float32),
            "fields": reference.judged.fields.astype(np.float32),
            "mean_temperature": np.array(reference.judged.mean_temperature),
            "profile": reference.judged.profile,
            "rates": reference.judged.rates,
            "overturn": np.array(reference.overturn),
            "distances": np.array(json.dumps(reference.distances)),
        }
        arrays |= {f"{name}/{key}": value for key, value in kept.items()}
    write_npz(file, arrays, compressed=True)


def stored(
    names: Sequence[str], file: Path = STORED, *, bench: str = "accuracy"
) -> dict[str, Reference]:
    """The references of these cases; InputError where there is none, with what makes it."""
    found = those_stored(names, file, bench=bench)
    if missing := [name for name in names if name not in found]:
        raise InputError(
            f"{file}: there is no reference of case {', '.join(missing)} yet; `tellus bench "
            f"{bench} --reference --cases {','.join(missing)}` makes it, in hours."
        )
    return found


def those_stored(
    names: Sequence[str], file: Path = STORED, *, bench: str = "accuracy"
) -> dict[str, Reference]:
    """The references that there are already of these cases; InputError for a damaged file."""
    try:
        arrays = read_npz(file)
        return {name: _read(arrays, name) for name in names if f"{name}/fields" in arrays}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError) as error:
        remedy = f"check it out anew, or make it with `tellus bench {bench} --reference`, in hours."
        raise InputError(f"{file}: damaged ({error}): {remedy}") from error


def _read(arrays: Arrays, name: str) -> Reference:
    kept = {
        key.partition("/")[2]: value for key, value in arrays.items() if key.startswith(f"{name}/")
    }
    judged = Judged(
        np.asarray(kept["fields"], np.float64),
        float(kept["mean_temperature"]),
        kept["profile"],
        kept["rates"],
    )
    start, distances = np.asarray(kept["start"], np.float64), json.loads(str(kept["distances"]))
    about = json.loads(str(kept["about"]))
    overturn = float(kept["overturn"])
    return Reference(start, judged, distances, overturn, about["grid"], about["git"])


def start_of(case: AccuracyCase) -> Array:
    """The state that a case begins in, as references keep it."""
    return case.state().astype(np.float32).astype(np.float64)


def finished(trajectory: Trajectory) -> Trajectory:
    """The rollout, or RunFailedError where it did not get to its end."""
    account = trajectory.account
    if not account.finished:
        raise RunFailedError(f"{account.solver}: {account.message}")
    return trajectory
