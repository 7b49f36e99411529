"""Which velocity is worth its seconds? One case, rolled out with every solver.

All rollouts start from one state and cover the same model time. Errors are
differences to the direct rollout over the part of it that is determined at all:
until one that was started a millionth apart has departed from it.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from tellus.config import Config
from tellus.coupling.output.picture_file import save_picture
from tellus.coupling.runs.provenance import provenance
from tellus.coupling.simulation.loop import Simulation, Snapshot
from tellus.errors import InputError, RunFailedError
from tellus.io.busy import BUSY_PERCENT, background_load
from tellus.io.lock import sole_user
from tellus.solver.grid import Array

from .pareto_figure import figure
from .pareto_front import add_comparisons
from .record import save, setting
from .rollouts import Plan, Rollout, Variation, roll_out, start_state
from .sampling import Row
from .selection import chosen, grouped
from .spread import Spread
from .timing import fixed_threads, rest, thread_pools
from .trajectory_drift import departure, deterministic_outputs, errors, rms

log = logging.getLogger(__name__)

REFERENCE = Variation("direct")
PERTURBED = Variation("direct", perturbation=1e-6)
FLOORS = (PERTURBED, Variation("direct", dt_factor=0.5))
"""What the direct rollout itself is worth: errors below these are below its own."""

ROLLOUTS = (
    "skip:2",
    "skip:5",
    "skip:10",
    "skip:50",
    "skip:100",
    "skip:2:linear",
    "skip:5:linear",
    "skip:10:linear",
    "skip:50:linear",
    "skip:100:linear",
    "skip:5:linear:reduced:2",
    "skip:2:linear:lagged:tol=1e-3",
    "skip:5:linear:lagged:tol=1e-3",
    "skip:tol=1e-2:lagged:tol=1e-4",
    "skip:tol=1e-1:refined",
    "skip:tol=1e-2:refined",
    "skip:tol=1e-3:refined",
    "coarse:2",
    "coarse:4",
    "coarse:8",
    "reduced:2",
    "reduced:4",
    "reduced:8",
    "pardiso",
    "lagged",
    "lagged:tol=1e-3",
    "lagged:tol=1e-2",
    "refined",
    "refined:tol=1e-3",
    "iterative",
    "iterative:tol=1e-3",
    "iterative:velocity=1e-2",
    "surrogate",
    "anchored:10:coarse:4",
    "anchored:50:coarse:4",
    "anchored:10:reduced:4",
    "anchored:50:reduced:4",
    "anchored:50:surrogate",
    "anchored:200:surrogate",
    "anchored:tol=1e-2:reduced:4",
    "anchored:tol=1e-3:reduced:4",
    "anchored:tol=1e-2:surrogate",
)
"""Rolled out by default, as far as they can be used; the direct solver always is."""


def main(
    config: Config,
    out: Path,
    solvers: Sequence[str] | None = None,
    *,
    start: float | None = None,
    outputs: int = 20,
    threads: int | None = None,
) -> dict[str, Any]:
    """Roll out one case with every solver, one after another.

    Parameters
    ----------
    config : Config
        The case. It is run to `start` with the direct solver, and from there to its end with
        each.
    out : Path
        Directory for the rollouts, one by one, and in the end the result and its picture. What
        it holds of the same plan is not run again.
    solvers : sequence of str, optional
        Names as --stokes takes them; by default `ROLLOUTS`, as far as they can be used.
    start : float, optional
        Model time; half of the end by default.
    outputs : int
        Times at which fields are kept and compared.
    threads : int, optional
        Threads of every library; as many as the environment allows by default.

    Returns
    -------
    dict
        ``results``: a row per rollout, the direct one first, then the floors; and where it was
        measured.
    """
    plan = Plan(config, 0.5 * config.time.end if start is None else start, outputs)
    names, required = chosen(solvers, ROLLOUTS, ROLLOUTS)
    # Built once before, so that bad names are refused and libraries loaded before time is spent.
    left_out = _unusable(plan, names, required)
    taking_part = [name for name in names if name != "direct" and name not in left_out]
    variations = [REFERENCE, *FLOORS, *(Variation(name) for name in taking_part)]
    with sole_user(out), fixed_threads(threads) as count:
        result = _document(plan, count)
        state = start_state(plan)
        rollouts = _roll_out_all(plan, variations, state, out, count)
        result |= {"thread_pools": thread_pools(), "left_out": left_out}
        result |= judged(rollouts, state, plan)
        written = save(result, out)
        save_picture(figure(result), written.with_suffix(".png"))
        log.info("written: %s and .png", written)
    return result


def _document(plan: Plan, threads: int) -> dict[str, Any]:
    config = plan.config
    return {
        "benchmark": "pareto",
        "grid": f"{config.grid.nx}x{config.grid.ny}",
        "config": config.model_dump(mode="json"),
        "start": plan.start,
        "end": config.time.end,
        "background_load_percent": background_load(),
        **provenance(),
        "threads": threads,
    }


def _unusable(plan: Plan, names: Sequence[str], required: bool) -> dict[str, str]:
    """The solvers that cannot be built or used here, and why; InputError where they must."""
    found = {}
    for name in names:
        try:
            simulation = Simulation.from_config(plan.with_solver(name))
            simulation.solver.check(simulation.problem)
        except (InputError, ImportError) as error:
            if required:
                raise
            log.warning("%s is left out: %s", name, error)
            found[name] = str(error)
    return found


def _roll_out_all(
    plan: Plan, variations: Sequence[Variation], state: Snapshot, out: Path, threads: int
) -> list[Rollout]:
    """Each variation, saved as soon as it is done."""
    pace = Pace(plan, state)
    done = []
    for number, variation in enumerate(variations, start=1):
        key = plan.key(label=variation.label, threads=threads)
        stem = out / "rollouts" / variation.file_name
        found = Rollout.load(stem, key)
        again = "" if found is None else " (done before)"
        log.info("rollout %d of %d: %s%s", number, len(variations), variation.label, again)
        if found is None:
            now = pace.seconds()
            rest()
            found = roll_out(plan, variation, state, key)
            found.info["pace_seconds"] = now
            found.save(stem)
        done.append(found)
    return done


class Pace:
    """The seconds of one and the same direct solve, which tell whether the machine has changed."""

    def __init__(self, plan: Plan, state: Snapshot) -> None:
        self._simulation = Simulation.from_config(plan.with_solver("direct"))
        self._simulation.restore(state)

    def seconds(self, solves: int = 5) -> float:
        """Median of a few, after one that is not timed."""
        taken = []
        for _ in range(solves + 1):
            start = perf_counter()
            self._simulation.solver.solve(self._simulation.problem)
            taken.append(perf_counter() - start)
        return median(taken[1:])


def judged(rollouts: Sequence[Rollout], state: Snapshot, plan: Plan) -> dict[str, Any]:
    """Rows and what they rest on: the deterministic part, the changes in it, the floors."""
    by_label = {rollout.info["label"]: rollout for rollout in rollouts}
    reference, perturbed = by_label[REFERENCE.label], by_label[PERTURBED.label]
    for needed in (reference, perturbed):
        if needed.info["failed"] is not None:
            raise RunFailedError(
                f"{needed.info['label']}: {needed.info['failed']} There is nothing to compare with."
            )
    departures = departure(reference.arrays, perturbed.arrays, state["temperature"])
    count = deterministic_outputs(departures)
    times = np.array(plan.times[:count])
    rows = [_row(rollout, reference, times, plan) for rollout in rollouts]
    add_comparisons(rows, floors=[floor.label for floor in FLOORS])
    change = reference.arrays["temperature"][:count] - state["temperature"]
    paces = [row["pace_seconds"] for row in rows]
    return {
        "results": rows,
        "output_times": plan.times,
        "departure": departures.tolist(),
        "deterministic_until": float(times[-1]),
        "deterministic_outputs": count,
        "change_of_temperature": float(np.mean(rms(change))),
        "pace": Spread.of(paces).to_json(),
        "versions_differ": len({rollout.info["git"] for rollout in rollouts}) > 1,
    }


def _row(rollout: Rollout, reference: Rollout, times: Array, plan: Plan) -> Row:
    info = {key: value for key, value in rollout.info.items() if key not in ("key", "label")}
    row = {"name": info["solver"], **info, "solver": rollout.info["label"]}
    if rollout.info["failed"] is not None:
        return row
    span = plan.config.time.end - plan.start
    return {
        **row,
        "seconds_per_model_time": rollout.info["seconds"] / span,
        "speedup": reference.info["seconds"] / rollout.info["seconds"],
        **errors(reference.arrays, rollout.arrays, times),
    }


def table(result: Mapping[str, Any]) -> Table:
    """The result for a terminal, fastest first."""
    view = Table(title="rollouts", title_justify="left")
    view.add_column("solver")
    for heading in HEADINGS:
        view.add_column(heading, justify="right")
    view.add_column("best classical solver at this error")
    for row in sorted(result["results"], key=lambda row: row.get("seconds", np.inf)):
        if row["failed"] is None:
            view.add_row(*_cells(row))
    view.caption = "\n".join(_notes(result))
    view.caption_justify = "left"
    return view


HEADINGS = (
    "s per model time",
    "speed-up",
    "ms per step",
    "rms error of T",
    "of <T>(t)",
    "of profile",
    "of Nu",
)


def _cells(row: Row) -> list[str]:
    names = ("field_error", "mean_temperature_error", "profile_error", "nusselt_error")
    best = row.get("best_classical")
    named = ""
    if best is not None and best["solver"] != row["solver"]:
        named = f"{best['solver']} (this is {best['speedup_over_it']:.2g} times as fast)"
    return [
        row["solver"] + (" *" if row.get("on_front") else ""),
        f"{row['seconds_per_model_time']:.3g}",
        f"{row['speedup']:.3g}",
        f"{1e3 * row['seconds'] / row['steps']:.3g}",
        *(f"{row[name]:.2g}" for name in names),
        named,
    ]


def _notes(result: Mapping[str, Any]) -> list[str]:
    """Lines under the table."""
    rows, pace = result["results"], result["pace"]
    notes = [
        "marked *: on the Pareto front of seconds and error of T",
        f"errors are those until t = {result['deterministic_until']:.4g}, in which T changes by "
        f"{result['change_of_temperature']:.2g} (rms)",
        f"a direct solve between rollouts took {1e3 * pace['seconds']:.3g} ms "
        f"({1e3 * pace['seconds_min']:.3g} to {1e3 * pace['seconds_max']:.3g})",
    ]
    failed = [(row["solver"], row["failed"]) for row in rows if row["failed"] is not None]
    notes += [f"failed: {line}" for line in grouped(failed)]
    notes += grouped((row["solver"], warning) for row in rows for warning in row["warnings"])
    notes += grouped((row["solver"], note) for row in rows for note in _training_note(row))
    notes += [f"left out: {line}" for line in grouped(result["left_out"].items())]
    disturbed = [row for row in rows if row.get("others_percent", 0.0) > BUSY_PERCENT]
    if disturbed:
        most = max(row["others_percent"] for row in disturbed)
        notes.append(
            f"other work used up to {most:.0f} % of the machine, do not quote the seconds of: "
            f"{', '.join(row['solver'] for row in disturbed)}"
        )
    if result["versions_differ"]:
        notes.append("rollouts were made by different versions of the code")
    return [*notes, setting(result)]


def _training_note(row: Row) -> list[str]:
    training = row.get("training")
    if training is None:
        return []
    if training["seconds"] is None:
        return ["runs until it pays: unknown, its card does not say what data and training took"]
    runs = training["break_even_runs"]
    pays = "never pays here" if runs is None else f"pays after {runs:.3g} such runs"
    return [f"data and training took {training['seconds']:.3g} s, which {pays}"]
