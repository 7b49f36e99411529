"""A-priori evaluation: a surrogate and its base against direct solutions, snapshot by snapshot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.errors import InputError
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import StokesProblem, velocity

from .data import Dataset, Simulation
from .features import rms_velocity
from .model import Surrogate

QUIET_VRMS = 1.0
"""Snapshots with a slower flow are left out of relative errors, and counted."""

TIMED_DIRECT_SOLVES = 20

Predict = Callable[[StokesProblem], Array]


def evaluate(model_dir: Path | None, data: Path, split: str = "test") -> dict[str, Any]:
    """Errors and seconds of model and base over the evenly spread snapshots of a split.

    Returns
    -------
    dict
        "relative_l2": median, p95 and max over snapshots of the relative velocity error;
        "max_divergence": max over snapshots and cells of |div u| h / max|u|, h the smaller
        spacing; "walls": for each wall the median over snapshots of the rms error of the
        tangential velocity half a cell from it over the reference's rms velocity in the box;
        "base": the same of the base alone; "improvement": ratio of the medians, base over
        model; "per_simulation", "seconds" (medians per snapshot), "snapshots" and
        "quiet_snapshots_left_out".

    Raises
    ------
    InputError
        Model or data are missing or damaged, the split is unknown, or nothing moves in it.
    """
    dataset = Dataset.open(data)
    surrogate = Surrogate.load(model_dir, dataset.grid)
    base, model, rows, quiet = _Scores(), _Scores(), [], 0
    direct: list[float] = []
    walls = _walls(dataset.card["boundaries"])
    for simulation in dataset.simulations(split):
        surrogate.check(dataset.grid, walls, simulation.rheology)
        moves = simulation.vrms() >= QUIET_VRMS
        chosen = [k for k in range(len(simulation)) if simulation.even[k] and moves[k]]
        quiet += int(simulation.even.sum()) - len(chosen)
        before = len(model.errors)
        for k in chosen:
            problem, reference = simulation.problem(k), simulation.psi[k]
            base.add(problem, surrogate.base_stream_function, reference)
            model.add(problem, lambda p: surrogate.predict(p)[0], reference)
            if len(direct) < TIMED_DIRECT_SOLVES:
                direct.append(_direct_seconds(problem))
        rows.append(_row(simulation, base.errors[before:], model.errors[before:]))
    if not model.errors:
        raise InputError(f'{data}: no snapshot of split "{split}" moves; evaluate another split.')
    return {
        "split": split,
        **model.summary(),
        "base": {"name": surrogate.card["base"], **base.summary()},
        "improvement": float(np.median(base.errors) / np.median(model.errors)),
        "per_simulation": rows,
        "seconds": {
            "base": float(np.median(base.seconds)),
            "model": float(np.median(model.seconds)),
            "direct": float(np.median(direct)),
        },
        "snapshots": len(model.errors),
        "quiet_snapshots_left_out": quiet,
        "grid": str(dataset.grid),
        "weights_sha256": surrogate.sha256,
    }


class _Scores:
    """Errors of one way to get psi, snapshot by snapshot."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.seconds: list[float] = []
        self.divergence: list[float] = []
        self.walls: dict[str, list[float]] = {}

    def add(self, problem: StokesProblem, predict: Predict, reference: Array) -> None:
        """Predict one snapshot and compare."""
        start = perf_counter()
        psi = predict(problem)
        self.seconds.append(perf_counter() - start)
        grid = problem.grid
        scale = rms_velocity(reference, grid)
        self.errors.append(rms_velocity(psi - reference, grid) / scale)
        self.divergence.append(_divergence(psi, grid))
        for wall, error in _wall_errors(psi - reference, grid).items():
            self.walls.setdefault(wall, []).append(error / scale)

    def summary(self) -> dict[str, Any]:
        """The figures of the result."""
        return {
            "relative_l2": {
                "median": float(np.median(self.errors)),
                "p95": float(np.percentile(self.errors, 95)),
                "max": float(np.max(self.errors)),
            },
            "max_divergence": float(np.max(self.divergence)),
            "walls": {wall: float(np.median(errors)) for wall, errors in self.walls.items()},
        }


