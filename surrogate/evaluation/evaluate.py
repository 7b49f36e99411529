"""A-priori evaluation: a surrogate and its base against direct solutions, snapshot by snapshot."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tellus.errors import InputError, SolverError
from tellus.solver.boundaries import NO_SLIP, BoundaryConditions
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, flow_from_psi
from tellus.surrogate.card import PARAMETERS
from tellus.surrogate.data import Dataset, Snapshots
from tellus.surrogate.model import StokesSurrogate, load_surrogate

from .scores import Score, Scores, errors, spread

TIMED_DIRECT_SOLVES = 20


def evaluate(model_dir: Path | None, data: Path, split: str = "test") -> dict[str, Any]:
    """Errors and seconds of model and base over the evenly spread snapshots of a split.

    Returns
    -------
    dict
        - "relative_l2": median, p95 and max over snapshots of the relative velocity error;
        - "u", "v": the same of each component, and its "mae", a mean over snapshots;
        - "decades": all these by the decade of the reference's rms velocity;
        - "walls": for each wall the median over snapshots of the rms error of the tangential
          velocity half a cell from it over the reference's rms velocity in the box;
          "wall_mae": the mean absolute error there, a mean over snapshots;
        - "divergence": of |div u| h / max|u|, h the smaller spacing, "max" and "rms" over
          snapshots and cells, of the cells "inside" and of those at "walls" apart;
          "max_divergence": the larger of the two;
        - "spectrum": error of v by horizontal wave number, see `Spectrum`;
        - "previous_snapshot": the velocity of the snapshot one interval before as the
          prediction: its "mae", "ratio" to the model's over the same snapshots, both means, and
          the "median_ratio" over snapshots; None where no snapshot has a predecessor;
        - "base", where the surrogate has one: the same of the base alone, and "improvement": ratio
          of the median errors, base over model;
        - "per_simulation", "seconds" (medians per snapshot), "snapshots",
          "quiet_snapshots_left_out", "grid" and "weights_sha256".

    Raises
    ------
    InputError
        Model or data are missing or damaged, the split is unknown, or nothing moves in it.
    SolverError
        The surrogate predicts a velocity that is not finite.
    """
    dataset = Dataset.open(data)
    surrogate = load_surrogate(model_dir, dataset.grid)
    course = _Course(dataset, surrogate)
    for simulation in dataset.simulations(split):
        course.run(simulation)
    if not course.model.all:
        raise InputError(f'{data}: no snapshot of split "{split}" moves; evaluate another split.')
    return {"split": split, **course.result()}


class _Course:
    """One surrogate's way through the simulations of a split."""

    def __init__(self, dataset: Dataset, surrogate: StokesSurrogate) -> None:
        self.dataset, self.surrogate = dataset, surrogate
        velocity, walls = dataset.card["boundaries"], BoundaryConditions().walls
        self.walls = BoundaryConditions(
            **{name: replace(wall, velocity=velocity) for name, wall in walls.items()}
        )
        self.ways = {"model": surrogate.flow}
        if surrogate.base is not None:
            self.ways = {"base": surrogate.base.solve, **self.ways}
        self.scores = {name: Scores(odd=velocity == NO_SLIP) for name in self.ways}
        self.model = self.scores["model"]
        # Of the velocity of the snapshot before, where there is one, and of the model.
        self.rivals: list[tuple[Score, Score]] = []
        self.rows: list[dict[str, Any]] = []
        self.direct: list[float] = []
        self.quiet = 0

    def run(self, simulation: Snapshots) -> None:
        """Score the chosen snapshots of one simulation."""
        self.surrogate.check(self.dataset.grid, self.walls, simulation.problem(0).rheology)
        chosen = np.flatnonzero(simulation.even & (simulation.vrms >= QUIET_VRMS)).tolist()
        self.quiet += int(simulation.even.sum()) - len(chosen)
        before = predecessors(self.dataset, simulation)
        begin = len(self.model.all)
        for k in chosen:
            self._snapshot(simulation, k, before.get(k))
        scored = {name: scores.all[begin:] for name, scores in self.scores.items()}
        self.rows.append(_row(simulation, scored))

    def _snapshot(self, simulation: Snapshots, k: int, before: int | None) -> None:
        problem, grid = simulation.problem(k), simulation.grid
        reference = _flow(simulation.psi[k], grid)
        if not self.direct:
            self.surrogate.flow(problem)  # the first call takes longer, and is not timed
        for name, way in self.ways.items():
            flow, seconds = _timed(way, problem)
            if not (np.isfinite(flow.u).all() and np.isfinite(flow.v).all()):
                raise SolverError(
                    f"the surrogate predicts a velocity that is not finite for snapshot {k} of "
                    f"{simulation.names[0]}: train it again."
                )
            score = self.scores[name].add(flow, reference, grid, seconds)
        if before is not None:
            held = _flow(simulation.psi[before], grid)
            self.rivals.append((Score.of(held, reference, grid), score))
        if len(self.direct) < TIMED_DIRECT_SOLVES:
            from tellus.solver.direct import DirectSolver

            solver = DirectSolver(grid)
            solver.solve(problem)
            self.direct.append(_timed(solver.solve, problem)[1])

    def result(self) -> dict[str, Any]:
        """All but the split."""
        seconds = {"model": self.model.seconds, "direct": float(np.median(self.direct))}
        result = self.model.summary()
        if self.surrogate.base is not None:
            base = self.scores["base"]
            seconds["base"] = base.seconds
            result["base"] = {"name": self.surrogate.base.name, **base.summary()}
            medians = (part["relative_l2"]["median"] for part in (result["base"], result))
            result["improvement"] = float(np.divide(*medians))
        return {
            **result,
            "previous_snapshot": self._previous(),
            "per_simulation": self.rows,
            "seconds": seconds,
            "snapshots": len(self.model.all),
            "quiet_snapshots_left_out": self.quiet,
            "grid": str(self.dataset.grid),
            "weights_sha256": self.surrogate.sha256,
        }

    def _previous(self) -> dict[str, Any] | None:
        """How much smaller the model's error is than that of the velocity of the snapshot before.

        It is the simplest rival of a prediction; mean absolute errors over the same snapshots.
        """
        if not self.rivals:
            return None
        rival = [held for held, _ in self.rivals]
        theirs, ours = np.array([[each.both_mae for each in pair] for pair in self.rivals]).T
        return {
            "steps": _interval(self.dataset),
            "snapshots": len(rival),
            "mae": float(np.mean(theirs)),
            "model_mae": float(np.mean(ours)),
            "ratio": float(np.mean(theirs) / np.mean(ours)),
            "median_ratio": float(np.median(theirs / ours)),
            "relative_l2": spread([score.relative_l2 for score in rival]),
        }


