"""The kinds of models there are: the one table that every place which must know them reads."""

from collections.abc import Mapping
from typing import Any

from tellus.surrogate import multi_scale, profile, time_unet, two_level

from .kind import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (two_level.KIND, multi_scale.KIND, time_unet.KIND, profile.KIND)
}
"""By `[model] kind`; the first is meant where a file or a card does not say it."""


def kind_of_card(card: Mapping[str, Any]) -> Kind:
    """What a card is of; ValueError for a kind that this version does not know."""
    name = card.get("kind", next(iter(KINDS)))
    if name not in KINDS:
        raise ValueError(f"its kind is none of {', '.join(KINDS)}")
    return KINDS[name]
