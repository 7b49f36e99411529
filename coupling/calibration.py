"""How much of what it learned of viscosity a closure shows to shear: from long means of finer runs.

Stretches of some steps, which a closure is trained on, say little about what becomes of hundreds of
overturns. The biases of such runs go with one number, the share of the change to shear; it is
set so that they are smallest in simulations that the closure was trained on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from tellus.config import Config, changed
from tellus.config.own_class import NO_CLOSURE, closure_settings
from tellus.config.solver_spec import RECOMMENDED
from tellus.coupling.build import grid_of, replaced
from tellus.coupling.cluster import check_scheduler, run_all
from tellus.coupling.trajectory.cases import RolloutCase, cases_of_data
from tellus.coupling.trajectory.drift import on_rows, relative_rates, standard_errors
from tellus.coupling.trajectory.record import RATES, Trajectory
from tellus.coupling.trajectory.rollout import Rollout, beginning, file_name, roll_out
from tellus.errors import InputError, RunFailedError
from tellus.io.lock import sole_user
from tellus.io.places import refuse_occupied
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import rms_velocity, velocity
from tellus.surrogate.card import CARD
from tellus.surrogate.closure.model import LearnedClosure
from tellus.surrogate.data import Dataset
from tellus.surrogate.files import read_card

SHARES = (0.4, 0.6, 0.8)
"""Tried in runs; between them, and a little beyond, biases go straight."""

CANDIDATES = np.linspace(0.2, 1.0, 81)

SOLVER = RECOMMENDED
"""The Stokes solver of the runs with the closure: on their own grid, held over a step."""

SETTLED, SPAN, LEFT_OUT = 4, 28, 4
"""Overturns: of the finer run before all begin; of all; of these, before means are taken."""

PARTS = 4
"""Equal parts of the span, from whose means the standard error of its mean follows."""

RUNS = "calibration"
"""Folder of the result's directory with the runs and the closures that they are made with."""


@dataclass(frozen=True)
class Bias:
    """Errors of a run's long means, with the finer run as truth; those of rates are relative."""

    simulation: str
    share: float | None  # of the learned change of viscosity to shear; None without a closure
    nusselt_top: float
    nusselt_bottom: float  # over the heat through the top
    vrms: float
    profile: float  # mean absolute, of T(y)
    size: float  # of all together, over what chance makes of such means


@dataclass(frozen=True)
class _Gaps:
    """What is off in the runs of one simulation, numbers without a unit, and how far by chance."""

    name: str
    seconds: float  # of the processor, that all of them took
    without: Array
    with_share: Array  # (shares, numbers)
    chance: Array