def _walls(velocity: str) -> BoundaryConditions:
    """The default walls with this condition on the velocity, as the card of a data set has it."""
    walls = BoundaryConditions().walls
    return BoundaryConditions(
        **{name: replace(wall, velocity=velocity) for name, wall in walls.items()}
    )


def _divergence(psi: Array, grid: Grid) -> float:
    """max |div u| h / max|u|."""
    u, v = velocity(psi, grid)
    divergence = np.diff(u, axis=1) / grid.hx + np.diff(v, axis=0) / grid.hy
    largest = max(np.max(np.abs(u)), np.max(np.abs(v)))
    return float(np.max(np.abs(divergence)) * min(grid.hx, grid.hy) / largest)


def _wall_errors(difference: Array, grid: Grid) -> dict[str, float]:
    """Rms tangential velocity of a difference of psi, half a cell from each wall."""
    u, v = velocity(difference, grid)
    beside = {"left": v[:, 0], "right": v[:, -1], "bottom": u[0], "top": u[-1]}
    return {wall: float(np.sqrt(np.mean(values**2))) for wall, values in beside.items()}


def _direct_seconds(problem: StokesProblem) -> float:
    from tellus.solver.direct import DirectSolver

    solver = DirectSolver(problem.grid)
    solver.solve(problem)
    start = perf_counter()
    solver.solve(problem)
    return perf_counter() - start


def _row(simulation: Simulation, base: list[float], model: list[float]) -> dict[str, Any]:
    """One line of the table; a simulation that never moves has None for errors."""
    row: dict[str, Any] = {
        "name": simulation.name,
        "gamma_T": simulation.rheology.gamma_T,
        "gamma_p": simulation.rheology.gamma_p,
        "heating": simulation.heating,
        "snapshots": len(model),
    }
    for name, errors in (("base", base), ("model", model)):
        row[f"{name}_median"] = float(np.median(errors)) if errors else None
        row[f"{name}_p95"] = float(np.percentile(errors, 95)) if errors else None
    return row


def table(result: dict[str, Any]) -> str:
    """The result as text: base alone and base with network side by side, by simulation."""
    name, seconds = result["base"]["name"], result["seconds"]
    lines = [
        f"relative velocity error on split {result['split']!r}, {result['snapshots']} snapshots "
        f"at {result['grid']} ({result['quiet_snapshots_left_out']} quiet ones left out)",
        "",
        f"{'':24}{'':>28}{name + ' alone':>18}{'with network':>18}",
        f"{'simulation':12}{'gamma_T':>10}{'gamma_p':>9}{'heating':>9}{'snapshots':>11}"
        f"{'median':>10}{'p95':>9}{'median':>9}{'p95':>9}",
    ]
    for row in result["per_simulation"]:
        lines.append(
            f"{row['name']:12}{row['gamma_T']:10.1e}{row['gamma_p']:9.1f}{row['heating']:9.1f}"
            f"{row['snapshots']:11d}{_percent(row['base_median']):>10}{_percent(row['base_p95']):>9}"
            f"{_percent(row['model_median']):>9}{_percent(row['model_p95']):>9}"
        )
    both = [
        _percent(result[part]["relative_l2"][key] if part else result["relative_l2"][key])
        for part in ("base", "")
        for key in ("median", "p95")
    ]
    lines += [
        f"{'all':51}{both[0]:>10}{both[1]:>9}{both[2]:>9}{both[3]:>9}",
        f"{'milliseconds':51}{1e3 * seconds['base']:>10.2f}{'':9}{1e3 * seconds['model']:>9.2f}"
        f"   (direct {1e3 * seconds['direct']:.2f})",
        "",
        f"the network makes the median error {result['improvement']:.1f} times smaller; "
        f"largest divergence {result['max_divergence']:.1e} max|u|/h",
    ]
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"
