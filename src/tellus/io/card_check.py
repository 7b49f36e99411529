"""Cards on disk, found to be what they should be where that can be known."""

from typing import Any

TWO_LEVEL = "two-level"
KINDS = (TWO_LEVEL, "multi-scale", "time-unet", "profile")
"""Of models; the card of an early two-level one does not say it."""


def check_card(kind: str, card: dict[str, Any]) -> None:
    """Raise ValueError for a card that cannot be of this `kind`, a key of `cards.CARDS`.

    Where pydantic is missing, as on a GPU machine, nothing is found wrong: whoever reads the card
    stumbles over it.
    """
    try:
        from tellus.config import cards
    except ModuleNotFoundError as error:
        if error.name != "pydantic":
            raise
        return
    cards.check(kind, card)


def kind_of_model(card: dict[str, Any]) -> str:
    """Of the model that a card is of; ValueError for one that this version does not know."""
    kind = card.get("kind", TWO_LEVEL)
    if kind not in KINDS:
        raise ValueError(f"its kind is none of {', '.join(KINDS)}")
    return str(kind)
