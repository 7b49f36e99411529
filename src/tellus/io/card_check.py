"""Cards on disk, found to be what they should be where that can be known."""

from typing import Any


def check_card(kind: str, card: dict[str, Any]) -> None:
    """Raise ValueError for a card that cannot be of this `kind`; see `config.cards.check`.

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
