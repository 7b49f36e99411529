"""One step of a U-net that steps in time against the simulations, and then many."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import QUIET_VRMS
from tellus.surrogate.data import Dataset
from tellus.surrogate.evaluation.scores import spread
from tellus.surrogate.evaluation.table import percent

from .data import History, Pairs
from .model import FIELDS, State, TimeStepper, node_divergence, step_losses
from .rollout import STARTS, STEPS, matching_stepper, time_rollout

WALL_WEIGHT = 10.0
"""Losses are the paper's, range and wall weights included, whatever the U-net was trained with."""


def evaluate_time_unet(model_dir: Path | str, data: Path, split: str = "test") -> dict[str, Any]:
    """One-step errors over all pairs of a split, and rollouts of `STEPS` steps.

    Returns
    -------
    dict
        "relative_l2": median, p95 and max over pairs of the relative error of the velocity
        at the cells; "temperature_relative_l2": the same of T; "loss": mean over pairs of the
        paper's loss of each field and, "velocity", of u and v together, which the loss
        of a Stokes network without its derivative and divergence terms compares to;
        "max_divergence": max over pairs and nodes of |div u| h / max|u|; "previous": the
        same errors and losses if nothing changed; "pairs" and "quiet_pairs_left_out" of
        relative errors of velocity; "rollout": see `time_rollout`, by start.

    Raises
    ------
    InputError
        Model or data are missing, damaged or do not fit each other, or the split has no pairs.
    """
    dataset = Dataset.open(data)
    stepper = matching_stepper(model_dir, dataset)
    interval = int(stepper.card["training"]["interval"])
    history = History.load(dataset, split)
    pairs = Pairs(history, stepper.scale, interval, dtype=stepper.dtype)
    rows = [_one_pair(stepper, pairs, k, dataset.grid) for k in range(len(pairs))]
    moving = pairs.vrms >= QUIET_VRMS
    return {
        "kind": "time-unet",
        "split": split,
        "grid": str(dataset.grid),
        "interval": interval,
        **_summary([row["model"] for row in rows], moving),
        "max_divergence": max(row["divergence"] for row in rows),
        "previous": _summary([row["previous"] for row in rows], moving),
        "pairs": int(moving.sum()),
        "quiet_pairs_left_out": int((~moving).sum()),
        "parameters": stepper.card["parameters"],
        "rollout": {start: time_rollout(model_dir, data, split, STEPS, start) for start in STARTS},
        "weights_sha256": stepper.sha256,
    }


def _one_pair(stepper: TimeStepper, pairs: Pairs, k: int, grid: Grid) -> dict[str, Any]:
    plain = torch.zeros(1, dtype=torch.bool)
    state, parameters, dt, target = pairs.select(torch.tensor([k]), plain, grid)
    predicted = stepper.step(state, parameters, dt)
    divergence = float(node_divergence(predicted.u, predicted.v, grid).abs().max())
    largest = float(torch.maximum(predicted.u.abs().max(), predicted.v.abs().max()))
    return {
        "model": _errors(predicted, target),
        "previous": _errors(state, target),
        "divergence": divergence * min(grid.hx, grid.hy) / max(largest, 1e-30),
    }


def _errors(found: State, target: State) -> Array:
    """Loss of T, u and v, relative error of T and of velocity."""
    losses = step_losses(found, target, scaling=True, extra=WALL_WEIGHT)[0]
    relative = [found.error(target, "temperature"), found.error(target, "u", "v")]
    return np.asarray(torch.cat([losses, *relative]).double().numpy())


def _summary(errors: list[Array], moving: Any) -> dict[str, Any]:
    columns = np.stack(errors)
    losses = dict(zip(FIELDS, columns[:, :3].mean(axis=0).tolist(), strict=True))
    return {
        "relative_l2": spread(columns[moving, 4].tolist()) if moving.any() else None,
        "temperature_relative_l2": spread(columns[:, 3].tolist()),
        "loss": {**losses, "velocity": losses["u"] + losses["v"]},
    }


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [
        f"one step of {result['interval']} solver steps on split {result['split']!r} at "
        f"{result['grid']}, {result['pairs']} pairs "
        f"({result['quiet_pairs_left_out']} quiet ones left out of velocity errors)",
        "",
        f"{'':20}{'T median':>10}{'p95':>9}{'velocity':>12}{'p95':>9}{'loss T':>11}{'u and v':>10}",
        _one_step_line("U-net", result),
        _one_step_line("nothing changes", result["previous"]),
        f"largest divergence {result['max_divergence']:.1e} max|u|/h",
    ]
    for start, rollout in result["rollout"].items():
        lines += ["", *_rollout_lines(start, rollout)]
    return "\n".join(lines)


def _one_step_line(name: str, errors: dict[str, Any]) -> str:
    temperature, velocity = errors["temperature_relative_l2"], errors["relative_l2"] or {}
    return (
        f"{name:20}{percent(temperature['median']):>10}{percent(temperature['p95']):>9}"
        f"{percent(velocity.get('median')):>12}{percent(velocity.get('p95')):>9}"
        f"{errors['loss']['temperature']:11.4f}{errors['loss']['velocity']:10.4f}"
    )


def _rollout_lines(start: str, rollout: dict[str, Any]) -> list[str]:
    lines = [
        f"rolled out from {start} snapshots: {rollout['lost']} of "
        f"{len(rollout['per_simulation'])} lost within {len(rollout['steps'])} steps",
        f"{'steps':>6}{'alive':>7}{'lost':>6}{'T':>10}{'held':>10}{'velocity':>11}{'held':>10}"
        f"{'<T>':>9}",
    ]
    for row in rollout["steps"]:
        held = row["held"]
        drift = row["mean_temperature_error"]
        lines.append(
            f"{row['steps']:6d}{row['alive']:7d}{row['lost']:6d}"
            f"{percent(row['temperature_error']):>10}{percent(held['temperature_error']):>10}"
            f"{percent(row['velocity_error']):>11}{percent(held['velocity_error']):>10}"
            f"{'-' if drift is None else f'{drift:.4f}':>9}"
        )
    return lines
