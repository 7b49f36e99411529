"""What the card of a two-level surrogate holds of its own, and whether one that is read can be."""

from math import inf, isfinite
from typing import Any

from torch import nn

from tellus.surrogate.card import FORMAT
from tellus.surrogate.data import Dataset, Observed
from tellus.surrogate.features import names
from tellus.surrogate.networks.two_level import UNet
from tellus.surrogate.settings import TrainingSettings

from .corrector import Normalisation

UNET = "unet"
LARGEST_SIZE = 4096


def own_entries(
    settings: TrainingSettings, network: nn.Module, normalisation: Normalisation
) -> dict[str, Any]:
    """What the card of a two-level surrogate holds besides what every card does."""
    return {
        "base": settings.base,
        "features": settings.features.to_json(),
        "channels": names(settings.features.residual),
        "network": _network(network, settings),
        "normalisation": {
            "mean": list(normalisation.mean),
            "spread": list(normalisation.spread),
            "correction": normalisation.correction,
        },
        "seed": settings.seed,
    }


def examples_of(dataset: Dataset, parts: dict[str, Observed]) -> dict[str, Any]:
    """How much of which data was learned from."""
    simulations = {split: len(dataset.entries(split)) for split in parts}
    return {
        "seed": dataset.card.get("seed"),
        "config": dataset.card.get("config"),
        "simulations": simulations,
        "snapshots": {split: len(part) for split, part in parts.items()},
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


def _network(network: nn.Module, settings: TrainingSettings) -> dict[str, Any]:
    if isinstance(network, UNet):
        return {"kind": UNET, **settings.network.to_json()}
    return {"kind": f"{type(network).__module__}.{type(network).__qualname__}"}
