"""What every scheme is judged against: runs on the finest grid, and how far they can be trusted.

Kept in the repository as cell means at 128x32 and averages, with what made them: `tellus bench
accuracy --reference` does it anew, in hours.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from tellus.coupling.runs.provenance import provenance
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.record import RATES, Trajectory
from tellus.coupling.trajectory.rollout import Rollout, file_name, roll_out
from tellus.errors import InputError, RunFailedError
from tellus.io.arrays import read_npz, write_npz
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.regridding import coarse_means

from .accuracy_cases import COMPARED, FINE, FINEST, AccuracyCase, Scheme, beginning
from .accuracy_front import HALVED, PERTURBED

STORED = Path(__file__).with_name("results") / "accuracy-reference.npz"
OUTPUTS = 8
"""Times in the determined span at which fields are compared."""

PERTURBATION = 1e-6


@dataclass(frozen=True)
class Judged:
    """What is compared of a run, on 128x32 cells.

    Attributes
    ----------
    fields : array, shape (outputs, 32, 128)
        T at evenly spaced times of the determined span.
    mean_temperature : float
        Over the long span after it, as all that follows.
    profile : array, shape (32,)
    rates : array, shape (4,)
        Nu at the top and at the bottom, Vrms, surface velocity.
    """

    fields: Array
    mean_temperature: float
    profile: Array
    rates: Array

    @classmethod
    def of(cls, trajectory: Trajectory, case: AccuracyCase) -> Self:
        """Of a rollout of a case."""
        span = case.start + case.determined, case.start + case.long
        profile = trajectory.average("profile", *span)
        rows = profile.reshape(COMPARED.ny, -1).mean(axis=1)
        return cls(
            np.array([coarse_means(field, COMPARED) for field in trajectory.fields]),
            float(np.mean(profile)),
            rows,
            np.array([trajectory.average(name, *span) for name in RATES]),
        )

    def errors(self, reference: "Judged") -> dict[str, float]:
        """Mean absolute differences of T, of <T> and of its profile; relative ones of the rates.

        Those of both Nusselt numbers are relative to the top's: where the interior is heated as
        much as it cools, hardly any heat comes through the bottom.
        """
        scales = reference.rates[[0, 0, 2, 3]]
        relative = np.abs((self.rates - reference.rates) / scales).tolist()
        gap = self.fields - reference.fields
        return {
            "field_error": float(np.mean(np.abs(gap))),
            "final_field_error": float(np.mean(np.abs(gap[-1]))),
            "mean_temperature_error": abs(self.mean_temperature - reference.mean_temperature),
            "profile_error": float(np.mean(np.abs(self.profile - reference.profile))),
            **{f"{name}_error": error for name, error in zip(RATES, relative, strict=True)},
        }


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
    start : array, shape (128, 512)
        T that all begin with.
    out : Path
        Directory of the rollouts.
    perturbation, dt_factor : float
        See `Rollout`.
    """
    config, sha256 = case.config(grid, scheme), scheme.weights_sha256
    label = f"{case.name} {grid} {scheme.label}"
    label += f" perturbed {perturbation:g}" if perturbation else ""
    label += f" dt times {dt_factor:g}" if dt_factor != 1.0 else ""
    times = case.start + case.determined * np.arange(1, OUTPUTS + 1) / OUTPUTS
    rollout = Rollout(
        case=RolloutCase(case.name, config),
        solver=scheme.solver,
        label=label,
        key=f"{RolloutCase(case.name, config).digest} {case} {scheme} {perturbation} {dt_factor}"
        + (f" {sha256}" if sha256 else ""),
        stem=out / "rollouts" / file_name(label),
        field_times=tuple(times.tolist()),
        perturbation=perturbation,
        dt_factor=dt_factor,
    )
    found = Trajectory.load(rollout.stem)
    if found is None or found.account.key != rollout.key:
        found = roll_out(rollout, beginning(config, start, case.start), progress=True)
        found.save(rollout.stem)
    return found


@dataclass(frozen=True)
class Reference:
    """The reference of a case, the state it began in, and how far others of its kind are from it.

    Attributes
    ----------
    start : array, shape (128, 512)
        T that it, and all that are compared with it, begin with.
    judged : Judged
    distances : dict
        The errors of its scheme at 256x64 and, against that, of half its steps and of a start that
        differs by a millionth.
    overturn : float
        Model time in which the flow crosses the box's height.
    git : str, optional
        The commit that made it.
    """

    start: Array
    judged: Judged
    distances: Mapping[str, Mapping[str, float]]
    overturn: float
    git: str | None = None

    @classmethod
    def made(cls, case: AccuracyCase, out: Path) -> Self:
        """By the finest rollouts; hours where none is done yet."""
        start = case.state().astype(np.float32).astype(np.float64)
        coarser = Grid(FINE.nx // 2, FINE.ny // 2, FINE.aspect)
        finest = _finished(rolled_out(case, FINE, FINEST, start, out))
        judged = Judged.of(finest, case)
        twins = {
            f"{coarser}": rolled_out(case, coarser, FINEST, start, out),
            PERTURBED: rolled_out(case, coarser, FINEST, start, out, perturbation=PERTURBATION),
            HALVED: rolled_out(case, coarser, FINEST, start, out, dt_factor=0.5),
        }
        found = {name: Judged.of(_finished(twin), case) for name, twin in twins.items()}
        against = dict.fromkeys((PERTURBED, HALVED), found[f"{coarser}"])
        distances = {name: one.errors(against.get(name, judged)) for name, one in found.items()}
        return cls(start, judged, distances, 1.0 / float(judged.rates[2]), finest.account.git)


def store(references: Mapping[str, Reference], file: Path = STORED) -> None:
    """Keep references, in single precision, with where they come from; others stay."""
    arrays = dict(read_npz(file)) if file.exists() else {}
    for name, reference in references.items():
        about = provenance() | {"grid": str(FINE), "git": reference.git}
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


def stored(names: Sequence[str], file: Path = STORED) -> dict[str, Reference]:
    """The references of these cases; InputError where there is none."""
    try:
        arrays = read_npz(file)
        missing = [name for name in names if f"{name}/fields" not in arrays]
        if missing:
            raise InputError(
                f"{file}: there is no reference of case {', '.join(missing)} yet; `tellus bench "
                f"accuracy --reference --cases {','.join(missing)}` makes it, in hours."
            )
        return {name: _read(arrays, name) for name in names}
    except FileNotFoundError:
        remedy = "`tellus bench accuracy --reference` makes it, in hours."
        raise InputError(f"{file}: there is no reference yet; {remedy}") from None
    except (OSError, ValueError, KeyError) as error:
        remedy = "check it out anew, or make it with `tellus bench accuracy --reference`, in hours."
        raise InputError(f"{file}: damaged ({error}): {remedy}") from error


def _read(arrays: Mapping[str, Any], name: str) -> Reference:
    kept = {
        key.partition("/")[2]: value for key, value in arrays.items() if key.startswith(f"{name}/")
    }
    judged = Judged(
        np.asarray(kept["fields"], np.float64),
        float(kept["mean_temperature"]),
        kept["profile"],
        kept["rates"],
    )
    start = np.asarray(kept["start"], np.float64)
    return Reference(start, judged, json.loads(str(kept["distances"])), float(kept["overturn"]))


def _finished(trajectory: Trajectory) -> Trajectory:
    account = trajectory.account
    if not account.finished:
        raise RunFailedError(f"{account.solver}: {account.message}")
    return trajectory
