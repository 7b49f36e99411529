"""A-priori evaluation: a surrogate and its base against direct solutions, snapshot by snapshot."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tellus.errors import InputError, SolverError
from tellus.solver.boundaries import NO_SLIP, BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import QUIET_VRMS, Flow, StokesProblem, StokesReport, flow_from_psi
from tellus.surrogate.data import Dataset, StoredSimulation
from tellus.surrogate.load import load_surrogate
from tellus.surrogate.model import StokesSurrogate

from .previous import compared, interval, predecessors
from .scores import Score, Scores, errors
from .table import table

__all__ = ["evaluate", "table"]

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
        self.walls = _walls(dataset.card["boundaries"])
        odd = self.walls.left.velocity == NO_SLIP
        self.base, self.model, self.held = Scores(odd), Scores(odd), Scores(odd)
        # Those of the model's scores that have one in `held`.
        self.beside_held: list[Score] = []
        self.rows: list[dict[str, Any]] = []
        self.direct: list[float] = []
        self.quiet = 0

    def run(self, simulation: StoredSimulation) -> None:
        """Score the chosen snapshots of one simulation."""
        self.surrogate.check(self.dataset.grid, self.walls, simulation.rheology)
        moves = simulation.vrms() >= QUIET_VRMS
        chosen = [k for k in range(len(simulation)) if simulation.even[k] and moves[k]]
        self.quiet += int(simulation.even.sum()) - len(chosen)
        before = predecessors(self.dataset, simulation)
        begin = len(self.model.all)
        for k in chosen:
            self._snapshot(simulation, k, before.get(k))
        base = None if self.surrogate.base is None else self.base.all[begin:]
        self.rows.append(_row(simulation, base, self.model.all[begin:]))

    def _snapshot(self, simulation: StoredSimulation, k: int, before: int | None) -> None:
        problem, grid = simulation.problem(k), simulation.grid
        reference = _flow(simulation.psi[k], grid)
        if self.surrogate.base is not None:
            start = perf_counter()
            psi = self.surrogate.base.stream_function(problem)
            seconds = perf_counter() - start
            self.base.add(_flow(psi, grid), reference, grid, seconds)
        start = perf_counter()
        flow = self.surrogate.flow(problem)
        seconds = perf_counter() - start
        if not (np.isfinite(flow.u).all() and np.isfinite(flow.v).all()):
            raise SolverError(
                f"the surrogate predicts a velocity that is not finite for snapshot {k} of "
                f"{simulation.name}: train it again."
            )
        score = self.model.add(flow, reference, grid, seconds)
        if before is not None:
            self.held.add(_flow(simulation.psi[before], grid), reference, grid)
            self.beside_held.append(score)
        if len(self.direct) < TIMED_DIRECT_SOLVES:
            self.direct.append(_direct_seconds(problem))

    def result(self) -> dict[str, Any]:
        """All but the split."""
        seconds = {"model": _median_seconds(self.model), "direct": float(np.median(self.direct))}
        result = self.model.summary()
        if self.surrogate.base is not None:
            seconds["base"] = _median_seconds(self.base)
            result["base"] = {"name": self.surrogate.base.name, **self.base.summary()}
            medians = (part["relative_l2"]["median"] for part in (result["base"], result))
            result["improvement"] = float(np.divide(*medians))
        every = interval(self.dataset)
        return {
            **result,
            "previous_snapshot": compared(self.held.all, self.beside_held, every),
            "per_simulation": self.rows,
            "seconds": seconds,
            "snapshots": len(self.model.all),
            "quiet_snapshots_left_out": self.quiet,
            "grid": str(self.dataset.grid),
            "weights_sha256": self.surrogate.sha256,
        }


def _flow(psi: Array, grid: Grid) -> Flow:
    return flow_from_psi(psi, grid, StokesReport("stored"))


def _walls(velocity: str) -> BoundaryConditions:
    """The default walls with this condition on the velocity, as the card of a data set has it."""
    walls = BoundaryConditions().walls
    return BoundaryConditions(
        **{name: replace(wall, velocity=velocity) for name, wall in walls.items()}
    )


def _direct_seconds(problem: StokesProblem) -> float:
    from tellus.solver.direct import DirectSolver

    solver = DirectSolver(problem.grid)
    solver.solve(problem)
    start = perf_counter()
    solver.solve(problem)
    return perf_counter() - start


def _median_seconds(scores: Scores) -> float:
    return float(np.median([score.seconds for score in scores.all]))


def _row(
    simulation: StoredSimulation, base: list[Score] | None, model: list[Score]
) -> dict[str, Any]:
    """One line of the table; a simulation that never moves has None for errors."""
    row: dict[str, Any] = {
        "name": simulation.name,
        "gamma_T": simulation.rheology.gamma_T,
        "gamma_p": simulation.rheology.gamma_p,
        "heating": simulation.heating,
        "snapshots": len(model),
        "vrms": float(np.median([s.vrms for s in model])) if model else None,
        **(errors(model) if model else {"u": None, "v": None, "relative_l2": None}),
    }
    for name, scores in (("base", base), ("model", model)):
        if scores is not None:
            found = [score.relative_l2 for score in scores]
            row[f"{name}_median"] = float(np.median(found)) if found else None
            row[f"{name}_p95"] = float(np.percentile(found, 95)) if found else None
    return row
