"""One step of a U-net that steps in time against the simulations, and then many."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellus.io.text_table import aligned, percent
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array, Grid
from tellus.surrogate.data import Dataset
from tellus.surrogate.evaluation.scores import spread
from tellus.surrogate.multi_scale.settings import PaperWeights

from .data import Pairs, TimedSnapshots
from .model import FIELDS, CellState, TimeStepper, node_divergence, step_losses
from .rollout import STARTS, STEPS, matching_stepper, time_rollout

PAPER = PaperWeights()
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
    history = TimedSnapshots.load(dataset, split)
    pairs = Pairs(history, stepper.scale, interval, dtype=stepper.dtype)
    each = [_one_pair(stepper, pairs, k, dataset.grid) for k in range(len(pairs))]
    predicted, previous, divergences = zip(*each, strict=True)
    moving = pairs.vrms >= QUIET_VRMS
    return {
        "kind": "time-unet",
        "split": split,
        "grid": str(dataset.grid),
        "interval": interval,
        **_summary(predicted, moving),
        "max_divergence": max(divergences),
        "previous": _summary(previous, moving),
        "pairs": int(moving.sum()),
        "quiet_pairs_left_out": int((~moving).sum()),
        "parameters": stepper.card["parameters"],
        "rollout": {start: time_rollout(model_dir, data, split, STEPS, start) for start in STARTS},
        "weights_sha256": stepper.sha256,
    }


def _one_pair(stepper: TimeStepper, pairs: Pairs, k: int, grid: Grid) -> tuple[Array, Array, float]:
    """Errors of the model, errors if nothing changed, and the largest divergence."""
    plain = torch.zeros(1, dtype=torch.bool)
    state, parameters, dt, target = pairs.select(torch.tensor([k]), plain, grid)
    predicted = stepper.step(state, parameters, dt)
    divergence = float(node_divergence(predicted.u, predicted.v, grid).abs().max())
    largest = float(torch.maximum(predicted.u.abs().max(), predicted.v.abs().max()))
    share = divergence * min(grid.hx, grid.hy) / max(largest, 1e-30)
    return _errors(predicted, target), _errors(state, target), share


def _errors(found: CellState, target: CellState) -> Array:
    """Loss of T, u and v, relative error of T and of velocity."""
    losses = step_losses(found, target, PAPER.scaling, PAPER.wall_weight)[0]
    relative = [found.error(target, "temperature"), found.error(target, "u", "v")]
    return np.asarray(torch.cat([losses, *relative]).double().numpy())


def _summary(errors: Sequence[Array], moving: Any) -> dict[str, Any]:
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
        *_one_step(result),
        f"largest divergence {result['max_divergence']:.1e} max|u|/h",
    ]
    for start, rollout in result["rollout"].items():
        lines += [
            "",
            f"rolled out from {start} snapshots: {rollout['lost']} of "
            f"{len(rollout['per_simulation'])} lost within {len(rollout['steps'])} steps",
            *_course(rollout["steps"]),
        ]
    return "\n".join(lines)


def _one_step(result: dict[str, Any]) -> Iterator[str]:
    rows = [["", "T median", "p95", "velocity", "p95", "loss T", "u and v"]]
    for name, errors in (("U-net", result), ("nothing changes", result["previous"])):
        temperature, velocity = errors["temperature_relative_l2"], errors["relative_l2"] or {}
        shares = [part.get(key) for part in (temperature, velocity) for key in ("median", "p95")]
        losses = [f"{errors['loss'][key]:.4f}" for key in ("temperature", "velocity")]
        rows.append([name, *map(percent, shares), *losses])
    return aligned(rows, left=1)


def _course(steps: list[dict[str, Any]]) -> Iterator[str]:
    rows = [["steps", "alive", "lost", "T", "held", "velocity", "held", "<T>"]]
    for row in steps:
        counts = [str(row[key]) for key in ("steps", "alive", "lost")]
        both = (row, row["held"])
        errors = [one[f"{name}_error"] for name in ("temperature", "velocity") for one in both]
        drift = row["mean_temperature_error"]
        rows.append([*counts, *map(percent, errors), "-" if drift is None else f"{drift:.4f}"])
    return aligned(rows, left=0)
