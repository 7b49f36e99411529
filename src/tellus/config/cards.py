"""What cards, run.json and metrics.jsonl may hold: types and limits, as in the configurations.

Keys that are not named here may hold anything. Import it where it is used: a GPU machine may lack
pydantic, and does with the plain reading that follows; see `tellus.surrogate.card`.
"""

from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, create_model, model_validator
from pydantic import ValidationError as Invalid

from tellus.config.sections import GridSection
from tellus.config.training import pydantic_field, training_config
from tellus.solver.limits import LARGEST_SEED
from tellus.surrogate.kinds import KINDS, Kind
from tellus.surrogate.settings import declared

MOST = 10**7
"""Simulations, snapshots, epochs: far more than anybody makes."""

Number = Annotated[float, Field(ge=-1e100, le=1e100)]
Positive = Annotated[float, Field(gt=0, le=1e100)]
Seconds = Annotated[float, Field(ge=0, le=1e12)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Some = Annotated[int, Field(ge=1, le=MOST)]
Pair = Annotated[tuple[Number, Number], Strict(False)]
Walls = Literal["free-slip", "no-slip"]


class Card(BaseModel):
    """Strict about what it names."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class Spread(Card):
    """Of the values of a field."""

    min: Number
    max: Number


class Statistics(Card):
    """Of the fields of simulations."""

    temperature: Spread
    log10_viscosity: Spread
    u: Spread
    v: Spread
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
    rayleigh: float = Field(ge=0, le=1e12)
    seed: int | None = Field(default=None, ge=0, le=LARGEST_SEED)
    end: Positive | None = None
    statistics: Statistics | None = None


class Schedule(Card):
    """When the snapshots of a data set are taken."""

    snapshot_every: Some | None = None


class Origin(Card):
    """The configuration of a data set; what makes its simulations anew reads all of it."""

    dataset: Schedule = Schedule()


class OwnClassUsed(Card):
    """A class of one's own, and the digest of its file when it was first used."""

    named: str = Field(alias="class")
    sha256: str


class DatasetCard(Card):
    """Of a data set."""

    grid: GridSection
    boundaries: Walls
    simulations: list[SimulationEntry] = Field(min_length=1, max_length=MOST)
    hash: str
    config: Origin | None = None
    command: str | None = None
    version: str | None = None
    statistics: dict[str, Statistics] = {}
    seconds: Seconds | None = None
    classes: dict[str, OwnClassUsed] = {}


class Journey(Card):
    """What a data set that travels says of that."""

    format: int
    half_size: bool


class TravelCard(DatasetCard):
    """Of a data set that travels."""

    travel: Journey


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


class Features(Card):
    """What the network of a two-level surrogate sees."""

    residual: bool


class Normalisation(Card):
    """What brings its features to about one."""

    mean: list[Number] = Field(max_length=64)
    spread: list[Positive] = Field(max_length=64)
    correction: Positive


class Scale(Card):
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


class ModelCard(Card):
    """Of a trained model of any kind: what all of them hold, and what some do."""

    format: Literal[1]
    kind: str = ""
    grid: GridSection
    boundaries: Walls
    range: Bounds
    weights_sha256: str
    parameters: Count | None = None
    validation: dict[str, Any] = {}
    training: dict[str, Any] = {}
    seconds: Spent | None = None
    network: Any = None
    base: str | None = None
    features: Features | None = None
    normalisation: Normalisation | None = None
    scale: Scale | None = None
    log10_dt: Annotated[tuple[Number, Positive], Strict(False)] | None = None


class RunSeconds(Card):
    """Wall time of a run."""

    total: Seconds
    stokes: dict[str, Seconds]
    energy: Seconds | None = None
    output: Seconds | None = None


class UsedClosure(Card):
    """What added to the fluxes of a run."""

    name: str
    weights_sha256: str | None = None


class RunSummary(Card):
    """run.json; versions before this one wrote fewer keys."""

    solver: str
    status: str
    steps: Count
    seconds: RunSeconds
    time: Number | None = None
    message: str = ""
    warnings: list[str] = Field(default_factory=list)
    tellus: str | None = None
    git: str | None = None
    threads: Count | None = None
    machine: dict[str, Any] | None = None
    others_percent: Number | None = None
    versions: dict[str, Any] | None = None
    solver_report: dict[str, Any] | None = None
    start: dict[str, Any] | None = None
    closure: UsedClosure | None = None
    classes: dict[str, OwnClassUsed] = Field(default_factory=dict)


class EpochLine(Card):
    """A line of metrics.jsonl."""

    epoch: Count
    loss: Number
    seconds: Seconds | None = None
    validation: dict[str, Number]


CARDS: dict[str, type[Card]] = {"data set": DatasetCard, "travel": TravelCard}

REBUILDS = ("precision", "seed")
"""Settings that are needed to build a network, beside those of `[model]` and `[network]`."""


@cache
def model_card(kind: Kind, own_network: bool = False) -> type[ModelCard]:
    """The card of a model of this kind, with the limits that its settings declare."""
    needed: Any = {
        name: pydantic_field(one)
        for name, one in declared(kind.settings).items()
        if one.said.section == "model" or name in REBUILDS
    }
    training = create_model("Training", __base__=Card, **needed)
    typed: Any = {"training": (training, Field(default={}))}
    network = training_config(kind).model_fields.get("network")
    if own_network:
        typed["network"] = (OwnNetwork, ...)
    elif network is not None:
        ours: Any = network.annotation
        named: Any = {"kind": (Literal["unet"], "unet")}
        typed["network"] = (create_model("Network", __base__=ours, **named), ...)
    return create_model("ModelCard", __base__=ModelCard, **typed)


def check(kind: str, content: dict[str, Any]) -> None:
    """Raise ValueError, saying where and what, for a card that cannot be one of this kind.

    `kind` is "data set", "travel" or a kind of model.
    """
    if kind in CARDS:
        conform(CARDS[kind], content)
        return
    network = content.get("network")
    name = network.get("kind", "unet") if isinstance(network, dict) else "unet"
    conform(model_card(KINDS[kind], name != "unet"), content)


def conform(model: type[Card], content: dict[str, Any]) -> None:
    """Raise ValueError, saying where and what, for content that is not as `model` says."""
    try:
        model.model_validate(content)
    except Invalid as failure:
        error = failure.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, error["loc"]))
        if error["type"] == "missing":
            raise ValueError(f"it has no {place}") from None
        said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
        raise ValueError(f"{place}: {said[:1].lower()}{said[1:]}" if place else said) from None
