"""What the card of the network of Agarwal et al. (2025) may hold, beside what every card does."""

from typing import Literal

from pydantic import Field

from tellus.io.card import Card, Number
from tellus.surrogate.cards import ModelCard


class VelocityScaleEntry(Card):
    """A scale of velocity: its kind, and coefficients or a factor."""

    kind: Literal["regression", "viscosity", "coarse"]
    factor: int | None = Field(default=None, ge=1, le=1024)
    constant: Number | None = None
    heating: Number | None = None
    gamma_T: Number | None = None
    gamma_p: Number | None = None
    buoyancy: Number | None = None
    smallest: Number | None = None
    mean: Number | None = None


class MultiScaleCard(ModelCard):
    """The card of a network that learns velocities over a scale of them."""

    scale: VelocityScaleEntry | None = None
