"""A closure over short stretches of unseen fine runs, against the scheme without one."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellus.solver.grid import Array, Grid
from tellus.surrogate.data import Dataset

from .data import Stretches, load_part
from .model import LearnedClosure
from .momentum import flow_squares
from .settings import OWN, ClosureNetworkSettings, ClosureSettings
from .unrolled import errors


def evaluate_closure(model_dir: Path | str, data: Path, split: str = "test") -> dict[str, Any]:
    """Errors after each stretch of steps, with the velocities of the training, by grid.

    Returns
    -------
    dict
        "grids": for each grid the number of "stretches", and of "temperature" (T at the cells) and
        "heat" (through bottom and top together) the root-mean-square error relative to the rms
        change of T in a step, and to the rms heat, of "rows" (the velocity in each row, with
        velocities of the own grid) relative to these, of "within" (T at the quarters of cells,
        where the data hold it) itself, and of "velocity" and "surface" (that along the top), of the
        flow that `richardson` finds where a stretch begins, relative to these; medians over
        stretches,
        with "closure" and "base"; and "ratio", the median and the 95th percentile of the one over
        the other.

    Raises
    ------
    InputError
        Model or data are missing, damaged or not filtered, or the split has none.
    """
    dataset = Dataset.open(data)
    closure = LearnedClosure.load(model_dir)
    trained = closure.card["training"]
    settings = ClosureSettings(
        network=ClosureNetworkSettings.from_json(closure.card["network"]),
        steps=int(trained["steps"]),
        coarsenings=tuple(trained["coarsenings"]),
        velocity=trained.get("velocity", "fine"),
    )
    part = load_part(dataset, split, settings)
    return {
        "kind": ClosureSettings.kind,
        "split": split,
        "steps": settings.steps,
        "velocity": "their own grid" if settings.velocity == OWN else "finer runs",
        "grids": {
            str(grid): _on_grid(closure, grid, each, settings.velocity == OWN)
            for grid, each in part.stretches.items()
        },
        "parameters": closure.card["parameters"],
        "weights_sha256": closure.sha256,
    }


def _on_grid(closure: LearnedClosure, grid: Grid, each: Stretches, own: bool) -> dict[str, Any]:
    base = errors(grid, each, None, own)
    there = each.to(next(closure.networks.parameters()))
    found = errors(grid, there, closure.networks, own)
    change = each.temperature.diff(dim=1).square().mean(dim=(1, 2, 3))
    sizes = {"temperature": change, "heat": each.wall_heat.square().mean(dim=(1, 2))}
    if own:
        sizes["rows"] = torch.ones(len(each))
    if each.within.numel():
        sizes["within"] = torch.ones(len(each))
    scores: dict[str, Any] = {"stretches": len(each)}
    for name, size in sizes.items():
        both = (getattr(one, name)[:, 0] for one in (found, base))
        scores[name] = _compared(*map(_root, (*both, size)))
    if each.within.numel():
        scores |= _of_flows(closure, grid, each)
    return scores


def _of_flows(closure: LearnedClosure, grid: Grid, each: Stretches) -> dict[str, Any]:
    ours, base = (flow_squares(grid, each, one) for one in (closure.networks.detail, None))
    one = torch.ones(len(each))
    return {
        name: _compared(*map(_root, (ours[:, k], base[:, k], one)))
        for k, name in enumerate(("velocity", "surface"))
    }


def _root(squares: torch.Tensor) -> Array:
    return np.asarray(torch.sqrt(squares.double()).numpy())


def _compared(ours: Array, base: Array, size: Array) -> dict[str, Any]:
    tiny = np.finfo(np.float64).tiny
    ratio = ours / np.maximum(base, tiny)
    return {
        "closure": float(np.median(ours / np.maximum(size, tiny))),
        "base": float(np.median(base / np.maximum(size, tiny))),
        "ratio": {"median": float(np.median(ratio)), "p95": float(np.percentile(ratio, 95))},
    }


SCORES = {
    "temperature": "T",
    "heat": "heat",
    "rows": "velocity by row",
    "within": "within cells",
    "velocity": "velocity",
    "surface": "surface",
}
"""What is said of each grid, and its name in the table."""


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [
        f"{result['steps']} steps with velocities of {result['velocity']}, split "
        f"{result['split']!r}: errors of T over its change in "
        "a step, of heat through bottom and top, of T within cells,",
        "of velocity and surface velocity; medians, and of the ratio in each stretch",
        "",
        f"{'grid':10}{'stretches':>10}  {'error of':14}{'base':>10}{'closure':>10}{'ratio':>8}"
        f"{'p95':>8}",
    ]
    for grid, scores in result["grids"].items():
        for name, title in SCORES.items():
            if name in scores:
                one, ratio = scores[name], scores[name]["ratio"]
                lines.append(
                    f"{grid:10}{scores['stretches']:10d}  {title:14}{one['base']:10.5f}"
                    f"{one['closure']:10.5f}{ratio['median']:8.2f}{ratio['p95']:8.2f}"
                )
    return "\n".join(lines)
