"""The card of a trained surrogate: what it is for, and what made it."""

import sys
from importlib.metadata import PackageNotFoundError, version
from math import inf, isfinite
from pathlib import Path
from typing import Any

from torch import nn

from .data import Dataset, Observed
from .features import names
from .networks.two_level import UNet
from .settings import TrainingSettings
from .two_level.corrector import Normalisation

FORMAT = 1
UNET = "unet"
LARGEST_SIZE = 4096


def training_card(
    settings: TrainingSettings,
    dataset: Dataset,
    network: nn.Module,
    normalisation: Normalisation,
    parts: dict[str, Observed],
) -> dict[str, Any]:
    """Plain JSON; `Surrogate.save` adds the digest of the weights."""
    grid = dataset.grid
    trained = [s for s in dataset.card["simulations"] if s["split"] == "train"]
    return {
        "format": FORMAT,
        "kind": "two-level",
        "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
        "boundaries": dataset.card["boundaries"],
        "base": settings.base,
        "features": settings.features.to_json(),
        "channels": names(settings.features.residual),
        "network": _network(network, settings),
        "parameters": sum(p.numel() for p in network.parameters()),
        "normalisation": {
            "mean": list(normalisation.mean),
            "spread": list(normalisation.spread),
            "correction": normalisation.correction,
        },
        "range": {
            name: [min(s[name] for s in trained), max(s[name] for s in trained)]
            for name in ("gamma_T", "gamma_p", "heating", "rayleigh")
        },
        "data": {
            "name": dataset.path.resolve().name,
            "hash": dataset.card["hash"],
            "seed": dataset.card.get("seed"),
            "config": dataset.card.get("config"),
            "command": dataset.card.get("command"),
            "simulations": {split: _count(dataset, split) for split in parts},
            "snapshots": {split: len(part) for split, part in parts.items()},
        },
        "training": settings.to_json(),
        "seed": settings.seed,
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "version": code_version(),
    }


def check_card(card: dict[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError where `card` cannot be that of a surrogate."""
    if card["format"] != FORMAT:
        raise ValueError(f"its format is {card['format']!r}, not {FORMAT}")
    for key in ("base", "boundaries"):
        if not isinstance(card[key], str):
            raise TypeError(f"{key} is no text")
    for name in ("gamma_T", "gamma_p"):
        low, high = card["range"][name]
        if not 0 < low <= high < inf:
            raise ValueError(f"the range of {name} is {low} to {high}")
    normalisation = Normalisation.from_json(card["normalisation"])
    numbers = (*normalisation.mean, *normalisation.spread, normalisation.correction)
    if not all(map(isfinite, numbers)) or min(*normalisation.spread, normalisation.correction) <= 0:
        raise ValueError("the normalisation is not finite or not positive")
    network = card["network"]
    if network["kind"] == UNET:
        sizes = (network["block"], network["depth"], *network["widths"])
        if not network["widths"] or not all(
            isinstance(size, int) and 1 <= size <= LARGEST_SIZE for size in sizes
        ):
            raise ValueError(f"the sizes of the network are {sizes}")


def code_version() -> str:
    """The installed version of Tellus, or "source" where it is not installed."""
    try:
        return version("tellus-mantle")
    except PackageNotFoundError:
        return "source"


def _network(network: nn.Module, settings: TrainingSettings) -> dict[str, Any]:
    if isinstance(network, UNet):
        return {"kind": UNET, **settings.network.to_json()}
    return {"kind": f"{type(network).__module__}.{type(network).__qualname__}"}


def _count(dataset: Dataset, split: str) -> int:
    return sum(s["split"] == split for s in dataset.card["simulations"])
