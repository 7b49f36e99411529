"""What the card of a two-level surrogate may hold, beside what every card does."""

from pydantic import Field

from tellus.io.card import Card, Number, Positive
from tellus.surrogate.cards import ModelCard


class Features(Card):
    """What the network of a two-level surrogate sees."""

    residual: bool


class NormalisationEntry(Card):
    """What brings the features to about one."""

    mean: list[Number] = Field(max_length=64)
    spread: list[Positive] = Field(max_length=64)
    correction: Positive


class TwoLevelCard(ModelCard):
    """The card of a two-level surrogate."""

    base: str | None = None
    features: Features | None = None
    normalisation: NormalisationEntry | None = None