def calibrate(
    model: Path,
    data: Path,
    out: Path,
    jobs: int = 1,
    scheduler: str | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Set the share of the change to shear, by runs of the simulations of the training split.

    Parameters
    ----------
    model : Path
        A closure trained with ``model.velocity = "own"``.
    data : Path
        Filtered data. From the last state of each of its training simulations goes the run that the
        data were made by, and runs on their grid without the closure and with several shares.
    out : Path
        Becomes the calibrated closure; runs are kept in it, and a killed call goes on.
    jobs, scheduler
        As of `run_all`.
    report : callable
        Takes a line of progress.

    Returns
    -------
    dict
        ``share``; ``seconds`` of the processor; ``biases``, a `Bias` for each run, and for each
        simulation what the calibrated closure is expected to have; ``failed``, a sentence for each
        simulation left out.
    """
    out, model = out.absolute(), model.absolute()
    closure = LearnedClosure.load(model)
    if not closure.of_own_grid:
        raise InputError(
            f'{model} has not learned viscosity: train it with model.velocity = "own" to calibrate '
            "it."
        )
    cases, dataset = cases_of_data(data, "train"), Dataset.open(data)
    grid = dataset.grid
    if grid_of(cases[0].config).nx <= grid.nx:
        raise InputError(f"{data} holds no filtered data: calibrate on what it was trained on.")
    of_data = {"data": dataset.card["hash"]}
    _refuse_other(out, model, closure, of_data)
    refuse_occupied(out, (out / RUNS).is_dir(), "holds no calibration")
    check_scheduler(scheduler)
    if closure.card["data"]["hash"] != of_data["data"]:
        report(f"warning: {model} was trained on other data than {data}")
    with sole_user(out):
        trials = [NO_CLOSURE]
        for share in SHARES:
            trial = out / RUNS / f"share-{share:g}"
            trials.append(str(closure.with_share(share, trial, calibration=of_data)))
        tasks = [(case, *_last(dataset, case), grid, trials, out) for case in cases]
        found, failed = list[_Gaps](), list[str]()
        for gaps in run_all(_gaps, tasks, jobs, scheduler, keep_failures=True):
            if isinstance(gaps, RunFailedError):
                failed.append(str(gaps))
                report(f"left out: {gaps}")
            elif isinstance(gaps, Exception):
                raise gaps
            else:
                found.append(gaps)
                report(f"{len(found) + len(failed)}/{len(tasks)}: {gaps.name}")
        if not found:
            raise RunFailedError(f"no run with {model} got to its end: {failed[0]}")
        found.sort(key=lambda gaps: gaps.name)
        if not any(np.ptp(gaps.with_share, axis=0).any() for gaps in found):
            raise RunFailedError(
                f"{model} says nothing of viscosity in the simulations of {data}: calibrate it on "
                "data like those that it was trained on."
            )
        share = best_share(_scaled(found))
        result = {
            "share": share,
            "grid": str(grid),
            **of_data,
            "seconds": sum(gaps.seconds for gaps in found),
            "biases": [asdict(bias) for bias in _biases(found, share)],
            "failed": failed,
        }
        closure.with_share(share, out, calibration=result)
    return result


def _refuse_other(
    out: Path, model: Path, closure: LearnedClosure, of_data: Mapping[str, str]
) -> None:
    """InputError where `out` holds the closure itself, lies in it, or is another calibration."""
    place, source = out.resolve(), model.resolve()
    if place in (source, *source.parents) or source in place.parents:
        holds = "lies in" if source in place.parents else "holds"
        raise InputError(f"{out} {holds} {model}, which is read: choose another --out.")

    def identity(card: Mapping[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in card.items() if k not in ("weights_sha256", "calibration")}

    begun = out / RUNS / f"share-{SHARES[0]:g}" / CARD
    if not begun.is_file():
        return
    card = read_card(begun)
    if identity(card) != identity(closure.card):
        raise InputError(f"{out} is the calibration of another closure: choose another --out.")
    if card.get("calibration") not in (None, of_data):  # earlier versions said nothing there
        raise InputError(f"{out} is a calibration on other data: choose another --out.")


def best_share(gaps: Array) -> float:
    """The share of `CANDIDATES` at which biases are smallest: the mean over simulations of norms.

    Parameters
    ----------
    gaps : array, shape (simulations, shares, numbers)
        Of runs with each of `SHARES`, over what chance makes.
    """
    return float(CANDIDATES[np.argmin(np.mean(_sizes(_straight(gaps, CANDIDATES)), axis=0))])


def _straight(gaps: Array, shares: Array) -> Array:
    """Gaps at `shares` on the least-squares lines through those at `SHARES`.

    Shape (simulations, shares, numbers), as `gaps` but for the shares.
    """
    moved = np.array(SHARES) - np.mean(SHARES)
    slopes = np.einsum("s,nsk->nk", moved, gaps) / np.sum(moved**2)
    lines: Array = (
        gaps.mean(axis=1)[:, None] + (shares - np.mean(SHARES))[:, None] * slopes[:, None]
    )
    return lines


def _sizes(gaps: Array) -> Array:
    """Norm over the last axis: both Nusselt numbers, Vrms and T(y), of equal weight."""
    single, profile = gaps[..., :3], gaps[..., 3:]
    sizes: Array = np.sqrt((single**2).sum(axis=-1) + (profile**2).mean(axis=-1))
    return sizes


def _scaled(found: Sequence[_Gaps]) -> Array:
    gaps: Array = np.array([one.with_share for one in found]) / _chance(found)
    return gaps


def _chance(found: Sequence[_Gaps]) -> Array:
    """Median over simulations of each number's standard error, T(y) as one; shape (numbers,)."""
    each = np.median([one.chance for one in found], axis=0)
    each[3:] = np.sqrt(np.mean(each[3:] ** 2))
    chance: Array = np.maximum(each, 1e-6)
    return chance


def _biases(found: Sequence[_Gaps], share: float) -> list[Bias]:
    """Biases of all runs, and those expected of runs with the calibrated closure."""
    chance, biases = _chance(found), list[Bias]()
    for one in found:
        expected = _straight(one.with_share[None], np.array([share]))[0, 0]
        tried = [*zip(SHARES, one.with_share, strict=True), (share, expected)]
        for of, gaps in [(None, one.without), *tried]:
            top, bottom, vrms = gaps[:3].tolist()
            profile, size = np.mean(np.abs(gaps[3:])), _sizes(gaps / chance)
            biases.append(Bias(one.name, of, top, bottom, vrms, float(profile), float(size)))
    return biases


def _last(dataset: Dataset, case: RolloutCase) -> tuple[Array, float, float]:
    """T and time of the last moment that the data hold of a simulation, and its overturn time."""
    kept = dataset.arrays(case.name, "temperature", "psi", "time")
    speed = rms_velocity(*velocity(kept["psi"][-1].astype(np.float64), dataset.grid), dataset.grid)
    return kept["temperature"][-1].astype(np.float64), float(kept["time"][-1]), 1.0 / speed


def _gaps(
    case: RolloutCase,
    temperature: Array,
    time: float,
    overturn: float,
    grid: Grid,
    closures: Sequence[str],
    out: Path,
) -> _Gaps:
    """The finer run and the coarse ones, what is there already taken from there."""
    if overturn > 1.0 / QUIET_VRMS:
        raise RunFailedError(f"{case.name} does not convect in its last state")
    begun = time + SETTLED * overturn
    end = begun + SPAN * overturn
    config = replaced(
        case.config, "time", end=end, max_steps=None, dt_initial=case.config.time.dt_max
    )
    fine = _run(case.name, config, temperature, time, out, keep=(begun,))
    start, means = fine.fields[0], _Means(begun + LEFT_OUT * overturn, end, grid.ny)
    truth = means.of(fine)
    coarse = [_coarse(config, grid, closure) for closure in closures]
    runs = [_run(case.name, other, start, begun, out) for other in coarse]
    with np.errstate(all="ignore"):  # and said below
        without, *others = (means.gaps(run, truth) for run in runs)
        chance = means.chance(fine, truth)
    if not all(np.isfinite(each).all() for each in (without, *others, chance)):
        raise RunFailedError(f"{case.name}: means of its runs are not finite")
    seconds = sum(run.account.cpu_seconds for run in (fine, *runs))
    return _Gaps(case.name, seconds, without, np.array(others), chance)


def _coarse(config: Config, grid: Grid, closure: str) -> Config:
    """The run as it is on the coarse grid."""
    settings = {
        "grid.nx": grid.nx,
        "grid.ny": grid.ny,
        "energy.velocity": "held",
        "stokes.solver": SOLVER,
        **closure_settings(closure),
    }
    return changed(config, [f"{key}={value}" for key, value in settings.items()])


def _run(
    name: str,
    config: Config,
    start: Array,
    time: float,
    out: Path,
    keep: tuple[float, ...] = (),
) -> Trajectory:
    """One run, done before or now; RunFailedError where it does not get to its end."""
    grid, weights = grid_of(config), config.closure.weights
    label = f"{name} {grid} {'none' if weights is None else Path(weights).name}"
    case = RolloutCase(name, config)
    digest = None if weights is None else LearnedClosure.load(weights).sha256
    rollout = Rollout(
        case=case,
        solver=config.stokes.solver,
        label=label,
        key=f"{case.digest} {config.stokes.solver} {time} {digest}",
        stem=out / RUNS / file_name(label),
        field_times=keep,
        sample_steps=5,
    )
    found = rollout.kept()
    if found is None:
        found = roll_out(rollout, beginning(config, start, time))
        found.save(rollout.stem)
    if not found.account.finished:
        raise RunFailedError(f"{label}: {found.account.message}")
    return found


@dataclass(frozen=True)
class _Means:
    """Means over a span of model time, of T(y) over the rows of a grid."""

    start: float
    end: float
    rows: int

    def of(self, run: Trajectory) -> Array:
        """Nusselt numbers of top and bottom, Vrms, and T(y)."""
        rates = [run.average(name, self.start, self.end) for name in RATES[:3]]
        profile = run.average("profile", self.start, self.end)
        return np.array([*rates, *on_rows(profile, self.rows)])

    def gaps(self, run: Trajectory, truth: Array) -> Array:
        """A run's means minus the true ones: Nusselt numbers and Vrms relative, T(y) as it is."""
        return _relative(self.of(run) - truth, truth)

    def chance(self, run: Trajectory, truth: Array) -> Array:
        """Standard errors of a run's means, numbers as in `gaps`; `truth` are its own means."""

        def off(start: float, end: float) -> Array:
            return replace(self, start=start, end=end).of(run) - truth

        return _relative(standard_errors(off, self.start, self.end, PARTS), truth)


def _relative(gaps: Array, truth: Array) -> Array:
    return np.concatenate([relative_rates(gaps[:3], truth[:3]), gaps[3:]])


HEADINGS = {
    "nusselt_top": "Nu top, %",
    "nusselt_bottom": "Nu bottom, % of top",
    "vrms": "Vrms, %",
    "profile": "T(y)",
    "size": "over chance",
}


def table(result: Mapping[str, Any]) -> Table:
    """Medians over the simulations of the absolute biases, by share."""
    shares = [None, *SHARES, result["share"]]
    found = Table("share", *HEADINGS.values(), title=f"runs on {result['grid']}")
    for number, share in enumerate(shares):
        rows = result["biases"][number :: len(shares)]
        values = {name: median(abs(row[name]) for row in rows) for name in HEADINGS}
        name = "no closure" if share is None else f"{share:g}"
        name += ", expected" if number == len(shares) - 1 else ""
        percent = (f"{100 * values[key]:.2g}" for key in ("nusselt_top", "nusselt_bottom", "vrms"))
        found.add_row(name, *percent, f"{values['profile']:.1e}", f"{values['size']:.2g}")
    found.caption = (
        f"medians over {len(rows)} simulations; over chance: of all together, where 1 is what "
        "chance makes of such means; expected: from straight lines through the runs"
    )
    return found
