"""What the card of a learned closure may hold, beside what every card does."""

from pydantic import Field

from tellus.io.card import Card, Number, Positive
from tellus.surrogate.cards import ModelCard


class Familiar(Card):
    """Which states a closure is familiar with: the fields of a `closure.distance.Distance`."""

    mean: list[Number] = Field(max_length=64)
    whitening: list[list[Number]] = Field(max_length=64)
    largest: Positive


class ClosureCard(ModelCard):
    """The card of a learned closure."""

    distance: Familiar | None = None
