"""What cards say: whether it can be true, of which grid, and for which parameters."""

from typing import Any

from tellus.errors import InputError
from tellus.solver.grid import Grid

CARD, METRICS = "card.json", "metrics.jsonl"
PARAMETERS = ("gamma_T", "gamma_p", "heating", "rayleigh")
"""Parameters of a simulation; the card of a model holds the range of each over the training."""

NO_CARD = (AttributeError, InputError, KeyError, OverflowError, TypeError, ValueError)
"""What reading a card raises where there is none."""


def check_card(kind: str, card: dict[str, Any]) -> None:
    """Raise ValueError for a card that cannot be of this `kind`; see `cards.check`.

    Where pydantic is missing, as on a GPU machine, nothing is found wrong: whoever reads the card
    stumbles over it.
    """
    try:
        from . import cards
    except ModuleNotFoundError as error:
        if error.name != "pydantic":
            raise
        return
    cards.check(kind, card)


def card_grid(card: dict[str, Any]) -> Grid:
    """The grid that the card of a model or a data set says."""
    shape = card["grid"]
    return Grid(int(shape["nx"]), int(shape["ny"]), float(shape["aspect"]))
