"""What the card of a U-net that steps in time may hold, beside what every card does."""

from typing import Annotated

from pydantic import Strict

from tellus.io.card import Number, Positive
from tellus.surrogate.multi_scale.card import MultiScaleCard


class TimeUNetCard(MultiScaleCard):
    """The card of a U-net that steps in time; `log10_dt` is mean and spread of its intervals."""

    log10_dt: Annotated[tuple[Number, Positive], Strict(False)] | None = None
