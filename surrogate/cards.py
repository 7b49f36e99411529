"""What cards and metrics.jsonl may hold: types and limits, of settings those they declare."""

from collections.abc import Mapping
from functools import cache
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, Strict, create_model, model_validator

from tellus.errors import InputError
from tellus.io.card import Card, Count, Number, OwnClassUsed, Pair, Positive, Seconds
from tellus.solver.limits import (
    FEWEST_CELLS,
    LARGEST_RAYLEIGH,
    LARGEST_SEED,
    MOST_CELLS,
    NARROWEST,
    WIDEST,
    Limits,
)

from .kinds import KINDS, Kind
from .settings import Declared, StoredSettings, declared, parts

MOST = 10**7
"""Simulations, snapshots, epochs: far more than anybody makes."""

Some = Annotated[int, Field(ge=1, le=MOST)]
WallVelocity = Literal["free-slip", "no-slip"]


class FieldRange(Card):
    """The least and the greatest value of a field."""

    min: Number
    max: Number


class Statistics(Card):
    """Ranges of the fields of simulations."""

    temperature: FieldRange
    log10_viscosity: FieldRange
    u: FieldRange
    v: FieldRange
    largest_u: Pair
    largest_v: Pair


class SimulationEntry(Card):
    """A simulation in the card of a data set."""

    name: str
    split: str
    snapshots: Some
    gamma_T: float = Field(gt=0, le=1e12)
    gamma_p: float = Field(gt=0, le=1e12)
    heating: float = Field(ge=-1e6, le=1e6)
    rayleigh: float = Field(ge=0, le=LARGEST_RAYLEIGH)
    seed: int | None = Field(default=None, ge=0, le=LARGEST_SEED)
    end: Positive | None = None
    statistics: Statistics | None = None


class SamplingEntry(Card):
    """When the snapshots of a data set are taken."""

    snapshot_every: Some | None = None


class Origin(Card):
    """The configuration of a data set; what makes its simulations anew reads all of it."""

    dataset: SamplingEntry = SamplingEntry()


class Cells(Card):
    """A grid."""

    nx: int = Field(ge=FEWEST_CELLS, le=MOST_CELLS)
    ny: int = Field(ge=FEWEST_CELLS, le=MOST_CELLS)
    aspect: float = Field(ge=NARROWEST, le=WIDEST)


class DatasetCard(Card):
    """The card of a data set."""

    grid: Cells
    boundaries: WallVelocity
    simulations: list[SimulationEntry] = Field(min_length=1, max_length=MOST)
    hash: str
    config: Origin | None = None
    command: str | None = None
    version: str | None = None
    statistics: dict[str, Statistics] = Field(default_factory=dict)
    seconds: Seconds | None = None
    classes: dict[str, OwnClassUsed] = Field(default_factory=dict)


class PackedEntry(Card):
    """How the temperatures of a data set were packed, in its card's `travel`."""

    format: int
    half_size: bool


class PackedCard(DatasetCard):
    """The card of a data set packed as temperatures alone."""

    travel: PackedEntry


class Bounds(Card):
    """The least and the greatest parameters of a training."""

    gamma_T: Annotated[tuple[Positive, Positive], Strict(False)]
    gamma_p: Annotated[tuple[Positive, Positive], Strict(False)]
    heating: Pair | None = None
    rayleigh: Pair | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name, pair in self:
            if pair is not None and pair[0] > pair[1]:
                raise ValueError(f"the range of {name} is {pair[0]:g} to {pair[1]:g}")
        return self


class Spent(Card):
    """Seconds that went into a model."""

    data: Seconds | None = None
    training: Seconds | None = None


class OwnNetwork(Card):
    """A network of one's own."""

    kind: str


class ModelCard(Card):
    """The card of a trained model, by what those of all kinds hold; a kind may add to it."""

    format: Literal[1]
    kind: str = ""
    grid: Cells
    boundaries: WallVelocity
    range: Bounds
    weights_sha256: str
    parameters: Count | None = None
    validation: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    seconds: Spent | None = None
    network: Any = None


class EpochLine(Card):
    """A line of metrics.jsonl."""

    epoch: Count
    loss: Number
    seconds: Seconds | None = None
    validation: dict[str, Number]


class OfRecord(BaseModel):
    """Keys that are fields of a record of settings, which must be able to take them."""

    record: ClassVar[type[StoredSettings]]
    names: ClassVar[dict[str, str]]
    """The field of the record that each key is."""

    def values(self) -> dict[str, Any]:
        """What is said of the fields of the record."""
        return {name: getattr(self, key) for key, name in self.names.items()}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            self.record(**self.values())
        except InputError as refusal:
            raise ValueError(str(refusal).rstrip(".")) from None
        return self


class NetworkCard(OfRecord, Card):
    """The shape of a network, all of it named."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["unet"] = "unet"


def typed(one: Declared) -> tuple[Any, dict[str, Any]]:
    """The type of a setting, and its limits in pydantic's words."""
    limits, kind = _limits(one.said.limits or Limits()), one.type
    if get_origin(kind) is tuple:
        item: Any = Annotated[get_args(kind)[0], Field(**limits)]
        kind = Annotated[tuple[item, ...], Strict(False)]
        bounds = ("min_length", "max_length")
        limits = dict(zip(bounds, one.said.length, strict=True)) if one.said.length else {}
    return (kind | None if one.optional else kind), limits


def _limits(limits: Limits) -> dict[str, Any]:
    bounds = {"ge": limits.least, "gt": limits.above, "le": limits.most, "lt": limits.below}
    return {word: bound for word, bound in bounds.items() if isfinite(bound)}


def _fields(said: Mapping[str, Declared]) -> Any:
    """Fields of a pydantic model, by the keys that settings have in files."""
    pairs = {one.said.key or name: (one, *typed(one)) for name, one in said.items()}
    return {
        key: (kind, Field(default=one.default, **limits))
        for key, (one, kind, limits) in pairs.items()
    }


CARDS: dict[str, type[Card]] = {"data set": DatasetCard, "travel": PackedCard}

REBUILDS = ("precision", "seed")
"""Settings that are needed to build a network, beside those of `[model]` and `[network]`."""


@cache
def model_card(kind: Kind, own_network: bool = False) -> type[ModelCard]:
    """The card of a model of this kind, with the limits that its settings declare."""
    said, within = declared(kind.settings), parts(kind.settings)
    needed = {n: one for n, one in said.items() if one.said.section == "model" or n in REBUILDS}
    training = create_model("Training", __base__=Card, **_fields(needed))
    fields: Any = {"training": (training, Field(default={}))}
    record = within.get("network", kind.settings)
    shape = {
        name: one
        for name, one in declared(record).items()
        if "network" in within or one.said.section == "network"
    }
    if own_network:
        fields["network"] = (OwnNetwork, ...)
    elif shape:
        network = create_model("Network", __base__=NetworkCard, **_fields(shape))
        network.record = record
        network.names = {one.said.key or name: name for name, one in shape.items()}
        fields["network"] = (network, ...)
    base: type[ModelCard] = kind.find("card")
    return create_model("ModelCard", __base__=base, **fields)


def check(kind: str, content: dict[str, Any]) -> None:
    """Raise ValueError, saying where and what, for a card that cannot be one of this kind.

    `kind` is "data set", "travel" or a kind of model.
    """
    if kind in CARDS:
        CARDS[kind].of(content)
        return
    network = content.get("network")
    name = network.get("kind", "unet") if isinstance(network, dict) else "unet"
    model_card(KINDS[kind], name != "unet").of(content)
