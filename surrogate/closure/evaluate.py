"""A closure over short stretches of unseen fine runs, against the scheme without one."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellus.solver.grid import Array, Grid
from tellus.surrogate.data import Dataset

from .carrying import BATCH, errors, plain_errors
from .data import Stretches, load_part
from .model import LearnedClosure
from .settings import ClosureNetworkSettings, ClosureSettings


def evaluate_closure(model_dir: Path | str, data: Path, split: str = "test") -> dict[str, Any]:
    """Errors after each stretch of steps with the velocities of the fine runs, by grid.

    Returns
    -------
    dict
        "grids": for each grid the number of "stretches", and of "temperature" (T at the cells) and
        "heat" (through bottom and top together) the root-mean-square error relative to the rms
        change of T in a step, and to the rms heat, of "within" (T at the quarters of cells, where
        the data hold it) itself; medians over stretches, with "closure" and "base"; and "ratio",
        the median and the 95th percentile of the one over the other.

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
    )
    part = load_part(dataset, split, settings)
    return {
        "kind": ClosureSettings.kind,
        "split": split,
        "steps": settings.steps,
        "grids": {
            str(grid): _on_grid(closure, grid, each) for grid, each in part.stretches.items()
        },
        "parameters": closure.card["parameters"],
        "weights_sha256": closure.sha256,
    }


def _on_grid(closure: LearnedClosure, grid: Grid, each: Stretches) -> dict[str, Any]:
    base = plain_errors(grid, each)
    with torch.inference_mode():
        found = [
            errors(grid, each.select(rows), closure.networks)
            for rows in torch.arange(len(each)).split(BATCH)  # type: ignore[no-untyped-call]
        ]
    change = each.temperature.diff(dim=1).square().mean(dim=(1, 2, 3))
    sizes = {"temperature": change, "heat": each.wall_heat.square().mean(dim=(1, 2))}
    if each.within.numel():
        sizes["within"] = torch.ones(len(each))
    scores: dict[str, Any] = {"stretches": len(each)}
    for name, size in sizes.items():
        ours = torch.cat([getattr(one, name) for one in found])
        scores[name] = _compared(*(_root(part) for part in (ours, getattr(base, name), size)))
    return scores


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


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [
        f"{result['steps']} steps with velocities of finer runs, split {result['split']!r}: "
        "errors over the change of T in a step, and over the heat through bottom and top",
        "",
        f"{'grid':10}{'stretches':>10}{'T, base':>10}{'closure':>9}{'ratio':>7}{'p95':>7}"
        f"{'heat, base':>12}{'closure':>9}{'ratio':>7}{'p95':>7}"
        f"{'within, base':>14}{'closure':>9}{'ratio':>7}{'p95':>7}",
    ]
    for grid, scores in result["grids"].items():
        cells = [f"{grid:10}{scores['stretches']:10d}"]
        for name, width in (("temperature", 10), ("heat", 12), ("within", 14)):
            if name not in scores:
                continue
            one, ratio = scores[name], scores[name]["ratio"]
            cells.append(
                f"{one['base']:{width}.4f}{one['closure']:9.4f}{ratio['median']:7.2f}"
                f"{ratio['p95']:7.2f}"
            )
        lines.append("".join(cells))
    return "\n".join(lines)
