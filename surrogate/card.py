"""The card of a trained model: what it is for, and what made it."""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch import nn

from .data import Dataset
from .settings import LoopSettings

FORMAT = 1
PARAMETERS = ("gamma_T", "gamma_p", "heating", "rayleigh")
"""Of a simulation; a card holds the range of each over the training."""


def training_card(
    settings: LoopSettings,
    dataset: Dataset,
    network: nn.Module,
    examples: Mapping[str, Any],
    scores: Mapping[str, float],
    spent: float,
    /,
    **own: Any,
) -> dict[str, Any]:
    """What every model's card holds, in plain JSON; `files.write_model` adds the digest.

    Parameters
    ----------
    examples : mapping
        What of the data was learned from, beside its name and hash.
    scores : mapping
        The validation scores of `network`.
    spent : float
        Seconds of training.
    **own
        What the cards of this kind hold besides, or in place of what is general.
    """
    card, grid = dataset.card, dataset.grid
    trained = [s for s in card["simulations"] if s["split"] == "train"]
    return {
        "format": FORMAT,
        "kind": settings.kind,
        "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
        "boundaries": card["boundaries"],
        "range": {
            name: [min(s[name] for s in trained), max(s[name] for s in trained)]
            for name in PARAMETERS
        },
        **own,
        "parameters": sum(p.numel() for p in network.parameters()),
        "data": {
            "name": dataset.path.resolve().name,
            "hash": card["hash"],
            **examples,
            "command": card.get("command"),
        },
        "training": settings.to_json(),
        "validation": dict(scores),
        "seconds": {"data": card.get("seconds"), "training": spent},
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "version": code_version(),
    }


def code_version() -> str:
    """The installed version of Tellus, or "source" where it is not installed."""
    try:
        return version("tellus-mantle")
    except PackageNotFoundError:
        return "source"
