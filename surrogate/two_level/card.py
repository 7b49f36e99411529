"""What the card of a two-level surrogate holds of its own."""

from typing import Any

from torch import nn

from tellus.surrogate.data import Dataset, Observed
from tellus.surrogate.features import names
from tellus.surrogate.networks.residual_unet import UNet
from tellus.surrogate.settings import TrainingSettings

from .corrector import Normalisation

UNET = "unet"


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


def _network(network: nn.Module, settings: TrainingSettings) -> dict[str, Any]:
    if isinstance(network, UNet):
        return {"kind": UNET, **settings.network.to_json()}
    return {"kind": f"{type(network).__module__}.{type(network).__qualname__}"}
