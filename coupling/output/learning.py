"""Pictures of what is learned: the curves of a training, and what an evaluation found."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tellus.coupling.output.style import LINES, picture_place, save_picture, styled
from tellus.errors import InputError
from tellus.io.json_file import brief, read_json_lines
from tellus.io.recognised import MADE, MODEL
from tellus.io.shown import in_picture
from tellus.surrogate.card import METRICS
from tellus.surrogate.cards import EpochLine
from tellus.surrogate.evaluation.table import Evaluation

SCORES = ("median", "p95", "base_median")


def plot_training(model: Path, out: Path | None = None) -> Path:
    """Draw metrics.jsonl of a trained model into `out`, by default MODEL/training.png.

    Raises InputError if it holds no finished epoch or is damaged.
    """
    lines = read_metrics(model)
    place = picture_place(out, model / "training.png")
    with styled():
        save_picture(_curves(lines), place)
    return place


def _curves(lines: list[EpochLine]) -> Figure:
    """Losses on the left, scores on the right."""
    epochs = [line.epoch for line in lines]
    figure = Figure(figsize=(9, 3.5))
    left, right = figure.subplots(1, 2)
    left.semilogy(epochs, [line.loss for line in lines], color=LINES[2], label="training")
    if "loss" in lines[0].validation:
        losses = [line.validation["loss"] for line in lines]
        left.semilogy(epochs, losses, color=LINES[1], label="validation")
    left.set(xlabel="epoch", ylabel="loss")
    left.legend()
    for number, score in enumerate(name for name in SCORES if name in lines[0].validation):
        values = [line.validation[score] for line in lines]
        right.semilogy(epochs, values, color=LINES[number], label=score.replace("_", " "))
    right.set(xlabel="epoch", ylabel="relative error, validation")
    if right.lines:
        right.legend()
    return figure


def read_metrics(model: Path) -> list[EpochLine]:
    """A record for each epoch of a training."""
    path, remedy = model / METRICS, f"name {MADE[MODEL]}"
    try:
        lines = [EpochLine.of(line) for line in read_json_lines(path, remedy)]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({brief(error)}): {remedy}.") from None
    if not lines:
        raise InputError(f"{path} has no finished epoch yet: wait for the first one.")
    return lines


def figure(result: Evaluation) -> Figure:
    """What an evaluation found, the base beside the model if it has one."""
    parts = {"model": result}
    if "base" in result:
        parts = {in_picture(result["base"]["name"]): result["base"], **parts}
    with styled():
        drawing = Figure(figsize=(12.6, 3.6))
        by_decade, by_wall, by_wave = drawing.subplots(1, 3)
        _decades(by_decade, parts)
        _walls(by_wall, parts)
        _spectrum(by_wave, parts)
        grid, split = result["grid"], result["split"]
        drawing.suptitle(
            f"{result['snapshots']} snapshots of split {in_picture(split)!r}, {grid}", fontsize=9
        )
    return drawing


def _decades(axis: Axes, parts: Mapping[str, Evaluation]) -> None:
    """Medians of u and v, with a bar up to the 95th percentile."""
    for colour, (name, part) in zip(LINES[1:], parts.items(), strict=False):
        for component, marker, shift in (("u", "o", -0.08), ("v", "^", 0.08)):
            found = [(d["from"], d[component]["relative_l2"]) for d in part["decades"]]
            low, medians, p95 = np.array([(f, e["median"], e["p95"]) for f, e in found]).T
            above = np.stack([np.zeros_like(p95), p95 - medians])
            place = low * 10 ** (0.5 + shift)
            label = f"{name}, {component}"
            axis.errorbar(
                place, medians, above, fmt=marker, ms=5, lw=1, capsize=2, color=colour, label=label
            )
    axis.set(xscale="log", yscale="log", title="relative error, median and 95th percentile")
    axis.set(xlabel="rms velocity of the snapshot")
    axis.legend(fontsize=7)


def _walls(axis: Axes, parts: Mapping[str, Evaluation]) -> None:
    walls = list(next(iter(parts.values()))["walls"])
    places, width = np.arange(len(walls)), 0.8 / len(parts)
    for k, (name, part) in enumerate(parts.items()):
        errors = [part["walls"][wall] for wall in walls]
        shift = (k - 0.5 * (len(parts) - 1)) * width
        axis.bar(places + shift, errors, width, color=LINES[1 + k], label=name)
    axis.set(xticks=places, yscale="log", title="tangential velocity at walls, error over vrms")
    axis.set_xticklabels(walls)
    axis.legend(fontsize=7)


def _spectrum(axis: Axes, parts: Mapping[str, Evaluation]) -> None:
    model = list(parts.values())[-1]["spectrum"]
    drawn = {"reference": model["reference"]}
    drawn |= {f"error of {name}": part["spectrum"]["error"] for name, part in parts.items()}
    # Waves are counted from one: a divergence-free v has no mean, and a logarithm no zero.
    for colour, (name, power) in zip(LINES, drawn.items(), strict=False):
        axis.loglog(model["wave_number"][1:], power[1:], color=colour, lw=1.2, label=name)
    largest = max(max(power[1:]) for power in drawn.values())
    # Below that it is rounding.
    axis.set(ylim=(max(axis.get_ylim()[0], 1e-14 * largest), None), xlabel="half waves in the box")
    axis.set(title="power of v, share of the reference's")
    axis.legend(fontsize=7)