def predecessors(dataset: Dataset, simulation: Snapshots) -> dict[int, int]:
    """Numbers of snapshots, each with that of the snapshot taken one interval before it.

    Where no step numbers are stored it is the even snapshot before an even one.
    """
    every = _interval(dataset)
    if every is None or not dataset.has(simulation.names[0], "step"):
        even = np.flatnonzero(simulation.even).tolist()
        return dict(zip(even[1:], even, strict=False))
    steps = dataset.arrays(simulation.names[0], "step", "even")["step"].tolist()
    place = {step: k for k, step in enumerate(steps)}
    return {k: place[step - every] for k, step in enumerate(steps) if step - every in place}


def _interval(dataset: Dataset) -> int | None:
    """Steps between the even snapshots of a data set, None where its card does not say."""
    config = dataset.card.get("config") or {}
    every = (config.get("dataset") or {}).get("snapshot_every")
    return int(every) if every else None


def _flow(psi: Array, grid: Grid) -> Flow:
    return flow_from_psi(psi, grid, StokesReport("stored"))


def _timed(way: Callable[[StokesProblem], Flow], problem: StokesProblem) -> tuple[Flow, float]:
    """What comes out, and the seconds it took."""
    start = perf_counter()
    found = way(problem)
    return found, perf_counter() - start


def _row(simulation: Snapshots, scored: Mapping[str, list[Score]]) -> dict[str, Any]:
    """One line of the table; a simulation that never moves has None for errors."""
    model = scored["model"]
    row: dict[str, Any] = {
        "name": simulation.names[0],
        **{name: float(getattr(simulation, name)[0]) for name in PARAMETERS[:3]},
        "snapshots": len(model),
        "vrms": float(np.median([s.vrms for s in model])) if model else None,
        **(errors(model) if model else {"u": None, "v": None, "relative_l2": None}),
    }
    for name, scores in scored.items():
        found = spread([score.relative_l2 for score in scores]) if scores else {}
        row |= {f"{name}_{key}": found.get(key) for key in ("median", "p95")}
    return row
