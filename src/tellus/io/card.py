"""What JSON on disk must be: the types and limits that its records name, as in configurations.

Keys that are not named may hold anything. Import it where it is used: a GPU machine may lack
pydantic, and does with the plain reading that follows; see `tellus.surrogate.card`.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, Strict
from pydantic import ValidationError as Invalid

Number = Annotated[float, Field(ge=-1e100, le=1e100)]
Positive = Annotated[float, Field(gt=0, le=1e100)]
Seconds = Annotated[float, Field(ge=0, le=1e12)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Pair = Annotated[tuple[Number, Number], Strict(False)]


class Card(BaseModel):
    """Strict about what it names."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """The record that a content is; ValueError says where and what cannot be."""
        try:
            return cls.model_validate(content)
        except Invalid as failure:
            error = failure.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, error["loc"]))
            if error["type"] == "missing":
                raise ValueError(f"it has no {place}") from None
            said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
            raise ValueError(f"{place}: {said[:1].lower()}{said[1:]}" if place else said) from None


class OwnClassUsed(Card):
    """A class of one's own, and the digest of its file when it was first used."""

    named: str = Field(alias="class")
    sha256: str
