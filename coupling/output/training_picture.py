"""A training's curves: loss and validation scores, epoch by epoch."""

from pathlib import Path
from typing import Any

from cmcrameri import cm
from matplotlib.figure import Figure

from tellus.config.cards import conform
from tellus.config.summaries import EpochLine
from tellus.errors import InputError
from tellus.io.json_file import brief, read_json_lines

from .picture_file import picture_place, save_picture
from .style import styled

METRICS = "metrics.jsonl"
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


def _curves(lines: list[dict[str, Any]]) -> Figure:
    """Losses on the left, scores on the right."""
    epochs = [line["epoch"] for line in lines]
    figure = Figure(figsize=(9, 3.5))
    left, right = figure.subplots(1, 2)
    left.semilogy(epochs, [line["loss"] for line in lines], color=cm.batlowS(2), label="training")
    if "loss" in lines[0]["validation"]:
        losses = [line["validation"]["loss"] for line in lines]
        left.semilogy(epochs, losses, color=cm.batlowS(3), label="validation")
    left.set(xlabel="epoch", ylabel="loss")
    left.legend()
    for number, score in enumerate(name for name in SCORES if name in lines[0]["validation"]):
        values = [line["validation"][score] for line in lines]
        right.semilogy(epochs, values, color=cm.batlowS(number + 2), label=score.replace("_", " "))
    right.set(xlabel="epoch", ylabel="relative error, validation")
    right.legend()
    return figure


def read_metrics(model: Path) -> list[dict[str, Any]]:
    """A dictionary for each epoch of a training."""
    path, remedy = model / METRICS, "name a directory made by `tellus train`"
    try:
        lines = read_json_lines(path, remedy)
        for line in lines:
            conform(EpochLine, line)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({brief(error)}): {remedy}.") from None
    if not lines:
        raise InputError(f"{path} has no finished epoch yet: wait for the first one.")
    return lines
